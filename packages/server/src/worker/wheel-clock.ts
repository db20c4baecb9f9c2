/**
 * Owns the ticking of a worker's wheel, and the time as of the last tick.
 * Must not know: what is on the wheel.
 * Invariant: deadlines are judged after the loop has had a chance to read: when a handler (or the machine) held the
 * loop for long, what peers sent meanwhile is read first, so that nobody is closed for our own slowness.
 */
import type { CancelTimer, Clock, TimingWheel } from '@shardwire/protocol'
import type { Deadline } from './deadline.ts'

/** A tick that comes this many ticks late means that the loop was held. */
const LATE_TICKS = 5

export class WheelClock {
  /** Milliseconds on the monotonic clock, as of the last tick. */
  nowMs: number
  readonly #wheel: TimingWheel<Deadline>
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #cancel: CancelTimer
  readonly #expire = (entry: Deadline): void => entry.expired(this.nowMs)
  readonly #advance = (): void => this.#wheel.advance(this.nowMs, this.#expire)

  constructor(wheel: TimingWheel<Deadline>, clock: Clock, tickMs: number) {
    this.#wheel = wheel
    this.#clock = clock
    this.#tickMs = tickMs
    this.nowMs = clock.nowMs()
    this.#cancel = clock.every(tickMs, () => this.#tick())
  }

  stop(): void {
    this.#cancel()
  }

  #tick(): void {
    const before = this.nowMs
    this.nowMs = this.#clock.nowMs()
    if (this.nowMs - before > LATE_TICKS * this.#tickMs) setImmediate(this.#advance)
    else this.#advance()
  }
}
