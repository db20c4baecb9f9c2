/**
 * Owns the latencies of the running interval: which answers count as samples, and their sum, extremes and histogram.
 * Must not know: connections, phases, the coordinator.
 * Invariant: a sample is an answer that was read at or after `measureFromUs`, with all of its latency; nothing else is
 * in, nothing is clamped. Answers of one read mostly waited equally long: equal neighbours enter the histogram as one.
 *
 * Frames that were written before that moment and answered after it count too, from when they were really written. Left
 * out, they would hide a stall of the server as measuring begins: in a closed loop the frames in flight are the only
 * ones that see it. Cut at that moment, they would show a latency that no caller had, and always a smaller one.
 */
import { LATENCY_US_MAX, LatencyHistogram } from '../latency-histogram.ts'
import type { LatencySnapshot } from '../messages.ts'

export class LatencyRecorder {
  /** Answers read before this moment are warm-up. */
  measureFromUs = Infinity
  readonly #histogram = new LatencyHistogram()
  #runUs = 0
  #runSamples = 0
  #aboveRange = 0
  #sumUs = 0
  #minUs = Infinity
  #maxUs = 0
  #samples = 0

  /** One answer: its frame was written at `writtenUs`, it was read at `readUs`. */
  record(writtenUs: number, readUs: number): void {
    if (readUs < this.measureFromUs) return
    const latencyUs = Math.floor(readUs - writtenUs + 0.5)
    if (latencyUs !== this.#runUs) this.#closeRun(latencyUs)
    this.#runSamples++
  }

  /** What came since the last call, which it forgets. */
  take(): LatencySnapshot {
    this.#closeRun(0)
    const snapshot = {
      samples: this.#samples,
      sumUs: this.#sumUs,
      minUs: this.#samples === 0 ? 0 : this.#minUs,
      maxUs: this.#maxUs,
      aboveRange: this.#aboveRange,
      histogram: this.#histogram.encode(),
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
