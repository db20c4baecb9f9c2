/**
 * Owns the way of one request through a client: to a connection, and again where that is safe.
 * Must not know: how connections come to be, what the body holds, who asks.
 * Invariant: a request ends once, within its timeoutMs. Nothing is awaited between the choice of a connection and its
 * use: it could be closed meanwhile. What fails for good fails with the error that says most of what may have run.
 */
import type { Endpoint } from './balance/endpoint.ts'
import type { Endpoints } from './balance/endpoints.ts'
import { NO_PASS } from './breaker/breaker.ts'
import { outcomeOf } from './breaker/outcome.ts'
import type { ClientRequestOptions } from './client-api.ts'
import { ClientError } from './client-error.ts'
import type { CompleteClientOptions } from './client-options.ts'
import type { Connection } from './connection-api.ts'
import { checkBody, checkDelayMs } from './options.ts'
import type { Entry } from './pool/item-set.ts'
import type { RequestOptions, Route } from './request-options.ts'
import type { Retries } from './retry/retries.ts'
import { saysItDidNotRun } from './retry/retry-rules.ts'

/** A connection, and the address that it belongs to. */
export interface Place {
  readonly endpoint: Endpoint
  readonly entry: Entry<Connection>
  /** What the breaker let the request through with. */
  readonly pass: number
}

/** How a connection is asked. */
export type Ask<Body, Answer> = (
  connection: Connection,
  route: Route,
  body: Body,
  options: RequestOptions,
) => Promise<Answer>

export interface Call<Body> {
  readonly route: Route
  readonly body: Body
  /** Nobody else writes to the body: it needs no copy. */
  readonly isOurs: boolean
}

export class Calls {
  /** Requests that were made. */
  requests = 0
  readonly #options: Pick<CompleteClientOptions, 'clock' | 'idempotentRoutes' | 'requestTimeoutMs'>
  readonly #endpoints: Endpoints
  readonly #retries: Retries
  #isClosed = false

  constructor(options: CompleteClientOptions, endpoints: Endpoints, retries: Retries) {
    this.#options = options
    this.#endpoints = endpoints
    this.#retries = retries
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
  async request<Body, Answer>(
    ask: Ask<Body, Answer>,
    { route, body: given, isOurs }: Call<Body>,
    options: ClientRequestOptions,
  ): Promise<Answer> {
    if (!isOurs) checkBody(given)
    const { clock, idempotentRoutes, requestTimeoutMs } = this.#options
    const { timeoutMs = requestTimeoutMs, signal, meta, idempotent = idempotentRoutes.has(route) } = options
    const nowMs = clock.nowMs()
    const deadlineMs = nowMs + checkDelayMs('timeoutMs', timeoutMs)
    this.requests++
    this.#retries.budget.onRequest(nowMs)
    let leftMs = timeoutMs
    let place = this.take(true)
    const body = isOurs || (place !== undefined && !this.#retries.areOn) ? given : copied(given)
    for (let attempt = 1, last: unknown; ; attempt++) {
      // Nothing is awaited between the place and the request: the connection could be closed meanwhile.
      while (place === undefined) {
        await this.#endpoints.wait(deadlineMs, signal).catch(orRather(last, signal))
        leftMs = Math.max(1, Math.floor(deadlineMs - clock.nowMs()))
        place = this.#takeAgain(last)
      }
      const { endpoint, entry, pass }: Place = place
      try {
        const answer = await ask(entry.item, route, body, { timeoutMs: leftMs, signal, meta })
        endpoint.settle(entry, pass, 'success')
        return answer
      } catch (error) {
        endpoint.settle(entry, pass, outcomeOf(error))
        if (!hidesRun(error, last)) last = error
        if (this.#isClosed) throw last
        await this.#retries
          .next({ error, attempt, isIdempotent: idempotent, deadlineMs, signal })
          .catch(orRather(last, signal))
        leftMs = Math.max(1, Math.floor(deadlineMs - clock.nowMs()))
        place = this.#takeAgain(last)
      }
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
