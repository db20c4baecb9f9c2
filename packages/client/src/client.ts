/**
 * Owns the verbs of a client, and puts its parts together.
 * Must not know: how connections are made, chosen, kept or given up, or what may be repeated; its parts do.
 * Invariant: a request ends once, within its timeoutMs. After `close` no connection, timer, listener or waiter is left.
 */
import { decodeBody, encodeBody } from '@shardwire/protocol'
import type { CancelTimer, TypedService } from '@shardwire/protocol'
import { Endpoint } from './balance/endpoint.ts'
import { Endpoints } from './balance/endpoints.ts'
import { Calls } from './calls.ts'
import type { Client, ClientRequestOptions } from './client-api.ts'
import { ClientError } from './client-error.ts'
import { completeClientOptions } from './client-options.ts'
import type { ClientOptions, CompleteAddress, CompleteClientOptions } from './client-options.ts'
import type { ClientState, ClientStatus, StatusEvent } from './client-status.ts'
import { ClientConnection } from './connection.ts'
import type { Connection, ConnectionListeners, Message } from './connection-api.ts'
import { checkDelayMs } from './checks.ts'
import type { Ask, Place } from './place.ts'
import { Leases, TakenAt } from './pool/lease.ts'
import type { Lease } from './pool/lease.ts'
import type { AcquireOptions } from './pool/pool.ts'
import { receiveFrom } from './receiver.ts'
import type { Route, SendOptions } from './request-options.ts'
import type { ServiceClient } from './request/service-client.ts'
import { Retries } from './retry/retries.ts'
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
 * With the type of the service, what does not fit its routes does not compile:
 *
 *     import type service from './service.ts'
 *     await using client = createClient<typeof service>({ addresses: ['127.0.0.1:7400'] })
 *
 * Throws a ClientError INVALID_OPTION.
 */
export function createClient(options: ClientOptions): Client
export function createClient<Service extends TypedService>(options: ClientOptions): ServiceClient<Service>
// Once more, as `ReturnType<typeof createClient>` is what the last one returns.
export function createClient(options: ClientOptions): Client
export function createClient(options: ClientOptions): Client {
  return new PooledClient(completeClientOptions(options))
}

const askBytes: Ask<Uint8Array, Uint8Array> = (connection, receiver, route, body, timeoutMs, signal, meta) => {
  if (connection instanceof ClientConnection) {
    return connection.requestFor(receiver, route, body, timeoutMs, signal, meta)
  }
  receiveFrom(connection.request(route, body, { timeoutMs, signal, meta }), receiver)
  return undefined
}

const askValue: Ask<unknown, unknown> = (connection, receiver, route, value, timeoutMs, signal, meta) => {
  receiveFrom(connection.requestValue(route, value, { timeoutMs, signal, meta }), receiver)
  return undefined
}

class PooledClient implements Client {
  onMessage: ((message: Message) => void) | undefined
  readonly #options: CompleteClientOptions
  readonly #endpoints: Endpoints
  readonly #retries: Retries
  readonly #calls: Calls
  readonly #leases: Leases<Place, Connection>
  readonly #cancelSweep: CancelTimer
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
    this.#calls = new Calls(options, this.#endpoints, this.#retries)
    this.#cancelSweep = clock.every(SWEEP_MS, () => {
      this.#sweep()
    })
    // Not before whoever makes it has it: its listeners may be about to use it.
    queueMicrotask(() => {
      for (const endpoint of list) endpoint.start()
    })
  }

  get codec(): 'frame' | 'json' {
    return this.#options.codec
  }

  get status(): ClientStatus {
    const { refused, retried, budget } = this.#retries
    return {
      state: this.#endpoints.state,
      addresses: this.#endpoints.list.map(({ status }) => status),
      waiting: this.#endpoints.waiting,
      leases: this.#leases.size,
      requests: this.#calls.requests,
      retries: retried,
      retriesRefused: refused,
      retryBudget: budget.tokens,
    }
  }

  async connect({ timeoutMs = DELAY_MS_MAX, signal }: AcquireOptions = {}): Promise<void> {
    const { clock } = this.#options
    this.#calls.assertOpen()
    const deadlineMs = clock.nowMs() + checkDelayMs('timeoutMs', timeoutMs)
    for (const endpoint of this.#endpoints.list) if (!endpoint.isReady) endpoint.restart()
    while (!this.#endpoints.hasReady) await this.#endpoints.wait(deadlineMs, signal)
  }

  request(route: Route, body = NO_BYTES, options = NO_OPTIONS): Promise<Uint8Array> {
    return this.#calls.request(askBytes, route, body, false, options)
  }

  async requestValue(route: Route, value: unknown, options = NO_OPTIONS): Promise<unknown> {
    if (this.codec === 'json') return await this.#calls.request(askValue, route, value, true, options)
    const answer = await this.#calls.request(askBytes, route, encodeBody(value), true, options)
    if (answer.length === 0) return undefined
    try {
      return decodeBody(answer, 0, answer.length)
    } catch (cause) {
      throw new ClientError('BAD_ANSWER', `the answer of route ${route} is not msgpack`, { cause })
    }
  }

  async requestMsgpack(route: number, value: unknown, options = NO_OPTIONS): Promise<unknown> {
    this.#assertFrames('requestMsgpack', 'requestValue')
    return await this.requestValue(route, value, options)
  }

  send(route: Route, body = NO_BYTES, options?: SendOptions): boolean {
    return this.#send((connection) => connection.send(route, body, options))
  }

  sendValue(route: Route, value: unknown, options?: SendOptions): boolean {
    return this.#send((connection) => connection.sendValue(route, value, options))
  }

  sendMsgpack(route: number, value: unknown, options?: SendOptions): boolean {
    this.#assertFrames('sendMsgpack', 'sendValue')
    return this.sendValue(route, value, options)
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

  #assertFrames(verb: string, instead: string): void {
    if (this.codec === 'frame') return
    throw new ClientError('INVALID_OPTION', `${verb}: this client speaks JSON; use ${instead}`)
  }

  #send(send: (connection: Connection) => boolean): boolean {
    const place = this.#calls.take(false)
    if (place === undefined) throw this.#endpoints.noConnectionNow()
    const { endpoint, entry, pass } = place
    try {
      const takesMore = send(entry.item)
      if (!takesMore) this.#full = entry.item
      return takesMore
    } finally {
      endpoint.settle(entry, pass, 'void')
    }
  }

  async #acquire(options: AcquireOptions, at: TakenAt): Promise<Lease<Connection>> {
    const { clock, requestTimeoutMs } = this.#options
    const { timeoutMs = requestTimeoutMs, signal } = options
    const deadlineMs = clock.nowMs() + checkDelayMs('timeoutMs', timeoutMs)
    if (signal?.aborted === true) throw new ClientError('ABORTED', 'acquire aborted', { cause: signal.reason })
    for (;;) {
      const place = this.#calls.take(false)
      if (place !== undefined) return this.#leases.begin(place, at)
      await this.#endpoints.wait(deadlineMs, signal)
    }
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
    this.#calls.close()
    for (const endpoint of this.#endpoints.list) endpoint.close()
    const cancel = clock.after(closeTimeoutMs, () => {
      this.#leases.endAll()
    })
    await Promise.all(this.#endpoints.list.map(({ gone }) => gone))
    cancel()
    this.#onChange()
  }

  #tell(event: StatusEvent): void {
    tell(this.#options.onStatus, event)
  }
}
