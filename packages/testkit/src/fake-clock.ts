/**
 * Owns time that stands still until a test moves it.
 * Must not know: who waits for it.
 * Invariant: tasks run in the order in which they fall due, those of the same moment in the order in which they were
 * asked for, and each sees its own due moment as now.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

interface Timer {
  dueMs: number
  /** Breaks ties between timers of the same moment. */
  order: number
  readonly intervalMs: number | undefined
  readonly task: () => void
}

export interface FakeClockOptions {
  /** Where the monotonic clock stands; not 0 by default, so that nobody takes it for a time since the start. */
  readonly nowMs?: number
  /** Where the wall clock stands; by default 2026-01-01T00:00:00Z. */
  readonly wallMs?: number
}

export class FakeClock implements Clock {
  #nowMs: number
  #wallOffsetMs: number
  #order = 0
  #isAdvancing = false
  readonly #timers = new Set<Timer>()

  constructor(options: FakeClockOptions = {}) {
    this.#nowMs = options.nowMs ?? 1000
    this.#wallOffsetMs = (options.wallMs ?? Date.UTC(2026, 0, 1)) - this.#nowMs
  }

  /** How many timers wait: 0 is what a leak check wants to see. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs
  }

  after(delayMs: number, task: () => void): CancelTimer {
    return this.#start(Math.max(0, delayMs), undefined, task)
  }

  every(intervalMs: number, task: () => void): CancelTimer {
    if (!(intervalMs > 0)) throw new RangeError(`clock: expected an interval above 0 ms, got ${intervalMs}`)
    return this.#start(intervalMs, intervalMs, task)
  }

  /** Moves on by `ms` and runs, in order, all that falls due on the way, also what those tasks ask for. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`clock: cannot advance by ${ms} ms`)
    if (this.#isAdvancing) throw new Error('clock: advanced from within one of its own tasks')
    this.#isAdvancing = true
    try {
      this.#runUntil(this.#nowMs + ms)
    } finally {
      this.#isAdvancing = false
    }
  }

  /**
   * Passes `ms` as for a process that was stopped: what fell due meanwhile runs once, late and all at the new time, as
   * the system's timers do, and intervals begin anew from there.
   */
  stall(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`clock: cannot stall for ${ms} ms`)
    this.#nowMs += ms
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= this.#nowMs)
    for (const timer of due.sort((one, other) => (isBefore(one, other) ? -1 : 1))) {
      if (!this.#timers.has(timer)) continue
      if (timer.intervalMs === undefined) this.#timers.delete(timer)
      else {
        timer.dueMs = this.#nowMs
        this.#repeat(timer, timer.intervalMs)
      }
      timer.task()
    }
  }

  /** Steps the wall clock alone, as an operator or NTP does; no deadline may notice. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  #start(delayMs: number, intervalMs: number | undefined, task: () => void): CancelTimer {
    const timer: Timer = { dueMs: this.#nowMs + delayMs, order: this.#order++, intervalMs, task }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  #runUntil(endMs: number): void {
    for (let timer = this.#nextBy(endMs); timer !== undefined; timer = this.#nextBy(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
      if (timer.intervalMs === undefined) this.#timers.delete(timer)
      else this.#repeat(timer, timer.intervalMs)
      timer.task()
    }
    this.#nowMs = endMs
  }

  #repeat(timer: Timer, intervalMs: number): void {
    timer.dueMs += intervalMs
    timer.order = this.#order++
  }

  #nextBy(endMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || isBefore(timer, next))) next = timer
    }
    return next
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs
}
