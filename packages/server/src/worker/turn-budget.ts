/**
 * Owns the share of a loop turn that one connection may take: libuv reads a busy socket up to 32 times before the next.
 * Must not know: frames, sockets.
 * Invariant: a connection that is served again without another in between keeps counting on; the clock is asked after
 * the 1st, 2nd, 4th, 8th and then every 16th frame of a batch, so that a slow handler is noticed at once and a quick
 * one pays nothing.
 */

/** Bytes of one connection in a turn. */
export const TURN_BYTES_MAX = 262_144
/** Milliseconds of one connection's handlers in a turn. */
export const TURN_MS_MAX = 1

const CHECK_EVERY = 16

export class TurnBudget {
  readonly #nowMs: () => number
  #last: object | null = null
  #bytes = 0
  #spentMs = 0
  #startedMs = 0
  #frames = 0
  #nextCheck = 1

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** A batch of `bytes` of `connection` begins. */
  begin(connection: object, bytes: number): void {
    if (connection !== this.#last) {
      this.#last = connection
      this.#bytes = 0
      this.#spentMs = 0
    }
    this.#bytes += bytes
    this.#frames = 0
    this.#nextCheck = 1
    this.#startedMs = this.#nowMs()
  }

  /** To be asked after each frame: whether the connection has had its share. Asking begins a new one when it has. */
  isSpent(): boolean {
    if (++this.#frames < this.#nextCheck) return false
    this.#nextCheck += Math.min(this.#nextCheck, CHECK_EVERY)
    const nowMs = this.#nowMs()
    this.#spentMs += nowMs - this.#startedMs
    this.#startedMs = nowMs
    if (this.#spentMs <= TURN_MS_MAX && this.#bytes <= TURN_BYTES_MAX) return false
    this.#last = null
    return true
  }
}
