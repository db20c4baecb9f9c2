/**
 * Owns the connections that had their share of a turn of the loop, and how many of them the next turn serves.
 * Must not know: what serving is.
 * Invariant: they go on in the order in which they came to wait, at least one a turn; and as soon as more wait than a
 * turn has time for, a turn takes about TURN_MS, however many wait. So who sends little, and is served whenever
 * something comes, waits that long at most for a thousand who send without an end.
 */

/** What a turn should take: well below the lateness at which a worker counts as overloaded. */
export const TURN_MS = 10
const SHARE_FIRST = 16
const SHARE_MAX = 4096
/** By this part the share grows while turns are short. It is halved when one was long. */
const GROWTH_PART = 1 / 4

export class TurnQueue<Waiting extends object> {
  readonly #nowMs: () => number
  readonly #release: (waiting: Waiting) => void
  readonly #waiting = new Set<Waiting>()
  /** How many go on in a turn. */
  #share = SHARE_FIRST
  #isDue = false
  /** When the turn began that serves the last share; -1 when it was enough for all. */
  #beganMs = -1

  /** @param nowMs an exact clock @param release lets one go on, which may come to wait again within it */
  constructor(nowMs: () => number, release: (waiting: Waiting) => void) {
    this.#nowMs = nowMs
    this.#release = release
  }

  /** It goes on in one of the next turns. */
  wait(waiting: Waiting): void {
    this.#waiting.add(waiting)
    this.#schedule()
  }

  /** For `setImmediate` only. */
  goOn(): void {
    this.#isDue = false
    if (this.#beganMs >= 0) this.#adapt(this.#nowMs() - this.#beganMs)
    const isShare = this.#waiting.size > this.#share
    this.#beganMs = isShare ? this.#nowMs() : -1
    let left = Math.min(this.#share, this.#waiting.size)
    for (const waiting of this.#waiting) {
      if (left-- === 0) break
      this.#waiting.delete(waiting)
      this.#release(waiting)
    }
    if (this.#waiting.size > 0) this.#schedule()
  }

  /** @param tookMs from the begin of the turn before to that of this one: a turn with somebody waiting never sleeps */
  #adapt(tookMs: number): void {
    if (tookMs > TURN_MS) this.#share = Math.max(1, Math.floor(this.#share / 2))
    else this.#share = Math.min(SHARE_MAX, this.#share + Math.ceil(this.#share * GROWTH_PART))
  }

  #schedule(): void {
    if (this.#isDue) return
    this.#isDue = true
    setImmediate(goOn, this)
  }
}

function goOn(queue: { goOn(): void }): void {
  queue.goOn()
}
