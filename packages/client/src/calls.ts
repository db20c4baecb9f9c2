/**
 * Owns the way of one request through a client: to a connection, and again where that is safe.
 * Must not know: how connections come to be, what the body holds, who asks.
 * Invariant: a request ends once, within its timeoutMs. Nothing is awaited between the choice of a connection and its
 * use: it could be closed meanwhile. What fails for good fails with the error that says most of what may have run.
 */
import type { Endpoints } from './balance/endpoints.ts'
import { NO_PASS } from './breaker/breaker.ts'
import { outcomeOf } from './breaker/outcome.ts'
import type { ClientRequestOptions } from './client-api.ts'
import { ClientError } from './client-error.ts'
import type { CompleteClientOptions } from './client-options.ts'
import { checkBody, checkDelayMs } from './checks.ts'
import { FirstAttempt } from './first-attempt.ts'
import type { Failures, Sendable } from './first-attempt.ts'
import type { Ask, Place } from './place.ts'
import type { Route } from './request-options.ts'
import type { Retries } from './retry/retries.ts'
import { saysItDidNotRun } from './retry/retry-rules.ts'
import { fineWheelOf, type SharedWheel } from './shared-wheel.ts'

export class Calls implements Failures {
  /** Requests that were made. */
  requests = 0
  readonly #options: Pick<CompleteClientOptions, 'clock' | 'idempotentRoutes' | 'requestTimeoutMs'>
  readonly #endpoints: Endpoints
  readonly #retries: Retries
  readonly #wheel: SharedWheel
  #isClosed = false

  constructor(options: CompleteClientOptions, endpoints: Endpoints, retries: Retries) {
    this.#options = options
    this.#endpoints = endpoints
    this.#retries = retries
    this.#wheel = fineWheelOf(options.clock)
  }

  /** Takes nothing new; what waits for a connection or for a retry fails. */
  close(): void {
    this.#isClosed = true
    this.#endpoints.failAll(closedError())
    this.#retries.cancelAll()
  }

  /** Throws a ClientError CLIENT_CLOSED. */
  assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  /**
   * Begins a request or lease on the connection that is best for it. @param isAnswered see `Endpoints.pick`
   * @returns undefined where there is none, but one may come; throws as `Endpoints.pick` does, and CLIENT_CLOSED
   */
  take(isAnswered: boolean): Place | undefined {
    this.assertOpen()
    const { only } = this.#endpoints
    if (only?.breaker.state === 'closed') {
      const pass = isAnswered ? only.breaker.pass() : NO_PASS
      const entry = only.take()
      if (entry !== undefined) return { endpoint: only, entry, pass }
    }
    const endpoint = this.#endpoints.pick(isAnswered)
    if (endpoint === undefined) return undefined
    const pass = isAnswered ? endpoint.breaker.pass() : NO_PASS
    const entry = endpoint.take()
    if (entry !== undefined) return { endpoint, entry, pass }
    // A listener of the breaker's ended it.
    endpoint.breaker.settle(pass, 'void')
    return this.take(isAnswered)
  }

  /**
   * The connection that gets the body copies it at once. What waits, or may be sent again, is copied here, before the
   * caller may use the memory for something else: in this turn.
   */
  request<Body, Answer>(
    ask: Ask<Body, Answer>,
    route: Route,
    body: Body,
    isOurs: boolean,
    options: ClientRequestOptions,
  ): Promise<Answer> {
    try {
      return this.#begin(ask, route, body, isOurs, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** For first attempts alone. */
  async onFirstFailed<Body, Answer>(attempt: FirstAttempt<Body, Answer>, error: unknown): Promise<Answer> {
    const { endpoint, entry, pass } = attempt
    endpoint.settle(entry, pass, outcomeOf(error))
    return await this.#persist(attempt, { error })
  }

  /** As `take`, for a request; of an only address without an object for the place. */
  #attempt<Body, Answer>(
    ask: Ask<Body, Answer>,
    route: Route,
    options: ClientRequestOptions,
  ): FirstAttempt<Body, Answer> | undefined {
    this.assertOpen()
    const { only } = this.#endpoints
    if (only?.breaker.state === 'closed') {
      const pass = only.breaker.pass()
      const entry = only.take()
      if (entry !== undefined) return new FirstAttempt(this, only, entry, pass, ask, route, options)
    }
    const place = this.take(true)
    if (place === undefined) return undefined
    return new FirstAttempt(this, place.endpoint, place.entry, place.pass, ask, route, options)
  }

  /** @param isOurs nobody else writes to the body: it needs no copy */
  #begin<Body, Answer>(
    ask: Ask<Body, Answer>,
    route: Route,
    body: Body,
    isOurs: boolean,
    options: ClientRequestOptions,
  ): Promise<Answer> {
    if (!isOurs) checkBody(body)
    const { timeoutMs = this.#options.requestTimeoutMs, signal, meta } = options
    checkDelayMs('timeoutMs', timeoutMs)
    this.requests++
    let attempt: FirstAttempt<Body, Answer> | undefined
    try {
      attempt = this.#attempt(ask, route, options)
    } catch (error) {
      this.#countedMs()
      throw error
    }
    if (attempt === undefined) {
      const own = isOurs ? body : copied(body)
      return this.#persist({ ask, route, body: own, options, deadlineMs: this.#countedMs() + timeoutMs }, undefined)
    }
    if (isOurs || !this.#retries.areOn) attempt.keep(body)
    else attempt.keepCopy(body)
    let nowMs: number | undefined
    try {
      // Nothing is awaited between the place and the request: the connection could be closed meanwhile.
      nowMs = ask(attempt.entry.item, attempt, route, body, timeoutMs, signal, meta)
    } catch (error) {
      attempt.reject(error)
    }
    attempt.deadlineMs = Math.floor(this.#countedMs(nowMs)) + timeoutMs
    return attempt.promise
  }

  /** Counts a request for what retries may cost. @returns the clock, which is read unless it is given */
  #countedMs(nowMs = this.#readClock()): number {
    this.#retries.budget.onRequest(nowMs)
    return nowMs
  }

  /** A connection that has no deadlines of its own in the wheel would leave its time behind. */
  #readClock(): number {
    const nowMs = this.#options.clock.nowMs()
    this.#wheel.note(nowMs)
    return nowMs
  }

  /** Sends a request until it is answered or may not be sent again. @param failed how its first attempt ended */
  async #persist<Body, Answer>(
    request: Sendable<Body, Answer>,
    failed: { readonly error: unknown } | undefined,
  ): Promise<Answer> {
    const { deadlineMs, options, route } = request
    const { signal, idempotent: isIdempotent = this.#options.idempotentRoutes.has(route) } = options
    let last: unknown
    for (let attempt = failed === undefined ? 0 : 1; ; attempt++) {
      let place: Place | undefined
      if (failed !== undefined) {
        const { error } = failed
        if (!hidesRun(error, last)) last = error
        if (this.#isClosed) throw last
        await this.#retries.next({ error, attempt, isIdempotent, deadlineMs, signal }).catch(orRather(last, signal))
        place = this.#takeAgain(last)
      }
      while (place === undefined) {
        await this.#endpoints.wait(deadlineMs, signal).catch(orRather(last, signal))
        place = this.#takeAgain(last)
      }
      try {
        return await this.#askOnce(request, place)
      } catch (error) {
        failed = { error }
      }
    }
  }

  async #askOnce<Body, Answer>(request: Sendable<Body, Answer>, place: Place): Promise<Answer> {
    const { ask, body, deadlineMs, options, route } = request
    const { endpoint, entry, pass } = place
    const leftMs = Math.max(1, Math.floor(deadlineMs - this.#readClock()))
    try {
      const receiver = Promise.withResolvers<Answer>()
      ask(entry.item, receiver, route, body, leftMs, options.signal, options.meta)
      const answer = await receiver.promise
      endpoint.settle(entry, pass, 'success')
      return answer
    } catch (error) {
      endpoint.settle(entry, pass, outcomeOf(error))
      throw error
    }
  }

  /** As `take`, for a request that failed with `last` before. */
  #takeAgain(last: unknown): Place | undefined {
    try {
      return this.take(true)
    } catch (error) {
      throw last ?? error
    }
  }
}

/** Only bytes are ever copied: values are encoded before, or are none of ours. */
function copied<Body>(body: Body): Body {
  return body instanceof Uint8Array ? (new Uint8Array(body) as Body) : body
}

/**
 * A request that was sent twice fails with what is worse: an error that says that no handler ran must not hide one that
 * says that it may have.
 */
function hidesRun(error: unknown, last: unknown): boolean {
  return last !== undefined && saysItDidNotRun(error) && !saysItDidNotRun(last)
}

/** Rejects with what the request failed with before, unless its caller gave it up. */
function orRather(last: unknown, signal: AbortSignal | undefined): (error: unknown) => never {
  return (error) => {
    throw last === undefined || signal?.aborted === true ? error : last
  }
}

function closedError(): ClientError {
  return new ClientError('CLIENT_CLOSED', 'the client is closed')
}
