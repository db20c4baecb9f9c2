/** Owns the tests of numbers for people. */
import { expect, it } from 'vitest'
import { bytesText, countText, estimateText, percentText, secondsText, spanText } from '../../src/admin/units.ts'

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [3 * 1024 ** 3, '3 GiB'],
  [5000 * 1024 ** 4, '5000 TiB'],
])('%d bytes are %s', (bytes, text) => expect(bytesText(bytes)).toBe(text))

it.each([
  [0, '0'],
  [0.25, '0.3'],
  [999, '999'],
  [12_345, '12.3 k'],
  [1_234_567_890, '1.2 G'],
])('%d are %s', (count, text) => expect(countText(count)).toBe(text))

it.each([
  [undefined, '-'],
  [0.0000005, '0.5 µs'],
  [0.00012, '120 µs'],
  [0.0035, '3.5 ms'],
  [12, '12 s'],
])('%s seconds are %s', (seconds, text) => expect(secondsText(seconds)).toBe(text))

it.each([
  [undefined, '-'],
  [0.0000347, '30 µs'],
  [0.00347, '3 ms'],
  [0.00096, '1 ms'],
  [0.0000005, '< 1 µs'],
  [1.5, '2 s'],
])('%s seconds, read out of buckets, are about %s', (seconds, text) => expect(estimateText(seconds)).toBe(text))

it.each([
  [0, '0 s'],
  [61, '1 min 1 s'],
  [3661, '1 h 1 min'],
  [90_061, '1 d 1 h'],
])('%d seconds last %s', (seconds, text) => expect(spanText(seconds)).toBe(text))

it('a part is a percentage', () => expect(percentText(0.425)).toBe('43 %'))
