/**
 * Owns time for one server of several in a process: what it has begun ends with it.
 * Must not know: what is timed.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

export class ScopedClock implements Clock {
  readonly #clock: Clock
  readonly #running = new Set<CancelTimer>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }
  wallMs(): number {
    return this.#clock.wallMs()
  }
  after(delayMs: number, task: () => void): CancelTimer {
    const cancel = this.#track(
      this.#clock.after(delayMs, () => {
        this.#running.delete(cancel)
        task()
      }),
    )
    return cancel
  }
  every(intervalMs: number, task: () => void): CancelTimer {
    return this.#track(this.#clock.every(intervalMs, task))
  }

  /** Ends all that still runs. */
  end(): void {
    for (const cancel of this.#running) cancel()
  }

  #track(stop: CancelTimer): CancelTimer {
    const cancel = (): void => {
      this.#running.delete(cancel)
      stop()
    }
    this.#running.add(cancel)
    return cancel
  }
}
