/**
 * Owns how many retries there may be: a share of the requests, so that a server that fails is not asked twice as much.
 * Must not know: what is retried, or why.
 * Invariant: over any time, retries are at most `share` of the requests, plus `floorPerSecond`, plus what was saved up.
 */
import type { Clock } from '@shardwire/protocol'

export interface RetryBudgetOptions {
  readonly clock: Clock
  /** Retries for each request, 0 to 1. */
  readonly share: number
  /** Retries a second for those who ask little; what is not used is saved up to FLOOR_TOKENS_MAX. */
  readonly floorPerSecond: number
}

/** What can be saved up: of the share, and of the floor. */
const TOKENS_MAX = 100
const FLOOR_TOKENS_MAX = 10

export class RetryBudget {
  readonly #options: RetryBudgetOptions
  #shareTokens = 0
  #floorTokens: number
  #filledAtMs: number

  constructor(options: RetryBudgetOptions) {
    this.#options = options
    this.#filledAtMs = options.clock.nowMs()
    this.#floorTokens = options.floorPerSecond > 0 ? FLOOR_TOKENS_MAX : 0
  }

  /** Retries that there could be now. */
  get tokens(): number {
    this.#fill()
    return Math.floor(this.#shareTokens) + Math.floor(this.#floorTokens)
  }

  /** A request was made: no retry. */
  onRequest(): void {
    this.#shareTokens = Math.min(TOKENS_MAX, this.#shareTokens + this.#options.share)
  }

  /** Takes one retry. @returns false when there is none */
  take(): boolean {
    this.#fill()
    if (this.#shareTokens >= 1) this.#shareTokens--
    else if (this.#floorTokens >= 1) this.#floorTokens--
    else return false
    return true
  }

  #fill(): void {
    const { clock, floorPerSecond } = this.#options
    const nowMs = clock.nowMs()
    const earned = ((nowMs - this.#filledAtMs) / 1000) * floorPerSecond
    this.#floorTokens = Math.min(FLOOR_TOKENS_MAX, this.#floorTokens + earned)
    this.#filledAtMs = nowMs
  }
}
