/**
 * Owns whether and when a request that failed is sent again.
 * Must not know: how requests are sent, or where to.
 * Invariant: each retry is paid from the budget, before it is waited for, but of what was handed back in order, or has
 * never left; what waits ends by its time, its signal, or `cancelAll`, and leaves no timer and no listener.
 */
import type { Clock } from '@shardwire/protocol'
import { DRAINING, ShardwireError } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import type { Random } from '../random.ts'
import { backoffMs } from '../reconnect/backoff.ts'
import { RetryBudget } from './retry-budget.ts'
import { mayRepeat, retryAfterMsOf } from './retry-rules.ts'

export interface RetriesOptions {
  /** How often a request is sent at most; 1 is never again. */
  readonly attemptsMax: number
  readonly budgetShare: number
  readonly floorPerSecond: number
  readonly clock: Clock
  readonly random: Random
}

/** What is known of a request that failed. */
export interface FailedAttempt {
  readonly error: unknown
  /** From 1. */
  readonly attempt: number
  readonly isIdempotent: boolean
  /** When its caller stops waiting. */
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

/** Waits where the server names none. A first retry that another connection can take at once does not wait. */
const BACKOFF = { minMs: 100, maxMs: 5000 }

export class Retries {
  readonly budget: RetryBudget
  /** Times that a request was sent again, or could have been if the budget had allowed it. */
  retried = 0
  refused = 0
  readonly #options: RetriesOptions
  /** Ends of the waits under way. */
  readonly #waits = new Set<() => void>()

  constructor(options: RetriesOptions) {
    const { budgetShare: share, clock, floorPerSecond } = options
    this.#options = options
    this.budget = new RetryBudget({ clock, share, floorPerSecond })
  }

  /** Whether a request may be sent more than once at all. */
  get areOn(): boolean {
    return this.#options.attemptsMax > 1
  }

  /** Waits until the request may be sent again. Rejects when it may not: with its error, or with ABORTED. */
  async next(failed: FailedAttempt): Promise<void> {
    const { attempt, deadlineMs, error, isIdempotent, signal } = failed
    const { attemptsMax, clock } = this.#options
    if (attempt >= attemptsMax || !mayRepeat(error, isIdempotent)) throw error
    const delayMs = this.#delayMs(error, attempt)
    if (clock.nowMs() + delayMs >= deadlineMs) throw error
    if (!isFree(error) && !this.budget.take()) {
      this.refused++
      throw error
    }
    this.retried++
    if (delayMs > 0 && !(await this.#wait(delayMs, signal))) throw error
    if (signal?.aborted !== true) return
    throw new ClientError('ABORTED', 'aborted before it was sent again', { cause: signal.reason })
  }

  /** Whoever waits fails with the error that it had. */
  cancelAll(): void {
    for (const end of this.#waits) end()
  }

  #delayMs(error: unknown, attempt: number): number {
    const isElsewhere = error instanceof ShardwireError ? error.code === DRAINING : !isTooMuch(error)
    if (attempt === 1 && isElsewhere) return 0
    return Math.max(retryAfterMsOf(error), backoffMs(attempt - 1, BACKOFF, this.#options.random))
  }

  /** @returns false when it was cancelled; true when the time has passed, and also when the signal fired */
  async #wait(delayMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const go = (): void => {
      resolve(true)
    }
    const end = (): void => {
      resolve(false)
    }
    const cancel = this.#options.clock.after(Math.ceil(delayMs), go)
    signal?.addEventListener('abort', go)
    this.#waits.add(end)
    const isOver = await promise
    cancel()
    signal?.removeEventListener('abort', go)
    this.#waits.delete(end)
    return isOver
  }
}

/**
 * What makes no storm: a drain hands back what it has not begun, once, to be sent elsewhere; what exceeds a limit of
 * this side has reached nobody.
 */
function isFree(error: unknown): boolean {
  if (error instanceof ShardwireError) return error.code === DRAINING
  if (!(error instanceof ClientError)) return false
  return error.code === 'CONNECTION_DRAINING' || error.code === 'CONNECTION_CLOSED' || isTooMuch(error)
}

/** More than a connection takes at once: after a moment it may take it. */
function isTooMuch(error: unknown): boolean {
  return error instanceof ClientError && (error.code === 'BACKLOG_FULL' || error.code === 'TOO_MANY_IN_FLIGHT')
}
