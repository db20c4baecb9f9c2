/** Owns the tests of counting by buckets. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { addUp } from '../../src/metrics/add-up.ts'
import { bucketOf, countOf, createHistogram, DURATION_BOUNDS, observe } from '../../src/metrics/histogram.ts'

it('the bounds are 1, 2, 5 of each decade, as exact as they are written', () => {
  expect(DURATION_BOUNDS).toHaveLength(24)
  expect(DURATION_BOUNDS.slice(0, 4)).toEqual([1e-6, 2e-6, 5e-6, 1e-5])
  expect(DURATION_BOUNDS.slice(-3)).toEqual([10, 20, 50])
  expect(DURATION_BOUNDS.every((bound) => String(bound).length < 9)).toBe(true)
})

it('a value is in the first bucket whose bound is not below it', () => {
  const value = fc.double({ min: 0, max: 100, noNaN: true })
  fc.assert(
    fc.property(value, (seconds) => {
      const expected = DURATION_BOUNDS.findIndex((bound) => seconds <= bound)
      expect(bucketOf(DURATION_BOUNDS, seconds)).toBe(expected < 0 ? DURATION_BOUNDS.length : expected)
    }),
  )
})

it('a weight counts as often as it says, in the sum too', () => {
  const histogram = createHistogram(DURATION_BOUNDS)
  observe(histogram, DURATION_BOUNDS, 0.5, 16)
  observe(histogram, DURATION_BOUNDS, 99)
  expect(countOf(histogram)).toBe(17)
  expect(histogram.sum).toBe(107)
  expect(histogram.counts.at(-1)).toBe(1)
})

it('sums are the same, whatever order workers are added in', () => {
  const seconds = fc.double({ min: 0, max: 100, noNaN: true })
  const workers = fc.array(fc.array(seconds, { minLength: 1, maxLength: 20 }), { minLength: 2, maxLength: 5 })
  fc.assert(
    fc.property(workers, (measured) => {
      const each = measured.map((values) => {
        const histogram = createHistogram(DURATION_BOUNDS)
        for (const value of values) observe(histogram, DURATION_BOUNDS, value, 3)
        return histogram
      })
      const added = (histograms: typeof each): number => {
        const sum = createHistogram(DURATION_BOUNDS)
        for (const histogram of histograms) addUp(sum, histogram)
        return sum.sum
      }
      expect(added(each)).toBe(added(each.toReversed()))
    }),
  )
})

it('figures add up number by number, lists that grew among them', () => {
  const sum = { a: 1, list: [1], inside: { b: 2, list: [0, 1] } }
  addUp(sum, { a: 2, list: [1, 5], inside: { b: 3, list: [1, 1] } })
  expect(sum).toEqual({ a: 3, list: [2, 5], inside: { b: 5, list: [1, 2] } })
})
