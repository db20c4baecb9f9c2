/**
 * Owns when an address is dialled: the waits between attempts, what the server asked for, when to give up.
 * Must not know: how dialling works, how many connections there are, who wants them.
 * Invariant: no attempt begins before the moment that backoff, GOAWAY or a refusal named, also if the attempts belong
 * to several rounds. One attempt at a time; no timer and no listener is left when none is under way.
 */
import type { Clock, Goaway } from '@shardwire/protocol'
import { BAD_CRC, BAD_FRAME, FRAME_TOO_LARGE, ShardwireError } from '@shardwire/protocol'
import { briefly, ClientError } from '../client-error.ts'
import type { Random } from '../random.ts'
import { retryAfterMsOf } from '../retry/retry-rules.ts'
import { backoffMs } from './backoff.ts'
import type { BackoffRange } from './backoff.ts'

/** Why the next attempt waits: our own backoff, a GOAWAY, or a refusal that said after how long. */
export type WaitReason = 'backoff' | 'goaway' | 'refused'

export interface ReconnectorOptions<T> extends BackoffRange {
  /** `host:port`, for messages. */
  readonly target: string
  /** From the first attempt of a round on; Infinity is never. Waits that the server asked for do not count. */
  readonly giveUpAfterMs: number
  readonly clock: Clock
  readonly random: Random
  /** @param timeoutMs at most so long; Infinity where only its own limit holds */
  readonly dial: (signal: AbortSignal, timeoutMs: number) => Promise<T>
  readonly listener: ReconnectorListener
}

/** Attempts are counted from 1, anew after each success and each giving up. */
export interface ReconnectorListener {
  onWaiting(attempt: number, delayMs: number, reason: WaitReason): void
  onConnecting(attempt: number): void
  onAttemptFailed(attempt: number, error: unknown): void
  onGaveUp(attempts: number, afterMs: number, error: unknown): void
}

export type ReconnectorPhase = 'resting' | 'waiting' | 'connecting'

export class Reconnector<T> {
  readonly #options: ReconnectorOptions<T>
  #phase: ReconnectorPhase = 'resting'
  #attempt = 0
  /** How often the backoff has doubled; over rounds, until a connection has lasted. */
  #failures = 0
  /** When the first attempt of this round began, later by what the server asked to wait; undefined before it. */
  #roundBeganMs: number | undefined
  #notBeforeMs = -Infinity
  #reason: WaitReason = 'backoff'
  /** What the last GOAWAYs drew of their jitter: several of one drain are one wait. */
  #goawayDraw = 0
  /** A connection that is older than this has lasted. */
  #lastsFromMs = Infinity
  #isStopped = false
  /** Ends the wait under way. */
  #wake: (() => void) | undefined

  constructor(options: ReconnectorOptions<T>) {
    this.#options = options
  }

  get phase(): ReconnectorPhase {
    return this.#phase
  }

  /** Of the attempt under way or waited for; 0 where there is none. */
  get attempt(): number {
    return this.#phase === 'resting' ? 0 : this.#attempt
  }

  /** The server said `retry: never`, and the application did not object yet. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Until the next attempt may begin, in milliseconds. */
  get waitMs(): number {
    return Math.max(0, this.#notBeforeMs - this.#options.clock.nowMs())
  }

  /** How the address may be dialled is the application's word now: also after `never`. Waits stay. */
  restart(): void {
    this.#isStopped = false
  }

  /**
   * Dials until it succeeds, one call at a time. Rejects with a ClientError NO_CONNECTION when it gives up or the
   * server wants no attempt, whose cause is the last error; and with ABORTED when the signal fires.
   */
  async connect(signal: AbortSignal): Promise<T> {
    try {
      for (;;) {
        this.#attempt++
        await this.#wait(signal)
        const connection = await this.#try(signal)
        if (connection !== undefined) return connection
      }
    } finally {
      this.#phase = 'resting'
      this.#attempt = 0
      this.#roundBeganMs = undefined
    }
  }

  /** The server asked for no new requests on a connection, and said when to come back. */
  onGoaway({ retry, retryAfterMs, jitterMs }: Goaway): void {
    const { clock, random } = this.#options
    if (retry === 'never') {
      this.#isStopped = true
      this.#wake?.()
      return
    }
    const nowMs = clock.nowMs()
    const isSameDrain = this.#reason === 'goaway' && this.#notBeforeMs > nowMs
    if (!isSameDrain) this.#goawayDraw = random()
    const askedMs = (retry === 'now' ? 0 : retryAfterMs) + this.#goawayDraw * jitterMs
    this.#notBefore(nowMs + askedMs, 'goaway')
  }

  /**
   * A connection ended that nobody here had ended.
   * @param livedMs how long it was open
   * @param reason what the server said of it: it may let one in before it refuses
   */
  onLost(livedMs: number, reason?: ShardwireError): void {
    const { clock, maxMs } = this.#options
    // One that ends again and again at once is no better than one that cannot be had.
    if (livedMs >= maxMs) this.#failures = 0
    const [ownMs, askedMs] = [this.#backoffMs(), retryAfterMsOf(reason)]
    this.#notBefore(clock.nowMs() + Math.max(ownMs, askedMs), askedMs > ownMs ? 'refused' : 'backoff')
  }

  #backoffMs(): number {
    return backoffMs(this.#failures++, this.#options, this.#options.random)
  }

  #notBefore(atMs: number, reason: WaitReason): void {
    if (atMs <= this.#notBeforeMs) return
    this.#notBeforeMs = atMs
    this.#reason = reason
  }

  async #wait(signal: AbortSignal): Promise<void> {
    let toldMs = -Infinity
    for (;;) {
      if (signal.aborted) throw this.#error('ABORTED', 'aborted', signal.reason)
      if (this.#isStopped) throw this.#error('NO_CONNECTION', 'the server said in its GOAWAY never to connect again')
      const { waitMs } = this
      if (waitMs === 0) return
      this.#phase = 'waiting'
      // What a later GOAWAY prolongs is told anew.
      if (toldMs !== this.#notBeforeMs) this.#options.listener.onWaiting(this.#attempt, waitMs, this.#reason)
      toldMs = this.#notBeforeMs
      await this.#sleep(waitMs, signal)
    }
  }

  /** @returns undefined when the attempt failed and is to be repeated */
  async #try(signal: AbortSignal): Promise<T | undefined> {
    const { clock, dial, giveUpAfterMs, listener, maxMs } = this.#options
    const nowMs = clock.nowMs()
    this.#roundBeganMs ??= nowMs
    this.#phase = 'connecting'
    listener.onConnecting(this.#attempt)
    try {
      const connection = await dial(signal, Math.max(1, this.#roundBeganMs + giveUpAfterMs - nowMs))
      this.#lastsFromMs = clock.nowMs() + maxMs
      return connection
    } catch (error) {
      if (signal.aborted) throw error
      listener.onAttemptFailed(this.#attempt, error)
      this.#afterFailure(error)
      return undefined
    }
  }

  /** Throws when it gives up. */
  #afterFailure(error: unknown): void {
    const { clock, giveUpAfterMs } = this.#options
    const nowMs = clock.nowMs()
    const roundBeganMs = this.#roundBeganMs ?? nowMs
    if (nowMs >= this.#lastsFromMs) this.#failures = 0
    this.#lastsFromMs = Infinity
    const ownMs = this.#backoffMs()
    const askedMs = retryAfterMsOf(error)
    const delayMs = Math.max(ownMs, askedMs)
    this.#notBefore(nowMs + delayMs, askedMs > ownMs ? 'refused' : 'backoff')
    // A server that says when to come is not one that is gone.
    this.#roundBeganMs = askedMs > ownMs ? roundBeganMs + delayMs : roundBeganMs
    if (!isFinal(error) && this.#notBeforeMs < this.#roundBeganMs + giveUpAfterMs) return
    this.#giveUp(error, nowMs - roundBeganMs)
  }

  #giveUp(error: unknown, afterMs: number): never {
    this.#options.listener.onGaveUp(this.#attempt, afterMs, error)
    const attempts = this.#attempt === 1 ? '1 attempt' : `${this.#attempt} attempts in ${Math.round(afterMs)} ms`
    throw this.#error('NO_CONNECTION', `gave up after ${attempts}: ${briefly(error)}`, error)
  }

  async #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => {
      resolve()
    }
    // Longer than timers go is waited for in several parts.
    const cancel = this.#options.clock.after(Math.min(Math.ceil(delayMs), TIMER_MS_MAX), wake)
    signal.addEventListener('abort', wake)
    this.#wake = wake
    await promise
    cancel()
    signal.removeEventListener('abort', wake)
    this.#wake = undefined
  }

  #error(code: 'ABORTED' | 'NO_CONNECTION', what: string, cause?: unknown): ClientError {
    const { target } = this.#options
    return new ClientError(code, `connection to ${target}: ${what}`, { target, cause })
  }
}

const TIMER_MS_MAX = 0x7fff_ffff

/**
 * Whether trying again would meet the same: the server refuses who we say we are. Bytes that make no sense may have
 * been damaged on their way, and certificates are read anew for each attempt.
 */
function isFinal(error: unknown): boolean {
  if (!(error instanceof ShardwireError)) return false
  return !error.retryable && ![BAD_FRAME, BAD_CRC, FRAME_TOO_LARGE].includes(error.code)
}
