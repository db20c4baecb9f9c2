/**
 * Owns how long a slot waits before its worker is started again, and when its deaths are a crash loop.
 * Must not know: processes.
 * Invariant: the wait doubles with each worker that was young, up to a bound, and begins anew after one that lasted.
 */

export interface BackoffTimes {
  /** After one that lasted, and the first that did not. */
  readonly firstMs: number
  /** After the second; doubles from there. */
  readonly secondMs: number
  readonly mostMs: number
  /** A worker that lived this long did not end of its start. */
  readonly lastedMs: number
}

/** The first four starts again take less than a second each. */
export const AFTER_DEATH: BackoffTimes = { firstMs: 50, secondMs: 100, mostMs: 5000, lastedMs: 10_000 }
/** Who asks to be replaced serves on meanwhile, and a fault that comes back must not drain its clients all the time. */
export const AFTER_REQUEST: BackoffTimes = { firstMs: 0, secondMs: 2000, mostMs: 60_000, lastedMs: 60_000 }
/** So many that died young, one after the other, are a loop: one is an accident, or somebody's kill. */
const LOOP_DEATHS = 4

export class RestartBackoff {
  readonly #times: BackoffTimes
  #young = 0

  constructor(times: BackoffTimes) {
    this.#times = times
  }

  /** Workers that ended young since the last one that lasted. */
  get young(): number {
    return this.#young
  }

  get isLooping(): boolean {
    return this.#young >= LOOP_DEATHS
  }

  /** @param livedMs how long the worker that ended had lived @returns milliseconds to wait */
  next(livedMs: number): number {
    const { firstMs, secondMs, mostMs, lastedMs } = this.#times
    if (livedMs >= lastedMs) this.#young = 0
    else this.#young++
    return this.#young <= 1 ? firstMs : Math.min(mostMs, secondMs * 2 ** (this.#young - 2))
  }

  /** The worker lives on: what comes is a new story. */
  lasted(): void {
    this.#young = 0
  }
}
