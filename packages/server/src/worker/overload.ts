/**
 * Owns whether this worker has more to do than it can: what is measured, when that counts, and what is shed then.
 * Must not know: frames, sockets, who refuses a connection.
 * Invariant: the level changes by what a whole second says, one step at a time, and comes back by itself. Of the delays
 * of a second the least counts, over several turns of the loop: what holds the loop once (a collection, a slow handler,
 * a machine that slept) is not overload.
 */
import type { BufferPool } from '@shardwire/protocol'
import type { Budget } from './budget.ts'
import type { Connection } from './connection.ts'
import type { Counters } from './counters.ts'
import { Deadline } from './deadline.ts'
import type { WheelClock } from './wheel-clock.ts'

/** Sheds nothing. */
export const LEVEL_NONE = 0
/** The primary should send no new connections. */
export const LEVEL_CONNECTIONS = 1
/** New requests are refused, too. */
export const LEVEL_REQUESTS = 2
/** Those that hold most are reset, too. */
export const LEVEL_HOLDERS = 3

const WINDOW_MS = 1000
/** Ticks without which a window is not judged: when the loop turns that seldom it lasts longer. */
const TICKS_MIN = 3
/** A signal that fell below this part of its mark goes down a step. */
const LEAVE_PART = 0.75
/**
 * What holders may keep of the mark when the largest are shed: well below where the signal goes down again, or those
 * who are left, and take a little more, would keep new connections out for as long as they hoard.
 */
const SHED_PART = 0.5
/** Steps in which delay climbs from refusing a quarter of the requests to refusing all. */
const REQUEST_STEPS = 4
const PERCENT = 100

export interface OverloadParts {
  readonly wheel: WheelClock
  readonly pool: BufferPool
  readonly budget: Budget
  readonly counters: Counters
  /** [0, 1) */
  readonly random: () => number
  /** Least lateness of the loop over a second from which it counts as overloaded; 0 is never. */
  readonly delayMs: number
  /** Part of the buffers on loan from which the worker counts as overloaded, in percent; 0 is never. */
  readonly bufferPercent: number
  readonly onLevel: (level: number, signals: OverloadSignals) => void
}

/** What a level was decided by. */
export interface OverloadSignals {
  readonly delayMs: number
  readonly bufferPercent: number
}

/** One signal: climbs at its mark, goes down below part of it. */
class Signal {
  step = 0
  readonly #mark: number
  readonly #stepMax: number

  constructor(mark: number, stepMax: number) {
    this.#mark = mark
    this.#stepMax = stepMax
  }

  look(value: number): void {
    if (this.#mark === 0) return
    if (value >= this.#mark) this.step = Math.min(this.#stepMax, this.step + 1)
    else if (value < this.#mark * LEAVE_PART) this.step = Math.max(0, this.step - 1)
  }
}

export class Overload extends Deadline {
  /** Whether any request may have to be refused. */
  shedsRequests = false
  readonly #parts: OverloadParts
  readonly #delay: Signal
  readonly #buffers: Signal
  /** Part of all requests that is refused. */
  #requestPart = 0

  constructor(parts: OverloadParts) {
    super()
    this.#parts = parts
    this.#delay = new Signal(parts.delayMs, LEVEL_CONNECTIONS + REQUEST_STEPS)
    this.#buffers = new Signal(parts.bufferPercent, LEVEL_HOLDERS)
  }

  get level(): number {
    return Math.max(Math.min(this.#delay.step, LEVEL_REQUESTS), this.#buffers.step)
  }

  /** There is a connection: from now on it is looked at once a second. */
  begin(): void {
    const { wheel, delayMs, bufferPercent } = this.#parts
    if (delayMs === 0 && bufferPercent === 0) return
    if (wheel.dueMs(this) === undefined) this.#beginWindow(wheel.nowMs)
  }

  /** No connection is left: there is nothing to shed, and nothing to look at. */
  idle(): void {
    this.#parts.wheel.cancel(this)
    this.#delay.step = this.#buffers.step = 0
    this.#apply({ delayMs: 0, bufferPercent: 0 })
  }

  /** Whether a new request of `connection` is refused; to be asked only while `shedsRequests`. */
  sheds(connection: Connection): boolean {
    if (this.holdsBack(connection)) return true
    return this.#requestPart > 0 && this.#parts.random() < this.#requestPart
  }

  /** Whether a connection does not read its answers while buffers are short. */
  holdsBack(connection: Connection): boolean {
    return this.#buffers.step >= LEVEL_REQUESTS && connection.parked !== null
  }

  override expired(nowMs: number): void {
    const { wheel, pool } = this.#parts
    if (wheel.ticksSeen < TICKS_MIN) return wheel.schedule(this, nowMs + 1)
    const delayMs = wheel.leastLatenessMs
    const bufferPercent = (pool.leasedBytes / pool.bytesMax) * PERCENT
    this.#delay.look(delayMs)
    this.#buffers.look(bufferPercent)
    this.#apply({ delayMs: Math.round(delayMs), bufferPercent: Math.round(bufferPercent) })
    this.#beginWindow(nowMs)
  }

  #beginWindow(nowMs: number): void {
    const { wheel } = this.#parts
    wheel.schedule(this, nowMs + WINDOW_MS)
    wheel.watchLateness()
  }

  #apply(signals: OverloadSignals): void {
    const { counters, onLevel, pool, budget, bufferPercent } = this.#parts
    const { level } = this
    const before = counters.overload
    counters.overload = level
    this.#requestPart = Math.max(0, this.#delay.step - LEVEL_CONNECTIONS) / REQUEST_STEPS
    this.shedsRequests = level >= LEVEL_REQUESTS
    if (level !== before) onLevel(level, signals)
    if (this.#buffers.step < LEVEL_HOLDERS) return
    budget.shedDownTo((pool.bytesMax * bufferPercent * SHED_PART) / PERCENT)
  }
}
