/**
 * Owns the ticking of a worker's wheel, the time as of the last tick, and how late ticks come.
 * Must not know: what is on the wheel.
 * Invariant: it ticks only while something is scheduled. Deadlines are judged after the loop has had a chance to read:
 * when a handler (or the machine) held the loop for long, what peers sent meanwhile is read first, so that nobody is
 * closed for our own slowness.
 */
import { type CancelTimer, type Clock, TimingWheel } from '@shardwire/protocol'
import type { Deadline, DeadlineWheel } from './deadline.ts'

/** A tick that comes this many ticks late means that the loop was held. */
const LATE_TICKS = 5

export interface WheelClockOptions {
  readonly clock: Clock
  /** How late a deadline may be, in milliseconds. */
  readonly tickMs: number
  /** A power of two. */
  readonly slots: number
  /** Told of each tick by how much it was late. */
  readonly onTick?: ((lateMs: number) => void) | undefined
}

export class WheelClock implements DeadlineWheel {
  readonly #wheel: TimingWheel<Deadline>
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #onTick: ((lateMs: number) => void) | undefined
  #tickedAtMs: number
  #ticksSeen = 0
  #leastLatenessMs = Infinity
  /** Ends the ticking; undefined while there is none. */
  #cancel: CancelTimer | undefined
  readonly #expire = (entry: Deadline): void => entry.expired(this.#tickedAtMs)
  readonly #advance = (): void => this.#judge()
  readonly #tick = (): void => this.#ticked()

  constructor({ clock, tickMs, slots, onTick }: WheelClockOptions) {
    this.#clock = clock
    this.#tickMs = tickMs
    this.#onTick = onTick
    this.#tickedAtMs = clock.nowMs()
    this.#wheel = new TimingWheel({ tickMs, slots, nowMs: this.#tickedAtMs })
  }

  /** Milliseconds on the monotonic clock: as of the last tick while it ticks, so that a read does not ask anew. */
  get nowMs(): number {
    return this.#cancel === undefined ? this.#clock.nowMs() : this.#tickedAtMs
  }

  /** Ticks since `watchLateness`, and by how much the least late of them was late: every turn of the loop took more. */
  get ticksSeen(): number {
    return this.#ticksSeen
  }
  get leastLatenessMs(): number {
    return this.#leastLatenessMs
  }

  /** Begins to watch anew. */
  watchLateness(): void {
    this.#ticksSeen = 0
    this.#leastLatenessMs = Infinity
  }

  schedule(entry: Deadline, dueMs: number): void {
    if (this.#cancel === undefined) this.#start()
    this.#wheel.schedule(entry, dueMs)
  }

  cancel(entry: Deadline): void {
    this.#wheel.cancel(entry)
  }

  dueMs(entry: Deadline): number | undefined {
    return this.#wheel.dueMs(entry)
  }

  #start(): void {
    this.#tickedAtMs = this.#clock.nowMs()
    // Nothing is scheduled: this only moves the wheel's hand to where time is.
    this.#wheel.advance(this.#tickedAtMs, this.#expire)
    this.#cancel = this.#clock.every(this.#tickMs, this.#tick)
  }

  #ticked(): void {
    const before = this.#tickedAtMs
    this.#tickedAtMs = this.#clock.nowMs()
    this.#ticksSeen++
    const lateMs = this.#tickedAtMs - before - this.#tickMs
    this.#leastLatenessMs = Math.min(this.#leastLatenessMs, lateMs)
    this.#onTick?.(lateMs)
    if (this.#tickedAtMs - before > LATE_TICKS * this.#tickMs) setImmediate(this.#advance)
    else this.#judge()
  }

  #judge(): void {
    this.#wheel.advance(this.#tickedAtMs, this.#expire)
    if (this.#wheel.size > 0) return
    this.#cancel?.()
    this.#cancel = undefined
  }
}
