/**
 * Owns the share of a loop turn that one connection may take: libuv reads a busy socket up to 32 times before the next.
 * Must not know: frames, sockets.
 * Invariant: a connection that is served again without another in between keeps counting on; the clock (48 ns a look)
 * is asked after the 1st, 2nd, 4th, 8th and then every 16th frame of a batch, if another follows it: a slow handler is
 * noticed after two frames, a quick one pays next to nothing, a batch of one frame nothing at all.
 */

/** Bytes of one connection in a turn. */
export const TURN_BYTES_MAX = 262_144
/** Milliseconds of one connection's handlers in a turn. */
export const TURN_MS_MAX = 1

const CHECK_EVERY = 16
const NOT_STARTED = -1

export class TurnBudget {
  readonly #nowMs: () => number
  #last: object | null = null
  #bytes = 0
  #spentMs = 0
  /** When the clock was asked last in this batch. */
  #startedMs = NOT_STARTED
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
    this.#startedMs = NOT_STARTED
  }

  /**
   * To be asked after each frame that another follows: whether the connection has had its share. Asking begins a new
   * one when it has.
   */
  isSpent(): boolean {
    if (++this.#frames < this.#nextCheck) return false
    this.#nextCheck += Math.min(this.#nextCheck, CHECK_EVERY)
    const nowMs = this.#nowMs()
    if (this.#startedMs !== NOT_STARTED) this.#spentMs += nowMs - this.#startedMs
    this.#startedMs = nowMs
    if (this.#spentMs <= TURN_MS_MAX && this.#bytes <= TURN_BYTES_MAX) return false
    this.#last = null
    return true
  }
}
