/**
 * Owns the daemon's second: the moment when every worker that serves has reported once more.
 * Must not know: what is in a report, who wants to know of seconds.
 * Invariant: workers report once a second, each at a moment of its own. Who looked at moments of their own would see a
 * report of some twice and of others not at all, and rates that jump between nothing and the double; between two
 * seconds there is one of each. One that is late delays a second, by LATE_MS at most.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

/** From one second to the next at most. */
const LATE_MS = 1500
const CHECK_MS = 250

/** A worker, as far as it reports. */
export interface Reporting {
  readonly ready: boolean
  readonly isLeaving: boolean
}

export class Seconds {
  readonly #clock: Clock
  readonly #workers: () => readonly Reporting[]
  readonly #reported = new Set<Reporting>()
  readonly #listeners = new Set<() => void>()
  #beganMs = -Infinity
  #cancel: CancelTimer | undefined

  constructor(clock: Clock, workers: () => readonly Reporting[]) {
    this.#clock = clock
    this.#workers = workers
  }

  /** A worker has reported. */
  reported(worker: Reporting): void {
    if (this.#listeners.size === 0) return
    this.#reported.add(worker)
    if (this.#workers().every((one) => !one.ready || one.isLeaving || this.#reported.has(one))) this.#begin()
  }

  /** Calls at each second, until it is cancelled. */
  listen(onSecond: () => void): CancelTimer {
    this.#listeners.add(onSecond)
    this.#beganMs = this.#clock.nowMs()
    this.#cancel ??= this.#clock.every(CHECK_MS, () => {
      if (this.#clock.nowMs() - this.#beganMs >= LATE_MS) this.#begin()
    })
    return () => {
      this.#listeners.delete(onSecond)
      if (this.#listeners.size > 0) return
      this.#cancel?.()
      this.#cancel = undefined
      this.#reported.clear()
    }
  }

  #begin(): void {
    this.#reported.clear()
    this.#beganMs = this.#clock.nowMs()
    for (const onSecond of this.#listeners) onSecond()
  }
}
