/**
 * Owns how many connections a second may come: a token bucket that holds a second's worth.
 * Must not know: connections.
 * Invariant: told by one number, the moment at which the bucket would be full again.
 */
const WINDOW_MS = 1000
/** Sums of fractions come out a little above the whole. */
const ROUNDING_MS = 1e-3

export class ConnectionRate {
  readonly #tokenMs: number
  readonly #windowMs: number
  #fullAtMs = -Infinity

  /** @param perSecond above 0; below 1 the bucket holds one */
  constructor(perSecond: number) {
    this.#tokenMs = WINDOW_MS / perSecond
    this.#windowMs = Math.max(WINDOW_MS, this.#tokenMs)
  }

  /** Takes a token. @returns false when there is none */
  take(nowMs: number): boolean {
    const fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#tokenMs
    if (fullAtMs - nowMs > this.#windowMs + ROUNDING_MS) return false
    this.#fullAtMs = fullAtMs
    return true
  }
}
