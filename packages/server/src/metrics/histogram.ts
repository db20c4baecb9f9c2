/**
 * Owns counting values by buckets: the bounds that this server uses, and finding a value's bucket.
 * Must not know: what is measured, how it is shown.
 * Invariant: a bucket counts the values above the bound before it and up to its own, the last one what is above all;
 * histograms of the same bounds add up bucket by bucket, in whatever order, to exactly the same sum: else a counter
 * would seem to go down when a worker is replaced. Counting allocates nothing.
 */

/** Plain data: it travels between processes. */
export interface Histogram {
  /** One for each bound, and one for what is above all of them. */
  readonly counts: number[]
  /** Of all values. */
  sum: number
}

const DECADES = 8
const STEPS = [1, 2, 5] as const
const MICROSECONDS_PER_S = 1e6
/** A unit of 60 ns: sums of multiples of it are exact up to 17 years. */
const UNITS_PER_S = 2 ** 24

/** Seconds, from 1 microsecond to 50 seconds in steps of 1, 2, 5: how long requests take. */
export const DURATION_BOUNDS: readonly number[] = Array.from({ length: DECADES }, (_, decade) =>
  STEPS.map((step) => (step * 10 ** decade) / MICROSECONDS_PER_S),
).flat()

/** Seconds: how long an event loop is held. */
export const DELAY_BOUNDS: readonly number[] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]

export function createHistogram(bounds: readonly number[]): Histogram {
  return { counts: [...bounds.map(() => 0), 0], sum: 0 }
}

/** Counts a value; with a weight it stands for that many. */
export function observe(histogram: Histogram, bounds: readonly number[], value: number, weight = 1): void {
  const { counts } = histogram
  const at = bucketOf(bounds, value)
  counts[at] = (counts[at] ?? 0) + weight
  histogram.sum += exactSeconds(value) * weight
}

/** Rounds a time, so that times add up to the same whatever order they are added in. */
export function exactSeconds(seconds: number): number {
  return Math.round(seconds * UNITS_PER_S) / UNITS_PER_S
}

/** The bucket that a value is counted in. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (value <= (bounds[middle] ?? Infinity)) high = middle
    else low = middle + 1
  }
  return low
}

/** How many values were counted. */
export function countOf({ counts }: Histogram): number {
  return counts.reduce((sum, count) => sum + count, 0)
}
