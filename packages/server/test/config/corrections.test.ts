/** Owns the tests of what somebody meant by a number in another notation. */
import { describe, expect, it } from 'vitest'
import { correctNumber, DURATION_UNITS, SIZE_UNITS, withoutQuotes } from '../../src/config/corrections.ts'

describe('a duration becomes milliseconds', () => {
  it.each([
    ['10s', '10000'],
    ['10 s', '10000'],
    ['250ms', '250'],
    ['1.5s', '1500'],
    ['1.005s', '1005'],
    ['2m', '120000'],
    ['1h', '3600000'],
    ['1D', '86400000'],
  ])('%s is %s', (text, plain) => {
    expect(correctNumber(text, DURATION_UNITS)).toBe(plain)
  })
})

describe('a size becomes bytes', () => {
  it.each([
    ['1MiB', '1048576'],
    ['1Mi', '1048576'],
    ['1MB', '1000000'],
    ['64KiB', '65536'],
    ['64k', '64000'],
    ['0.5GiB', '536870912'],
    ['512B', '512'],
  ])('%s is %s', (text, plain) => {
    expect(correctNumber(text, SIZE_UNITS)).toBe(plain)
  })
})

describe('a decorated number becomes a plain one', () => {
  it.each([
    ['"4096"', '4096'],
    ["'4096'", '4096'],
    ['1_000_000', '1000000'],
    ['1,000,000', '1000000'],
    ['+5', '5'],
    ['007', '7'],
    ['1e6', '1000000'],
    ['5.0', '5'],
  ])('%s is %s', (text, plain) => {
    expect(correctNumber(text)).toBe(plain)
  })
})

it.each(['', 'many', '-5', '1,5', '1.5', '10x', '10constructor', '0x10', '1e400', '99999999999999999999'])(
  'there is no correction of %j',
  (text) => {
    expect(correctNumber(text, DURATION_UNITS)).toBeUndefined()
  },
)

it('without quotes drops one pair and the blanks inside, and leaves an odd one', () => {
  expect(withoutQuotes('" info "')).toBe('info')
  expect(withoutQuotes('"info')).toBe('"info')
})
