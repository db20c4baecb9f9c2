/**
 * Owns how long a slot waits before its worker is started again.
 * Must not know: processes.
 * Invariant: the wait doubles with each worker that died young, up to a bound, and begins anew after one that lasted.
 */

const WAIT_MS_MIN = 100
const WAIT_MS_MAX = 5000
/** A worker that lived this long did not die of its start. */
const LASTED_MS = 10_000

export class RestartBackoff {
  #waitMs = WAIT_MS_MIN

  /** @param livedMs how long the worker that died had lived @returns milliseconds to wait */
  next(livedMs: number): number {
    if (livedMs >= LASTED_MS) this.#waitMs = WAIT_MS_MIN
    const waitMs = this.#waitMs
    this.#waitMs = Math.min(WAIT_MS_MAX, waitMs * 2)
    return waitMs
  }
}
