/**
 * Owns which frames are samples, and in which histograms they stand.
 * Must not know: connections, phases, sockets.
 * Invariant: a frame of an open loop is a sample when it was due in the measured time, whenever its answer comes; one
 * of a closed loop when its answer was read at or after the measured time began, with all of its latency.
 *
 * In a closed loop, frames that were written before that moment and answered after it count too, from when they were
 * really written. Left out, they would hide a stall of the server as measuring begins: the frames in flight are all
 * that see it. Cut at that moment, they would show a latency that no caller had, and always a smaller one.
 */
import type { LatencySet, Traffic } from '../messages.ts'
import { LatencyRecorder, NO_LATENCIES } from './latency-recorder.ts'

/** From here on a frame that the generator itself delayed counts as late. */
export const LATE_US = 1000

export class Samples {
  /** The measured time, [from, to). */
  fromUs = Infinity
  toUs = Infinity
  due = 0
  held = 0
  late = 0
  unsent = 0
  dropped = 0
  censored = 0
  readonly #response = new LatencyRecorder()
  readonly #open: { readonly service: LatencyRecorder; readonly send: LatencyRecorder; readonly own: LatencyRecorder }
  readonly #classes: readonly LatencyRecorder[]
  readonly #isOpen: boolean

  constructor(isOpen: boolean, { classes }: Traffic) {
    this.#isOpen = isOpen
    this.#classes = classes.length > 1 ? classes.map(() => new LatencyRecorder()) : []
    const recorder = (): LatencyRecorder => (isOpen ? new LatencyRecorder() : this.#response)
    this.#open = { service: recorder(), send: recorder(), own: recorder() }
  }

  /** A frame of an open loop that was due at `dueUs`: whether it is a sample. */
  isMeasured(dueUs: number): boolean {
    return dueUs >= this.fromUs && dueUs < this.toUs
  }

  /**
   * A frame of an open loop was written.
   * @param seenUs when the generator saw that it was due but had no room; later than `writtenUs` if it had
   */
  written(dueUs: number, writtenUs: number, seenUs: number): void {
    if (!this.isMeasured(dueUs)) return
    const ownUs = Math.min(writtenUs, seenUs) - dueUs
    this.#open.send.record(writtenUs - dueUs)
    this.#open.own.record(ownUs)
    if (ownUs > LATE_US) this.late++
    if (seenUs < writtenUs) this.held++
  }

  /** An answer was read. @param dueUs what counts as the frame's beginning: in a closed loop, when it was written */
  answered(dueUs: number, writtenUs: number, readUs: number, classIndex: number): void {
    if (this.#isOpen) {
      if (!this.isMeasured(dueUs)) return
      this.#open.service.record(readUs - writtenUs)
    } else if (readUs < this.fromUs) return
    this.#response.record(readUs - dueUs)
    this.#classes[classIndex]?.record(readUs - dueUs)
  }

  /** No answer came until `endUs`: what is known is that it took at least so long. */
  unanswered(dueUs: number, endUs: number, classIndex: number): void {
    if (!this.isMeasured(dueUs)) return
    this.censored++
    this.#response.record(endUs - dueUs)
    this.#classes[classIndex]?.record(endUs - dueUs)
  }

  /** What came since the last call, which it forgets. */
  take(): LatencySet {
    const { service, send, own } = this.#open
    const open = this.#isOpen
      ? { service: service.take(), sendLag: send.take(), ownLag: own.take() }
      : { service: NO_LATENCIES, sendLag: NO_LATENCIES, ownLag: NO_LATENCIES }
    return { response: this.#response.take(), ...open, classes: this.#classes.map((recorder) => recorder.take()) }
  }
}
