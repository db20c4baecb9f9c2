/**
 * Owns the share of a loop turn that one connection may take: libuv reads a busy socket up to 32 times before the next.
 * Must not know: frames, sockets.
 * Invariant: a connection that is served again without another in between keeps counting on. A look at the clock costs
 * 48 ns, half of what serving a short frame does, so there are two ways to look: closely (after the 1st, 2nd, 4th, 8th
 * and then every 16th frame of a batch that another follows), in the first batches, in each 64th and for a while after
 * any handler was slow; else after every 16th. So quick handlers pay next to nothing, a batch of one frame nothing at
 * all, a handler that stays slow is noticed after two frames and one that becomes slow after 32 at the latest, or in
 * the next batch that is watched.
 */

/** Bytes of one connection in a turn. */
export const TURN_BYTES_MAX = 262_144
/** Milliseconds of one connection's handlers in a turn. */
export const TURN_MS_MAX = 1

const CHECK_EVERY = 16
/** A batch from this size on is timed from its begin: beside its bytes two looks at the clock are nothing. */
const TIMED_BYTES = 32_768
/** One batch in so many is watched closely, to learn whether handlers have become slow. */
const WATCH_EVERY = 64
/** After a slow one, batches that are watched closely. */
const WATCHED_AFTER_SLOW = 256
/** Milliseconds of a frame from which handlers count as slow: fifty of them are a turn. */
const SLOW_FRAME_MS = TURN_MS_MAX / 50
const NOT_STARTED = -1

export class TurnBudget {
  readonly #nowMs: () => number
  #last: object | null = null
  #bytes = 0
  #spentMs = 0
  /** When the clock was asked last in this batch, and at which frame. */
  #startedMs = NOT_STARTED
  #startedFrame = 0
  #frames = 0
  #nextCheck = 1
  #batches = 0
  /** Batches still to be watched closely; the first ones are. */
  #watched = WATCHED_AFTER_SLOW

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
    this.#nextCheck = this.#isWatched() ? 1 : CHECK_EVERY
    this.#startedMs = bytes >= TIMED_BYTES ? this.#nowMs() : NOT_STARTED
    this.#startedFrame = 0
  }

  /**
   * To be asked after each frame that another follows: whether the connection has had its share. Asking begins a new
   * one when it has.
   */
  isSpent(): boolean {
    if (++this.#frames < this.#nextCheck) return this.#bytes > TURN_BYTES_MAX && this.#end()
    this.#nextCheck += Math.min(this.#nextCheck, CHECK_EVERY)
    this.#look()
    return this.#isOver() && this.#end()
  }

  /**
   * To be asked when a batch is done: the same, whether or not a frame follows. libuv reads a socket again at once that
   * filled the memory it was given, so a batch that ends with its frame is not the end of a turn.
   */
  isSpentByBatch(): boolean {
    if (this.#startedMs !== NOT_STARTED) this.#look()
    return this.#isOver() && this.#end()
  }

  #look(): void {
    const nowMs = this.#nowMs()
    if (this.#startedMs !== NOT_STARTED) this.#measured(nowMs - this.#startedMs)
    this.#startedMs = nowMs
    this.#startedFrame = this.#frames
  }

  #isOver(): boolean {
    return this.#spentMs > TURN_MS_MAX || this.#bytes > TURN_BYTES_MAX
  }

  #end(): true {
    this.#last = null
    return true
  }

  #isWatched(): boolean {
    if (this.#watched > 0) {
      this.#watched--
      return true
    }
    return ++this.#batches % WATCH_EVERY === 0
  }

  #measured(ms: number): void {
    this.#spentMs += ms
    if (ms > SLOW_FRAME_MS * Math.max(1, this.#frames - this.#startedFrame)) this.#watched = WATCHED_AFTER_SLOW
  }
}
