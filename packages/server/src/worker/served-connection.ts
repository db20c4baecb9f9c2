/**
 * Owns what a service sees of a connection: facts about it, what it may do with it, what the service keeps with it.
 * Must not know: how frames travel.
 * Invariant: made once a connection, when a service first asks; what is inside the worker's own connection shows
 * nowhere. What may be gone later (the peer's address) is remembered when it is asked for. Nothing of the service runs
 * within a call to this: what a worker tells leads to promises and to tasks that run when the worker is done.
 */
import { encodeGoaway, type FrameDecoder, PROTOCOL_VERSION } from '@shardwire/protocol'
import { CloseReason, type CloseReasonName, closeReasonName } from '../close-reason.ts'
import type { ServiceLog } from '../log.ts'
import { type ClientRoute, clientRoute } from '../service/client-route.ts'
import {
  type AskOptions,
  type Attributes,
  type CloseOptions,
  type Connection as ConnectionOfService,
  ConnectionEndedError,
  type ConnectionListener,
  type Session,
} from '../service/connection.ts'
import type { TlsPeer } from '../service/tls-peer.ts'
import { Asks, type AsksParts } from './asks.ts'
import type { Closing } from './closing.ts'
import { type Connection, type Served, STATE_ENDING, STATE_FINISHED } from './connection.ts'
import { canSend, type Pushes } from './pushes.ts'

/** How long whoever is sent away waits, unless told otherwise. */
const RETRY_LATER_MS = 1000

export interface ServedConnectionParts extends AsksParts {
  /** By the number of the listener. */
  readonly listeners: readonly ConnectionListener[]
  readonly closing: Closing
  readonly pushes: Pushes
  readonly nowMs: () => number
  readonly wallMs: () => number
  readonly log: ServiceLog
  /** Whether nobody comes in whom the service did not let in. */
  readonly isAuthenticating: boolean
  /** One that the service had taken in has ended. */
  readonly onDisconnected: (connection: ConnectionOfService, reason: CloseReasonName) => void
}

export class ServedConnection implements Served {
  readonly #connection: Connection
  readonly #parts: ServedConnectionParts
  #session: Session | undefined = undefined
  #attributes: (Attributes & Record<string, unknown>) | undefined = undefined
  #remoteAddress: string | undefined = undefined
  #remotePort: number | undefined = undefined
  #asks: Asks | undefined = undefined
  #end: AbortController | undefined = undefined
  #drained: PromiseWithResolvers<void> | undefined = undefined
  /** Whether the service is to be told of the end. */
  #isConnected = false

  constructor(connection: Connection, parts: ServedConnectionParts) {
    this.#connection = connection
    this.#parts = parts
  }

  get id(): string {
    return this.#connection.id
  }
  get shard(): number {
    return this.#connection.shard
  }
  get listener(): ConnectionListener {
    const { index } = this.#connection.listener
    return this.#parts.listeners[index] ?? { index, address: '', codec: 'frame' }
  }
  get remoteAddress(): string | undefined {
    return (this.#remoteAddress ??= this.#connection.remoteAddress)
  }
  get remotePort(): number | undefined {
    return (this.#remotePort ??= this.#connection.remotePort)
  }
  get tls(): TlsPeer | undefined {
    return this.#connection.tls
  }
  get openedAt(): Date {
    const { nowMs, wallMs } = this.#parts
    return new Date(wallMs() - (nowMs() - this.#connection.openedAtMs))
  }
  get session(): Session | undefined {
    const { said, listener } = this.#connection
    if (said === null) return undefined
    const { isAuthenticating: isAuthenticated } = this.#parts
    const { heartbeatMs, decoder } = listener
    const { frameBytesMax: maxFrameBytes } = decoder
    return (this.#session ??= { protocol: PROTOCOL_VERSION, client: said, isAuthenticated, maxFrameBytes, heartbeatMs })
  }
  get attributes(): Attributes & Record<string, unknown> {
    // What the service declares that they have is the service's to put there.
    return (this.#attributes ??= {} as Attributes & Record<string, unknown>)
  }
  get log(): ServiceLog {
    return this.#parts.log.child({ connection: this.id })
  }
  get isOpen(): boolean {
    return canSend(this.#connection)
  }
  get isWritable(): boolean {
    return this.#parts.pushes.takes(this.#connection)
  }
  get isAsking(): boolean {
    return this.#asks !== undefined && this.#asks.size > 0
  }

  get signal(): AbortSignal {
    if (this.#end === undefined) {
      this.#end = new AbortController()
      if (!this.isOpen) this.#end.abort(this.#endedError())
    }
    return this.#end.signal
  }

  send(route: ClientRoute | number, body?: unknown): boolean {
    return this.#parts.pushes.message(this.#connection, route, body)
  }

  drained(): Promise<void> {
    return unclaimed(this.#untilDrained())
  }

  request<Answer>(
    route: ClientRoute<unknown, Answer> | number,
    body?: unknown,
    options: AskOptions = {},
  ): Promise<Answer> {
    if (!this.isOpen || this.#connection.peerEnded) return unclaimed(Promise.reject(this.#endedError()))
    const { codec } = this.#connection.listener
    if (codec !== null) return Promise.reject(new TypeError(`a client of codec ${codec.name} cannot be asked`))
    this.#asks ??= new Asks(this.#connection, this.#parts)
    try {
      const target = typeof route === 'number' ? routeOf(route, body) : route
      // The answer is what the route says: its schema has been asked, or nothing was to be asked.
      return unclaimed(this.#asks.ask(target, body, options)) as Promise<Answer>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  close(reason = 'closed by the service', options: CloseOptions = {}): void {
    const connection = this.#connection
    const { retry = 'later', retryAfterMs = retry === 'later' ? RETRY_LATER_MS : 0 } = options
    const goaway = encodeGoaway({ reason, retry, retryAfterMs, jitterMs: retryAfterMs, deadlineMs: 0 })
    if (connection.state >= STATE_ENDING) return
    if (connection.listener.codec === null) {
      connection.draining = true
      this.#parts.pushes.frame(connection, goaway)
    }
    // Behind what the handler that asks for it is about to answer.
    queueMicrotask(() => this.#parts.closing.endAfterAnswers(connection, CloseReason.SERVICE_CLOSED, reason))
  }

  reset(): void {
    this.#parts.closing.reset(this.#connection, CloseReason.SERVICE_RESET)
  }

  answered(decoder: FrameDecoder, memory: Uint8Array): boolean {
    return this.#asks !== undefined && this.#asks.answered(decoder, memory)
  }

  drainedNow(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }

  unheard(): void {
    if (this.isAsking) this.#asks?.fail(this.#endedError())
  }

  ended(): void {
    this.unheard()
    this.#drained?.reject(this.#endedError())
    this.#drained = undefined
    if (this.#isConnected) this.#disconnected()
    if (this.#end !== undefined) queueMicrotask(() => this.#end?.abort(this.#endedError()))
  }

  connected(): void {
    if (this.#connection.state < STATE_FINISHED) this.#isConnected = true
    else this.#disconnected()
  }

  #disconnected(): void {
    this.#isConnected = false
    queueMicrotask(() => this.#parts.onDisconnected(this, closeReasonName(this.#connection.closeReason)))
  }

  async #untilDrained(): Promise<void> {
    // What was sent in this turn is written at its end.
    await Promise.resolve()
    if (!this.isOpen) throw this.#endedError()
    if (this.#connection.transport.unsentBytes === 0) return
    await (this.#drained ??= Promise.withResolvers<void>()).promise
  }

  #endedError(): ConnectionEndedError {
    const { closeReason } = this.#connection
    const reason = closeReason === CloseReason.OPEN ? CloseReason.PEER_ENDED : closeReason
    return new ConnectionEndedError(this.id, closeReasonName(reason))
  }
}

/**
 * A promise that may be left alone: that a client has gone is no fault of a service that does not wait for its word,
 * and must not count as one.
 */
function unclaimed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** What is asked by a number alone goes and comes as bytes, or as msgpack, by what is sent. */
function routeOf(number: number, body: unknown): ClientRoute {
  return clientRoute(number, { body: body instanceof Uint8Array ? 'bytes' : 'msgpack' })
}
