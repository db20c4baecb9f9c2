/**
 * Owns the verbs of a client, and puts its parts together.
 * Must not know: how connections are made, chosen, kept or given up, or what may be repeated; its parts do.
 * Invariant: a request ends once, within its timeoutMs. After `close` no connection, timer, listener or waiter is left.
 */
import { decodeBody, encodeBody } from '@shardwire/protocol'
import type { CancelTimer } from '@shardwire/protocol'
import { Endpoint } from './balance/endpoint.ts'
import { NO_PASS } from './breaker/breaker.ts'
import { Endpoints } from './balance/endpoints.ts'
import { outcomeOf } from './breaker/outcome.ts'
import type { Client, ClientRequestOptions } from './client-api.ts'
import { ClientError } from './client-error.ts'
import { completeClientOptions } from './client-options.ts'
import type { ClientOptions, CompleteAddress, CompleteClientOptions } from './client-options.ts'
import type { ClientState, ClientStatus, StatusEvent } from './client-status.ts'
import type { Connection, ConnectionListeners, Message } from './connection-api.ts'
import { checkBody, checkDelayMs } from './options.ts'
import type { Entry } from './pool/item-set.ts'
import { Leases, TakenAt } from './pool/lease.ts'
import type { Lease } from './pool/lease.ts'
import type { AcquireOptions } from './pool/pool.ts'
import type { SendOptions } from './request-options.ts'
import { Retries } from './retry/retries.ts'
import { saysItDidNotRun } from './retry/retry-rules.ts'
import { tell } from './tell.ts'

/** How often connections are looked at that may be idle for too long or too old, and leases. */
const SWEEP_MS = 1000
const DELAY_MS_MAX = 0x7fff_ffff
const NO_BYTES: Uint8Array = new Uint8Array(0)
const NO_OPTIONS: ClientRequestOptions = Object.freeze({})

/**
 * A client of one or several addresses of a service. It connects at once, in the background.
 *
 *     await using client = createClient({ addresses: ['127.0.0.1:7400'] })
 *     const answer = await client.request(1, new TextEncoder().encode('hello'))
 *
 * Throws a ClientError INVALID_OPTION.
 */
export function createClient(options: ClientOptions): Client {
  return new PooledClient(completeClientOptions(options))
}

/** A connection, and the address that it belongs to. */
interface Place {
  readonly endpoint: Endpoint
  readonly entry: Entry<Connection>
  /** What the breaker let the request through with. */
  readonly pass: number
}

class PooledClient implements Client {
  onMessage: ((message: Message) => void) | undefined
  readonly #options: CompleteClientOptions
  readonly #endpoints: Endpoints
  readonly #retries: Retries
  readonly #leases: Leases<Place, Connection>
  readonly #cancelSweep: CancelTimer
  #requests = 0
  #state: ClientState = 'idle'
  #closing: Promise<void> | undefined
  /** The one that said last that it wants no more for now. */
  #full: Connection | undefined

  constructor(options: CompleteClientOptions) {
    const { clock, random, retry, leaseWarnMs } = options
    this.#options = options
    this.onMessage = options.onMessage
    this.#retries = new Retries({ ...retry, clock, random })
    this.#leases = new Leases({
      clock,
      leaseWarnMs,
      itemOf: ({ entry }) => entry.item,
      onEnd: ({ endpoint, entry }, isBroken) => {
        endpoint.giveBack(entry, isBroken)
      },
      onLost: ({ endpoint, entry }) => {
        endpoint.giveBack(entry, false)
      },
      onWarning: (warning) => {
        this.#tell(warning)
      },
    })
    const list = options.addresses.map((address) => this.#createEndpoint(address))
    this.#endpoints = new Endpoints(list, options)
    this.#cancelSweep = clock.every(SWEEP_MS, () => {
      this.#sweep()
    })
    for (const endpoint of list) endpoint.start()
  }

  get status(): ClientStatus {
    const { refused, retried, budget } = this.#retries
    return {
      state: this.#endpoints.state,
      addresses: this.#endpoints.list.map(({ status }) => status),
      waiting: this.#endpoints.waiting,
      leases: this.#leases.size,
      requests: this.#requests,
      retries: retried,
      retriesRefused: refused,
      retryBudget: budget.tokens,
    }
  }

  async connect({ timeoutMs = DELAY_MS_MAX, signal }: AcquireOptions = {}): Promise<void> {
    const { clock } = this.#options
    this.#assertOpen()
    const deadlineMs = clock.nowMs() + checkDelayMs('timeoutMs', timeoutMs)
    for (const endpoint of this.#endpoints.list) if (!endpoint.isReady) endpoint.restart()
    while (!this.#endpoints.hasReady) await this.#endpoints.wait(deadlineMs, signal)
  }

  request(route: number, body = NO_BYTES, options = NO_OPTIONS): Promise<Uint8Array> {
    return this.#request(route, body, options, false)
  }

  async requestMsgpack(route: number, value: unknown, options = NO_OPTIONS): Promise<unknown> {
    const answer = await this.#request(route, encodeBody(value), options, true)
    if (answer.length === 0) return undefined
    try {
      return decodeBody(answer, 0, answer.length)
    } catch (cause) {
      throw new ClientError('BAD_ANSWER', `the answer of route ${route} is not msgpack`, { cause })
    }
  }

  send(route: number, body = NO_BYTES, options?: SendOptions): boolean {
    const place = this.#take(false)
    if (place === undefined) throw this.#endpoints.noConnectionNow()
    const { endpoint, entry, pass } = place
    try {
      const takesMore = entry.item.send(route, body, options)
      if (!takesMore) this.#full = entry.item
      return takesMore
    } finally {
      endpoint.settle(entry, pass, 'void')
    }
  }

  sendMsgpack(route: number, value: unknown, options?: SendOptions): boolean {
    return this.send(route, encodeBody(value), options)
  }

  async drained(): Promise<void> {
    const full = this.#full
    this.#full = undefined
    // One that is gone takes nothing more, but the next `send` goes to another.
    await full?.drained().catch(() => undefined)
  }

  acquire(options: AcquireOptions = {}): Promise<Lease<Connection>> {
    // Not async: the caller is on the stack only now.
    return this.#acquire(options, new TakenAt())
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async destroy(): Promise<void> {
    this.#closing ??= this.#close()
    this.#leases.endAll()
    for (const endpoint of this.#endpoints.list) endpoint.destroy()
    await this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * The connection that gets the body copies it at once. What waits, or may be sent again, is copied here, before the
   * caller may use the memory for something else: in this turn. @param isOurs that was done
   */
  async #request(
    route: number,
    given: Uint8Array,
    options: ClientRequestOptions,
    isOurs: boolean,
  ): Promise<Uint8Array> {
    checkBody(given)
    const { clock, idempotentRoutes, requestTimeoutMs } = this.#options
    const { timeoutMs = requestTimeoutMs, signal, meta, idempotent = idempotentRoutes.has(route) } = options
    const deadlineMs = clock.nowMs() + checkDelayMs('timeoutMs', timeoutMs)
    this.#requests++
    this.#retries.budget.onRequest()
    let leftMs = timeoutMs
    let place = this.#take(true)
    const body = isOurs || (place !== undefined && !this.#retries.areOn) ? given : new Uint8Array(given)
    for (let attempt = 1, last: unknown; ; attempt++) {
      // Nothing is awaited between the place and the request: the connection could be closed meanwhile.
      while (place === undefined) {
        await this.#endpoints.wait(deadlineMs, signal).catch(orRather(last, signal))
        leftMs = Math.max(1, Math.floor(deadlineMs - clock.nowMs()))
        place = this.#takeAgain(last)
      }
      const { endpoint, entry, pass }: Place = place
      try {
        const answer = await entry.item.request(route, body, { timeoutMs: leftMs, signal, meta })
        endpoint.settle(entry, pass, 'success')
        return answer
      } catch (error) {
        endpoint.settle(entry, pass, outcomeOf(error))
        if (!hidesRun(error, last)) last = error
        if (this.#closing !== undefined) throw last
        await this.#retries
          .next({ error, attempt, isIdempotent: idempotent, deadlineMs, signal })
          .catch(orRather(last, signal))
        leftMs = Math.max(1, Math.floor(deadlineMs - clock.nowMs()))
        place = this.#takeAgain(last)
      }
    }
  }

  /** As `#take`, for a request that failed with `last` before. */
  #takeAgain(last: unknown): Place | undefined {
    try {
      return this.#take(true)
    } catch (error) {
      throw last ?? error
    }
  }

  async #acquire(options: AcquireOptions, at: TakenAt): Promise<Lease<Connection>> {
    const { clock, requestTimeoutMs } = this.#options
    const { timeoutMs = requestTimeoutMs, signal } = options
    const deadlineMs = clock.nowMs() + checkDelayMs('timeoutMs', timeoutMs)
    if (signal?.aborted === true) throw new ClientError('ABORTED', 'acquire aborted', { cause: signal.reason })
    for (;;) {
      const place = this.#take(false)
      if (place !== undefined) return this.#leases.begin(place, at)
      await this.#endpoints.wait(deadlineMs, signal)
    }
  }

  /**
   * Begins a request or lease on the connection that is best for it. @param isAnswered see `Endpoints.pick`
   * @returns undefined where there is none, but one may come; throws as `Endpoints.pick` does, and CLIENT_CLOSED
   */
  #take(isAnswered: boolean): Place | undefined {
    this.#assertOpen()
    const endpoint = this.#endpoints.pick(isAnswered)
    if (endpoint === undefined) return undefined
    const pass = isAnswered ? endpoint.breaker.pass() : NO_PASS
    const entry = endpoint.take()
    if (entry !== undefined) return { endpoint, entry, pass }
    // A listener of the breaker's ended it.
    endpoint.breaker.settle(pass, 'void')
    return this.#take(isAnswered)
  }

  #createEndpoint({ name, timeoutMs: ownTimeoutMs, connect }: CompleteAddress): Endpoint {
    const { dial, onError, onHandlerError } = this.#options
    const shared: ConnectionListeners = {
      onMessage: (message) => {
        tell(this.onMessage, message)
      },
      onError,
      onHandlerError,
    }
    return new Endpoint(
      {
        ...this.#options,
        address: name,
        dial: (listeners, signal, limitMs) => {
          const timeoutMs = Math.ceil(Math.min(ownTimeoutMs, limitMs))
          return dial({ ...connect, ...shared, ...listeners, signal, timeoutMs })
        },
      },
      {
        onEvent: (event) => {
          this.#tell(event)
        },
        onChange: () => {
          this.#onChange()
        },
      },
    )
  }

  #onChange(): void {
    this.#endpoints.onChange()
    const before = this.#state
    const { state } = this.#endpoints
    this.#state = state
    if (state !== before) this.#tell({ type: 'state', state, before })
  }

  #sweep(): void {
    const { list } = this.#endpoints
    const ready = list.filter(({ isReady }) => isReady)
    for (const endpoint of list) endpoint.sweep(ready.some((other) => other !== endpoint))
    this.#leases.sweep()
  }

  async #close(): Promise<void> {
    const { clock, closeTimeoutMs } = this.#options
    this.#cancelSweep()
    this.#endpoints.failAll(closedError())
    this.#retries.cancelAll()
    for (const endpoint of this.#endpoints.list) endpoint.close()
    const cancel = clock.after(closeTimeoutMs, () => {
      this.#leases.endAll()
    })
    await Promise.all(this.#endpoints.list.map(({ gone }) => gone))
    cancel()
    this.#onChange()
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError()
  }

  #tell(event: StatusEvent): void {
    tell(this.#options.onStatus, event)
  }
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
