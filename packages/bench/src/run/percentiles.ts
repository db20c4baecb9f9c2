/**
 * Owns which percentiles are reported, and when there are too few samples for one.
 * Must not know: histograms, verdicts, how anything is shown.
 * Invariant: `oneIn` is exact where 100 - `percent` is not: one sample in so many lies above the percentile.
 */

export interface Percentile {
  /** As it is written for people. */
  readonly name: string
  readonly percent: number
  readonly oneIn: number
}

/** In their order. */
export const PERCENTILES: readonly Percentile[] = [
  { name: 'p50', percent: 50, oneIn: 2 },
  { name: 'p90', percent: 90, oneIn: 10 },
  { name: 'p99', percent: 99, oneIn: 100 },
  { name: 'p99.9', percent: 99.9, oneIn: 1000 },
  { name: 'p99.99', percent: 99.99, oneIn: 10_000 },
]

/** With fewer samples above it than this, a percentile is little more than the maximum. */
export const SAMPLES_ABOVE_MIN = 10

/** How many of `samples` samples lie above the rank of the percentile. */
export function samplesAbove(samples: number, { oneIn }: Percentile): number {
  return Math.floor(samples / oneIn)
}

export function hasFewSamples(samples: number, percentile: Percentile): boolean {
  return samplesAbove(samples, percentile) < SAMPLES_ABOVE_MIN
}

/** The one that is written so, for example `99.9`. */
export function percentileOf(percent: string): Percentile | undefined {
  return PERCENTILES.find((percentile) => String(percentile.percent) === percent)
}
