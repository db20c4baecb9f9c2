/** Owns the tests of the kinds of values: what each accepts, and what it says otherwise. */
import { describe, expect, it } from 'vitest'
import { bytes, count, flag, milliseconds, oneOf, path, type Kind } from '../../src/config/value-kinds.ts'

function complaint(kind: Kind<unknown>, text: string): string | undefined {
  const parsed = kind.parse(text)
  return parsed.ok ? undefined : parsed.faults.map((fault) => fault.complaint).join()
}

describe('a number', () => {
  const kind = count({ min: 2, max: 5 })

  it.each([2, 3, 5])('in its range is accepted: %i', (value) => {
    expect(kind.parse(String(value))).toEqual({ ok: true, value })
  })

  it.each([
    ['1', 'is less than 2'],
    ['0', 'is less than 2'],
    ['6', 'is more than 5'],
    ['99999999999999999999', 'is more than 5'],
    ['-3', 'is not a plain whole number'],
    ['3.5', 'is not a plain whole number'],
    ['three', 'is not a plain whole number'],
    ['03', 'is not a plain whole number: write 3'],
    ['"4"', 'is not a plain whole number: write 4'],
    ['1_0', 'is not a plain whole number: it would be 10, which is more than 5'],
  ])('%s %s', (text, expected) => {
    expect(complaint(kind, text)).toBe(expected)
  })

  it('names its range', () => {
    expect(kind.expected).toBe('a whole number from 2 to 5')
  })
})

describe('a number that 0 turns off', () => {
  const kind = milliseconds({ min: 10, max: 20, zero: 'off' })

  it('accepts 0 and its range, and nothing between', () => {
    expect(kind.parse('0')).toEqual({ ok: true, value: 0 })
    expect(kind.parse('10')).toEqual({ ok: true, value: 10 })
    expect(complaint(kind, '9')).toBe('is less than 10')
  })

  it('says what 0 means', () => {
    expect(kind.expected).toBe('0 (off) or a whole number of milliseconds from 10 to 20')
  })
})

it('a duration with a unit is told in milliseconds', () => {
  const kind = milliseconds({ min: 1, max: 60_000 })
  expect(complaint(kind, '10s')).toBe('is not a plain whole number of milliseconds: write 10000')
})

it('a size with a unit is told in bytes', () => {
  const kind = bytes({ min: 1, max: 2 ** 30 })
  expect(complaint(kind, '1MiB')).toBe('is not a plain whole number of bytes: write 1048576')
})

describe('a switch', () => {
  it('is true or false', () => {
    expect(flag().parse('true')).toEqual({ ok: true, value: true })
    expect(flag().parse('false')).toEqual({ ok: true, value: false })
  })

  it.each([
    ['1', ': write true'],
    ['Yes', ': write true'],
    ['TRUE', ': write true'],
    ['off', ': write false'],
    ['0', ': write false'],
    ['maybe', ''],
  ])('%s is neither%s', (text, advice) => {
    expect(complaint(flag(), text)).toBe(`is neither true nor false${advice}`)
  })
})

describe('a choice', () => {
  const kind = oneOf(['debug', 'info', 'warn'])

  it('is one of its words', () => {
    expect(kind.parse('warn')).toEqual({ ok: true, value: 'warn' })
  })

  it.each([
    ['INFO', ': write info'],
    ['"info"', ': write info'],
    ['inof', ': write info'],
    ['warning', ': write warn'],
    ['verbose', ''],
  ])('%s is refused%s', (text, advice) => {
    expect(complaint(kind, text)).toBe(`is not one of debug, info, warn${advice}`)
  })

  it('of one word names that word', () => {
    expect(complaint(oneOf(['off']), 'on')).toBe('is not off')
  })
})

describe('a path', () => {
  const kind = path('a module')

  it.each(['./service.ts', '/srv/app/service.js', 'dir with blanks/service.js'])('can be %s', (text) => {
    expect(kind.parse(text)).toEqual({ ok: true, value: text })
  })

  it.each(['https://example.org/service.js', 'a\0b', 'a\nb'])('cannot be %j', (text) => {
    expect(complaint(kind, text)).toBe('is not a path')
  })

  it('is told to whoever writes a file URL', () => {
    expect(complaint(kind, 'file:///srv/service.js')).toBe('is not a path: write /srv/service.js')
  })
})
