import fc from 'fast-check'
import { expect, test } from 'vitest'

import { LATENCY_US_MAX, LatencyHistogram, SIGNIFICANT_DIGITS } from '../../src/histogram/latency-histogram.ts'

const PRECISION = 10 ** -SIGNIFICANT_DIGITS
const PERCENTILES = [0.1, 10, 50, 90, 99, 99.9, 99.99, 100]

/** Latencies as they are: most of them short, some very long. */
const latencies = fc.array(
  fc.oneof({ weight: 8, arbitrary: fc.nat(3000) }, { weight: 1, arbitrary: fc.nat(LATENCY_US_MAX) }),
  { minLength: 1, maxLength: 2000 },
)

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const value of values) histogram.record(value, 1)
  return histogram
}

/** The smallest value that so many percent of the values do not exceed. */
function bruteForce(values: readonly number[], percentile: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  const rank = Math.max(1, Math.ceil((percentile * sorted.length) / 100))
  return sorted[rank - 1] ?? 0
}

test('percentiles agree with a sorted array within three significant digits', () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const histogram = histogramOf(values)
      for (const percentile of PERCENTILES) {
        const exact = bruteForce(values, percentile)
        const seen = histogram.percentileUs(percentile)
        expect(seen).toBeGreaterThanOrEqual(exact)
        expect(seen).toBeLessThanOrEqual(exact * (1 + PRECISION) + 1)
      }
      histogram.destroy()
    }),
    { numRuns: 50 },
  )
})

test('histograms that are encoded, shipped and merged are the histogram of all values', () => {
  fc.assert(
    fc.property(fc.array(latencies, { minLength: 1, maxLength: 4 }), (parts) => {
      const merged = new LatencyHistogram()
      for (const part of parts) merged.merge(histogramOf(part).encode())
      const whole = histogramOf(parts.flat())
      expect(merged.samples).toBe(whole.samples)
      for (const percentile of PERCENTILES) expect(merged.percentileUs(percentile)).toBe(whole.percentileUs(percentile))
      expect(merged.encode()).toBe(whole.encode())
    }),
    { numRuns: 30 },
  )
})

test('percentiles of the whole are not the average of the parts', () => {
  const fast = histogramOf(new Array<number>(990).fill(100))
  const slow = histogramOf(new Array<number>(10).fill(9000))
  const merged = new LatencyHistogram()
  merged.merge(fast.encode())
  merged.merge(slow.encode())
  expect(merged.percentileUs(50)).toBe(100)
  expect(merged.percentileUs(99)).toBe(100)
  expect(merged.percentileUs(99.9)).toBeGreaterThanOrEqual(9000)
})

test('without samples every percentile is 0 and the encoding empty', () => {
  const histogram = new LatencyHistogram()
  expect(histogram.percentileUs(99)).toBe(0)
  expect(histogram.encode()).toBe('')
  histogram.merge('')
  expect(histogram.samples).toBe(0)
})

test('the whole range is tracked and reset empties it', () => {
  const histogram = histogramOf([0, LATENCY_US_MAX])
  expect(histogram.percentileUs(100)).toBeGreaterThanOrEqual(LATENCY_US_MAX)
  histogram.reset()
  expect(histogram.samples).toBe(0)
})
