/**
 * Owns sums of latency snapshots.
 * Must not know: processes, phases, which latency it is.
 * Invariant: histograms are added bucket by bucket, percentiles are read from the sum and never averaged: adding the
 * snapshots of many recorders gives what one recorder of all samples would hold.
 */
import type { LatencySnapshot } from '../messages.ts'
import { LatencyHistogram } from './latency-histogram.ts'

export class LatencySums {
  readonly histogram = new LatencyHistogram()
  samples = 0
  sumUs = 0
  minUs = Infinity
  maxUs = 0
  aboveRange = 0

  add(snapshot: LatencySnapshot): void {
    if (snapshot.samples === 0) return
    this.samples += snapshot.samples
    this.sumUs += snapshot.sumUs
    this.minUs = Math.min(this.minUs, snapshot.minUs)
    this.maxUs = Math.max(this.maxUs, snapshot.maxUs)
    this.aboveRange += snapshot.aboveRange
    this.histogram.mergeRaw(snapshot.histogram)
  }

  /** A percentile; the histogram rounds up, which must not pass the maximum. */
  percentileUs(percentile: number): number {
    return Math.min(this.histogram.percentileUs(percentile), this.maxUs)
  }

  snapshot(): LatencySnapshot {
    const { samples, sumUs, maxUs, aboveRange } = this
    const minUs = samples === 0 ? 0 : this.minUs
    return { samples, sumUs, minUs, maxUs, aboveRange, histogram: this.histogram.encodeRaw() }
  }

  /** Gives its memory back; it must not be used again. */
  destroy(): void {
    this.histogram.destroy()
  }
}
