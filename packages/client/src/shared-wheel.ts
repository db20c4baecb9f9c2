/**
 * Owns the timing wheels that all connections of a process share: one timer for any number of deadlines.
 * Must not know: what a deadline means.
 * Invariant: a wheel's timer runs while something stands in it, and stops at the first tick with nothing left: not at
 * the last `cancel`, or it would start and stop all the time. A process is not kept alive by it.
 */
import { TimingWheel, WheelEntry } from '@shardwire/protocol'
import type { CancelTimer, Clock } from '@shardwire/protocol'

/** What stands in a shared wheel. */
export abstract class Deadline extends WheelEntry {
  /** It has passed; it stands in no wheel any more, and may be scheduled again. Must not throw. */
  abstract expire(): void
}

export class SharedWheel {
  /**
   * The clock as of the last tick, `schedule` or `note`, and never behind what it was: as good as the wheel's own
   * precision while something stands in it, and costs nothing to read.
   */
  nowMs: number
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #wheel: TimingWheel<Deadline>
  #cancelTimer: CancelTimer | undefined

  constructor(clock: Clock, tickMs: number, slots: number) {
    this.#clock = clock
    this.#tickMs = tickMs
    this.nowMs = clock.nowMs()
    this.#wheel = new TimingWheel({ tickMs, slots, nowMs: this.nowMs })
  }

  /** Deadlines that stand in it. */
  get size(): number {
    return this.#wheel.size
  }

  /** Lets `deadline` expire in `delayMs` at the earliest and two ticks after that at the latest, instead of before. */
  schedule(deadline: Deadline, delayMs: number): void {
    this.nowMs = this.#clock.nowMs()
    this.scheduleAt(deadline, this.nowMs + delayMs)
  }

  /** The same, at a time of the clock. */
  scheduleAt(deadline: Deadline, dueMs: number): void {
    this.#wheel.schedule(deadline, dueMs)
    this.#cancelTimer ??= this.#clock.every(this.#tickMs, () => {
      this.#tick()
    })
  }

  /** Somebody has looked at the clock. */
  note(nowMs: number): void {
    if (nowMs > this.nowMs) this.nowMs = nowMs
  }

  /** Takes `deadline` out; one that is not scheduled is left as it is. */
  cancel(deadline: Deadline): void {
    this.#wheel.cancel(deadline)
  }

  #tick(): void {
    this.nowMs = this.#clock.nowMs()
    this.#wheel.advance(this.nowMs, expire)
    if (this.#wheel.size > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}

function expire(deadline: Deadline): void {
  deadline.expire()
}

/** For requests: a lap of 2.56 s for about 5 KB; longer deadlines go round more than once. */
const FINE = { tickMs: 20, slots: 128 }
/** For heartbeats, which are on as long as a connection is: few wake-ups matter more than precision. */
const COARSE = { tickMs: 100, slots: 128 }

const fineWheels = new WeakMap<Clock, SharedWheel>()
const coarseWheels = new WeakMap<Clock, SharedWheel>()

/** The wheel of a clock whose deadlines are at most 40 ms late. */
export function fineWheelOf(clock: Clock): SharedWheel {
  return wheelOf(fineWheels, clock, FINE)
}

/** The wheel of a clock whose deadlines are at most 200 ms late. */
export function coarseWheelOf(clock: Clock): SharedWheel {
  return wheelOf(coarseWheels, clock, COARSE)
}

function wheelOf(wheels: WeakMap<Clock, SharedWheel>, clock: Clock, { tickMs, slots }: typeof FINE): SharedWheel {
  let wheel = wheels.get(clock)
  if (wheel === undefined) {
    wheel = new SharedWheel(clock, tickMs, slots)
    wheels.set(clock, wheel)
  }
  return wheel
}
