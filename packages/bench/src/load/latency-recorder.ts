/**
 * Owns one distribution of latencies over the running interval: sum, extremes and histogram.
 * Must not know: connections, phases, which latency it is, the coordinator.
 * Invariant: nothing is clamped: what is above the histogram's range is counted apart. Answers of one read mostly
 * waited equally long: equal neighbours enter the histogram as one.
 */
import { LATENCY_US_MAX, LatencyHistogram } from '../histogram/latency-histogram.ts'
import type { LatencySnapshot } from '../messages.ts'

export const NO_LATENCIES: LatencySnapshot = {
  samples: 0,
  sumUs: 0,
  minUs: 0,
  maxUs: 0,
  aboveRange: 0,
  histogram: '',
}

export class LatencyRecorder {
  readonly #histogram = new LatencyHistogram()
  #runUs = 0
  #runSamples = 0
  #aboveRange = 0
  #sumUs = 0
  #minUs = Infinity
  #maxUs = 0
  #samples = 0

  /** One sample in microseconds, not negative; rounded to the nearest. */
  record(latencyUs: number): void {
    const wholeUs = Math.floor(latencyUs + 0.5)
    if (wholeUs !== this.#runUs) this.#closeRun(wholeUs)
    this.#runSamples++
  }

  /** What came since the last call, which it forgets. */
  take(): LatencySnapshot {
    this.#closeRun(0)
    if (this.#samples === 0) return NO_LATENCIES
    const snapshot = {
      samples: this.#samples,
      sumUs: this.#sumUs,
      minUs: this.#minUs,
      maxUs: this.#maxUs,
      aboveRange: this.#aboveRange,
      histogram: this.#histogram.encodeRaw(),
    }
    this.#histogram.reset()
    this.#samples = this.#sumUs = this.#maxUs = this.#aboveRange = 0
    this.#minUs = Infinity
    return snapshot
  }

  #closeRun(nextUs: number): void {
    const latencyUs = this.#runUs
    const samples = this.#runSamples
    this.#runUs = nextUs
    this.#runSamples = 0
    if (samples === 0) return
    this.#samples += samples
    this.#sumUs += latencyUs * samples
    if (latencyUs < this.#minUs) this.#minUs = latencyUs
    if (latencyUs > this.#maxUs) this.#maxUs = latencyUs
    if (latencyUs > LATENCY_US_MAX) this.#aboveRange += samples
    else this.#histogram.record(latencyUs, samples)
  }
}
