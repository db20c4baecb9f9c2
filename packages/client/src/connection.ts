/**
 * Owns the verbs of one connection, and puts its parts together.
 * Must not know: how a socket came to be connected, how anything is said on the wire, when a connection ends.
 * Invariant: a call that throws or rejects before anything was written has changed nothing.
 */
import { BAD_FRAME, PROTOCOL_VERSION, ShardwireError } from '@shardwire/protocol'
import type { MetadataFields, Welcome } from '@shardwire/protocol'
import { ClientError } from './client-error.ts'
import { FrameWire } from './codec/frame-wire.ts'
import { JsonWire } from './codec/json-wire.ts'
import type { Wire, WireEvents } from './codec/wire.ts'
import type {
  CloseInfo,
  Connection,
  ConnectionStats,
  ConnectionStatus,
  DialReport,
  Message,
  PingOptions,
} from './connection-api.ts'
import type { DialedSocket } from './dial/dial.ts'
import { Lifecycle } from './lifecycle.ts'
import { checkDelayMs, checkRoute } from './checks.ts'
import type { CompleteOptions } from './options.ts'
import { Outbound } from './outbound.ts'
import { receiveFrom } from './receiver.ts'
import type { Receiver } from './receiver.ts'
import type { RequestOptions, Route, SendOptions } from './request-options.ts'
import {
  msgpackHandler,
  type MsgpackHandler,
  type RequestHandler,
  type TypedClientRoute,
} from './serve/server-request.ts'
import { tell } from './tell.ts'
import { TracedWire } from './trace/traced-wire.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)
const NO_OPTIONS: RequestOptions = Object.freeze({})

export class ClientConnection implements Connection {
  onMessage: ((message: Message) => void) | undefined
  /** Completed by `connect`. */
  dialed: DialReport
  readonly #options: CompleteOptions
  readonly #outbound: Outbound
  readonly #wire: Wire
  readonly #life: Lifecycle
  #welcome: Welcome | undefined
  /** Present while HELLO waits for its WELCOME: until then nobody but `greet` is told anything. */
  #greeting: PromiseWithResolvers<void> | undefined
  #messagesUnheard = 0

  /** @param dialed connected, allowHalfOpen, nothing read yet; belongs to the connection from here on */
  constructor({ socket, reads, address, tls }: DialedSocket, options: CompleteOptions) {
    this.dialed = { address, tls, phases: [], tries: [] }
    this.#options = options
    this.onMessage = options.listeners.onMessage
    this.#outbound = new Outbound(socket, options)
    const makeWire = options.codec === 'json' ? JsonWire : FrameWire
    const wire: Wire = new makeWire(options, this.#outbound, this.#wireEvents())
    const { trace, target } = options
    this.#wire = trace === undefined ? wire : new TracedWire(wire, trace, target)
    this.#life = new Lifecycle(socket, options, { outbound: this.#outbound, wire })
    void this.#life.closed.then((info) => {
      this.#onClosed(info)
    })
    reads.sink = (memory, bytes) => {
      wire.feed(memory, bytes)
    }
    // Until WELCOME the deadline of connecting holds.
    if (options.helloFrame === undefined) wire.start(undefined)
  }

  get target(): string {
    return this.#options.target
  }
  get codec(): 'frame' | 'json' {
    return this.#options.codec
  }
  get welcome(): Welcome | undefined {
    return this.#welcome
  }
  get goaway(): Connection['goaway'] {
    return this.#life.goaway
  }
  get serverError(): Connection['serverError'] {
    return this.#life.serverError
  }
  get isOpen(): boolean {
    return this.#life.isOpen
  }
  get status(): ConnectionStatus {
    const { status } = this.#life
    return status === 'open' && this.#wire.isSuspect ? 'suspect' : status
  }
  get closed(): Promise<CloseInfo> {
    return this.#life.closed
  }

  get stats(): ConnectionStats {
    return { ...this.#wire.stats, messagesUnheard: this.#messagesUnheard, bytesUnsent: this.#outbound.bytesUnsent }
  }

  /**
   * Says HELLO and waits for WELCOME. For `connect` alone, and before anything else.
   * Rejects with the ShardwireError that the server answers instead, or a ClientError.
   */
  async greet(helloFrame: Uint8Array): Promise<void> {
    const greeting = Promise.withResolvers<void>()
    this.#greeting = greeting
    this.#outbound.bytes(helloFrame)
    await greeting.promise
  }

  request(route: Route, body = NO_BYTES, options = NO_OPTIONS): Promise<Uint8Array> {
    try {
      this.#life.assertTakesRequests()
      return this.#wire.request(route, body, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * As `request`, told to a receiver; throws what cannot be sent. Of a traced connection, or JSON, it is a promise.
   * @returns the clock, not older than this turn of the loop
   */
  requestFor(
    receiver: Receiver<Uint8Array>,
    route: Route,
    body: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    meta: MetadataFields | undefined,
  ): number {
    this.#life.assertTakesRequests()
    const wire = this.#wire
    if (wire.requestFor !== undefined) return wire.requestFor(receiver, route, body, timeoutMs, signal, meta)
    const nowMs = this.#options.clock.nowMs()
    receiveFrom(wire.request(route, body, { timeoutMs, signal, meta }), receiver)
    return nowMs
  }

  async requestValue(route: Route, value: unknown, options = NO_OPTIONS): Promise<unknown> {
    this.#life.assertTakesRequests()
    return await this.#wire.requestValue(route, value, options)
  }

  async requestMsgpack(route: number, value: unknown, options?: RequestOptions): Promise<unknown> {
    this.#assertFrames('requestMsgpack', 'requestValue')
    return await this.requestValue(route, value, options)
  }

  send(route: Route, body = NO_BYTES, options: SendOptions = NO_OPTIONS): boolean {
    this.#life.assertTakesMessages()
    this.#wire.send(route, body, options)
    return this.#outbound.isBelowHighWater
  }

  sendValue(route: Route, value: unknown, options: SendOptions = NO_OPTIONS): boolean {
    this.#life.assertTakesMessages()
    this.#wire.sendValue(route, value, options)
    return this.#outbound.isBelowHighWater
  }

  sendMsgpack(route: number, value: unknown, options?: SendOptions): boolean {
    this.#assertFrames('sendMsgpack', 'sendValue')
    return this.sendValue(route, value, options)
  }

  handle(route: number, handler: RequestHandler | undefined): void {
    this.#wire.handle(checkRoute(route), handler)
  }

  handleMsgpack<ClientRoute extends TypedClientRoute = TypedClientRoute>(
    route: number,
    handler: MsgpackHandler<ClientRoute> | undefined,
  ): void {
    this.handle(route, handler === undefined ? undefined : msgpackHandler(handler))
  }

  ping(options: PingOptions = NO_OPTIONS): Promise<number> {
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs = this.#options.requestTimeoutMs } = options
      this.#life.assertTakesMessages()
      checkDelayMs('timeoutMs', timeoutMs)
      this.#wire.ping({ resolve, reject, signal, timeoutMs })
    })
  }

  async drained(): Promise<void> {
    this.#life.assertTakesMessages()
    await this.#outbound.drained()
  }

  async close(): Promise<void> {
    this.#life.close()
    await this.#life.closed
  }

  destroy(error?: unknown): void {
    this.#life.fail('destroyed', 'CONNECTION_DESTROYED', 'destroyed', error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #assertFrames(verb: string, instead: string): void {
    if (this.#options.codec === 'frame') return
    throw new ClientError('INVALID_OPTION', `${verb}: this connection speaks JSON; use ${instead}`)
  }

  #wireEvents(): WireEvents {
    const { listeners } = this.#options
    return {
      onMessage: (message) => {
        if (this.onMessage === undefined) this.#messagesUnheard++
        else tell(this.onMessage, message)
      },
      onServerError: (error, route) => {
        if (route === 0) this.#life.serverError = error
        if (this.#greeting === undefined) tell(listeners.onError, error, route)
        else this.#greeting.reject(error)
      },
      onWelcome: (welcome) => {
        this.#onWelcome(welcome)
      },
      onGoaway: (goaway) => {
        // What the listener does already meets a connection that drains, and its MESSAGEs still leave before the FIN.
        this.#life.drain(goaway)
        tell(listeners.onGoaway, goaway)
        this.#life.finishIfIdle()
      },
      onSuspect: (isSuspect) => {
        tell(listeners.onSuspect, isSuspect)
      },
      onHandlerError: (error, route) => {
        if (listeners.onHandlerError === undefined) warnOfHandler(error, route)
        else tell(listeners.onHandlerError, error, route)
      },
      onIdle: () => {
        this.#life.finishIfIdle()
      },
      onViolation: (error) => {
        const what = this.#options.codec === 'json' ? 'no valid object' : 'no valid frame'
        const why = `the server sent ${what}: ${error.name}: ${error.message}`
        this.#life.fail('violation', 'PROTOCOL_VIOLATION', why, error)
      },
      onFlooded: () => {
        this.#life.fail('lost', 'CONNECTION_LOST', 'the server asks, but does not read the answers')
      },
      onSilent: (why) => {
        this.#life.failSilent(why)
      },
      takesRequests: () => this.#life.takesServerRequests,
    }
  }

  /** One that nobody waits for changes nothing. */
  #onWelcome(welcome: Welcome): void {
    const { protocol } = welcome
    if (protocol !== PROTOCOL_VERSION) {
      const why = `the server speaks protocol ${protocol}`
      this.#life.fail('violation', 'PROTOCOL_VIOLATION', why, new ShardwireError(BAD_FRAME, why))
    } else if (this.#greeting !== undefined) {
      this.#welcome = welcome
      this.#greeting.resolve()
      this.#greeting = undefined
      this.#wire.start(welcome)
    }
  }

  #onClosed(info: CloseInfo): void {
    if (this.#greeting === undefined) tell(this.#options.listeners.onClose, info)
    else this.#greeting.reject(info.error ?? new ClientError('CONNECTION_LOST', `${this.target} ended before WELCOME`))
  }
}

function warnOfHandler(error: unknown, route: number): void {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const text = `the handler of route ${route} failed: ${what}`
  process.emitWarning(text, { type: 'ShardwireWarning', code: 'handler-failed' })
}
