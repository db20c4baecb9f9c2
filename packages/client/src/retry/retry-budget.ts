/**
 * Owns how many retries there may be: a share of the requests, so that a server that fails is not asked twice as much.
 * Must not know: what is retried, or why.
 * Invariant: over any time, retries are at most `share` of the requests, plus `floorPerSecond`, plus what was saved up:
 * that of ten to twenty seconds, so that a busy client can repeat what it had in flight when a server died.
 */
import type { Clock } from '@shardwire/protocol'

export interface RetryBudgetOptions {
  readonly clock: Clock
  /** Retries for each request, 0 to 1. */
  readonly share: number
  /** Retries a second for those who ask little; what is not used is saved up for TEN_SECONDS_MS. */
  readonly floorPerSecond: number
}

const TEN_SECONDS_MS = 10_000

export class RetryBudget {
  readonly #options: RetryBudgetOptions
  #shareTokens = 0
  #floorTokens: number
  #filledAtMs: number
  /** Requests of the present ten seconds, and of those before. */
  #requestsNow = 0
  #requestsBefore = 0
  #tenSecondsEndMs: number

  constructor(options: RetryBudgetOptions) {
    this.#options = options
    this.#filledAtMs = options.clock.nowMs()
    this.#tenSecondsEndMs = this.#filledAtMs + TEN_SECONDS_MS
    this.#floorTokens = this.#floorMax
  }

  /** Retries that there could be now. */
  get tokens(): number {
    this.#fill()
    return Math.floor(this.#shareTokens) + Math.floor(this.#floorTokens)
  }

  /** A request was made: no retry. */
  onRequest(nowMs: number): void {
    if (nowMs >= this.#tenSecondsEndMs) this.#turn(nowMs)
    this.#requestsNow++
    this.#shareTokens += this.#options.share
  }

  /** Takes one retry. @returns false when there is none */
  take(): boolean {
    this.#fill()
    if (this.#shareTokens >= 1) this.#shareTokens--
    else if (this.#floorTokens >= 1) this.#floorTokens--
    else return false
    return true
  }

  get #floorMax(): number {
    return (this.#options.floorPerSecond * TEN_SECONDS_MS) / 1000
  }

  #fill(): void {
    const { clock, floorPerSecond } = this.#options
    const nowMs = clock.nowMs()
    const earned = ((nowMs - this.#filledAtMs) / 1000) * floorPerSecond
    this.#floorTokens = Math.min(this.#floorMax, this.#floorTokens + earned)
    this.#filledAtMs = nowMs
    if (nowMs >= this.#tenSecondsEndMs) this.#turn(nowMs)
  }

  /** Other ten seconds begin: what was saved up before those that have just ended is forgotten. */
  #turn(nowMs: number): void {
    const isNext = nowMs < this.#tenSecondsEndMs + TEN_SECONDS_MS
    this.#requestsBefore = isNext ? this.#requestsNow : 0
    this.#requestsNow = 0
    this.#tenSecondsEndMs = nowMs + TEN_SECONDS_MS
    this.#shareTokens = Math.min(this.#shareTokens, this.#options.share * this.#requestsBefore)
  }
}
