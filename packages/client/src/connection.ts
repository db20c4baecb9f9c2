/**
 * Owns the verbs of one connection, and puts its parts together.
 * Must not know: how a socket came to be connected, how bytes and frames are laid out, when a connection ends.
 * Invariant: a call that throws or rejects before a frame was written has changed nothing.
 */
import {
  BAD_FRAME,
  decodeBody,
  encodeBody,
  encodeMetadata,
  FRAME_OVERHEAD_BYTES,
  frameBytesOf,
  ID_BYTES,
  KIND_CANCEL,
  KIND_CONTROL,
  KIND_MESSAGE,
  KIND_REQUEST,
  META_LENGTH_BYTES,
  OPCODE_PING,
  PROTOCOL_VERSION,
  ShardwireError,
} from '@shardwire/protocol'
import type { MetadataFields, Welcome } from '@shardwire/protocol'
import { ClientError } from './client-error.ts'
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
import { Heartbeat } from './heartbeat.ts'
import { Inbound } from './inbound.ts'
import { Lifecycle } from './lifecycle.ts'
import { checkBody, checkDelayMs, checkRoute } from './options.ts'
import type { CompleteOptions } from './options.ts'
import { Outbound } from './outbound.ts'
import { PendingRequests } from './pending-requests.ts'
import type { RequestOptions, SendOptions } from './request-options.ts'
import { ServerFrames } from './server-frames.ts'
import type { ServerEvents } from './server-frames.ts'
import { msgpackHandler, type MsgpackHandler, type RequestHandler } from './serve/server-request.ts'
import { ServedRequests } from './serve/served-requests.ts'
import { coarseWheelOf, fineWheelOf } from './shared-wheel.ts'
import { tell } from './tell.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)
const NO_OPTIONS: RequestOptions = Object.freeze({})

export class ClientConnection implements Connection {
  onMessage: ((message: Message) => void) | undefined
  readonly #options: CompleteOptions
  readonly #pending: PendingRequests
  readonly #outbound: Outbound
  readonly #life: Lifecycle
  readonly #heartbeat: Heartbeat
  readonly #served: ServedRequests
  #welcome: Welcome | undefined
  /** Present while HELLO waits for its WELCOME: until then nobody but `greet` is told anything. */
  #greeting: PromiseWithResolvers<void> | undefined
  #messagesUnheard = 0
  /** Largest payload that both ends allow. */
  #frameBytesMax: number
  /** The metadata block of the last deadline, as most requests have the same and nothing else. */
  #deadlineBlock: Uint8Array = NO_BYTES
  #deadlineBlockMs = 0

  /** Completed by `connect`. */
  dialed: DialReport

  /** @param dialed connected, allowHalfOpen, nothing read yet; belongs to the connection from here on */
  constructor({ socket, reads, address, tls }: DialedSocket, options: CompleteOptions) {
    this.dialed = { address, tls, phases: [], tries: [] }
    this.#options = options
    this.#frameBytesMax = options.maxFrameBytes
    this.onMessage = options.listeners.onMessage
    this.#outbound = new Outbound(socket, options)
    this.#pending = new PendingRequests(options, {
      onCancel: (id, route) => {
        this.#outbound.frame(KIND_CANCEL, route, id, NO_BYTES, NO_BYTES)
      },
      onIdle: () => {
        this.#life.finishIfIdle()
      },
    })
    const frames = new ServerFrames(this.#pending, this.#outbound, this.#serverEvents())
    const inbound = new Inbound(options.maxFrameBytes, frames)
    const heartbeat = this.#createHeartbeat()
    this.#heartbeat = heartbeat
    this.#served = this.#createServed()
    this.#life = new Lifecycle(socket, options, {
      ...{ pending: this.#pending, outbound: this.#outbound },
      ...{ inbound, heartbeat, served: this.#served },
    })
    void this.#life.closed.then((info) => {
      this.#onClosed(info)
    })
    reads.sink = (memory, bytes) => {
      heartbeat.heard()
      inbound.feed(memory, bytes)
    }
    // Until WELCOME the deadline of connecting holds.
    if (options.helloFrame === undefined) heartbeat.start()
  }

  get target(): string {
    return this.#options.target
  }
  get welcome(): Welcome | undefined {
    return this.#welcome
  }
  get goaway(): Connection['goaway'] {
    return this.#life.goaway
  }
  get isOpen(): boolean {
    return this.#life.isOpen
  }
  get status(): ConnectionStatus {
    const { status } = this.#life
    return status === 'open' && this.#heartbeat.isSuspect ? 'suspect' : status
  }
  get closed(): Promise<CloseInfo> {
    return this.#life.closed
  }

  get stats(): ConnectionStats {
    return {
      roundTripMs: this.#heartbeat.roundTripMs,
      requestsInFlight: this.#pending.waiting,
      requestsServed: this.#served.inFlight,
      requestsCancelled: this.#pending.cancelled,
      answersLate: this.#pending.answersLate,
      answersUnknown: this.#pending.answersUnknown,
      messagesUnheard: this.#messagesUnheard,
      bytesUnsent: this.#outbound.bytesUnsent,
    }
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

  request(route: number, body = NO_BYTES, options = NO_OPTIONS): Promise<Uint8Array> {
    // What is thrown in here rejects the promise.
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs = this.#options.requestTimeoutMs } = options
      this.#life.assertTakesRequests()
      checkRoute(route)
      checkBody(body)
      const meta = this.#requestMeta(checkDelayMs('timeoutMs', timeoutMs), options.meta)
      this.#assertFits(ID_BYTES, meta, body)
      const id = this.#pending.add({ route, timeoutMs, signal, resolve, reject })
      this.#outbound.frame(KIND_REQUEST, route, id, meta, body)
    })
  }

  async requestMsgpack(route: number, value: unknown, options?: RequestOptions): Promise<unknown> {
    const answer = await this.request(route, encodeBody(value), options)
    if (answer.length === 0) return undefined
    try {
      return decodeBody(answer, 0, answer.length)
    } catch (cause) {
      throw new ClientError('BAD_ANSWER', `the answer of route ${route} is not msgpack`, { cause })
    }
  }

  send(route: number, body = NO_BYTES, options: SendOptions = NO_OPTIONS): boolean {
    this.#life.assertTakesMessages()
    checkRoute(route)
    checkBody(body)
    const meta = options.meta === undefined ? NO_BYTES : encodeMetadata(options.meta)
    this.#assertFits(0, meta, body)
    this.#outbound.frame(KIND_MESSAGE, route, 0, meta, body)
    return this.#outbound.isBelowHighWater
  }

  sendMsgpack(route: number, value: unknown, options?: SendOptions): boolean {
    return this.send(route, encodeBody(value), options)
  }

  handle(route: number, handler: RequestHandler | undefined): void {
    this.#served.setHandler(checkRoute(route), handler)
  }

  handleMsgpack(route: number, handler: MsgpackHandler | undefined): void {
    this.handle(route, handler === undefined ? undefined : msgpackHandler(handler))
  }

  ping(options: PingOptions = NO_OPTIONS): Promise<number> {
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs = this.#options.requestTimeoutMs } = options
      this.#life.assertTakesMessages()
      checkDelayMs('timeoutMs', timeoutMs)
      this.#heartbeat.ping({ resolve, reject, signal, timeoutMs })
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

  #requestMeta(deadlineMs: number, meta: MetadataFields | undefined): Uint8Array {
    if (meta !== undefined) return encodeMetadata({ ...meta, deadlineMs })
    if (deadlineMs !== this.#deadlineBlockMs) {
      this.#deadlineBlock = encodeMetadata({ deadlineMs })
      this.#deadlineBlockMs = deadlineMs
    }
    return this.#deadlineBlock
  }

  #assertFits(idBytes: number, meta: Uint8Array, body: Uint8Array): void {
    const bytes = idBytes + (meta.length > 0 ? META_LENGTH_BYTES + meta.length : 0) + body.length
    if (bytes > this.#frameBytesMax) {
      throw new ClientError('FRAME_TOO_LARGE', `payload of ${bytes} bytes, at most ${this.#frameBytesMax} are allowed`)
    }
    if (!this.#outbound.hasRoom(bytes + FRAME_OVERHEAD_BYTES)) {
      const { bytesUnsent } = this.#outbound
      throw new ClientError('BACKLOG_FULL', `${bytesUnsent} bytes wait for ${this.target} to read`)
    }
  }

  #createServed(): ServedRequests {
    const { clock, listeners, handlers } = this.#options
    const served = new ServedRequests(this.#options, fineWheelOf(clock), () => clock.nowMs(), {
      bodyBytesMax: () => this.#frameBytesMax - ID_BYTES,
      reply: (kind, route, id, body) => {
        if (ID_BYTES + body.length > this.#frameBytesMax) return false
        if (this.#outbound.hasRoom(frameBytesOf(kind, body.length))) {
          this.#outbound.frame(kind, route, id, NO_BYTES, body)
        } else this.#failFlooded()
        return true
      },
      onHandlerError: (error, route) => {
        if (listeners.onHandlerError === undefined) warnOfHandler(error, route)
        else tell(listeners.onHandlerError, error, route)
      },
      onViolation: (error) => {
        this.#failViolating(error)
      },
      onIdle: () => {
        this.#life.finishIfIdle()
      },
    })
    for (const [route, handler] of handlers) served.setHandler(route, handler)
    return served
  }

  #failFlooded(): void {
    this.#life.fail('lost', 'CONNECTION_LOST', 'the server asks, but does not read the answers')
  }

  #failViolating(error: ShardwireError): void {
    const why = `the server sent no valid frame: ${error.name}: ${error.message}`
    this.#life.fail('violation', 'PROTOCOL_VIOLATION', why, error)
  }

  #createHeartbeat(): Heartbeat {
    const { clock, listeners } = this.#options
    const wheels = { fine: fineWheelOf(clock), coarse: coarseWheelOf(clock), nowMs: () => clock.nowMs() }
    return new Heartbeat(this.#options, wheels, {
      sendPing: (payload) => {
        this.#outbound.frame(KIND_CONTROL, OPCODE_PING, 0, NO_BYTES, payload)
      },
      progress: () => this.#outbound.progress,
      onSuspect: (isSuspect) => {
        tell(listeners.onSuspect, isSuspect)
      },
      onDead: (silenceMs) => {
        const { heartbeatMisses } = this.#options
        const silence = `no byte came for ${Math.round(silenceMs)} ms`
        this.#life.failSilent(`${silence}, and ${heartbeatMisses} PINGs were not answered`)
      },
    })
  }

  #serverEvents(): ServerEvents {
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
      onPong: (memory, start, end) => {
        this.#heartbeat.onPong(memory, start, end)
      },
      onGoaway: (goaway) => {
        // What the listener does already meets a connection that drains, and its MESSAGEs still leave before the FIN.
        this.#life.drain(goaway)
        tell(listeners.onGoaway, goaway)
        this.#life.finishIfIdle()
      },
      onRequest: (request) => {
        this.#served.onRequest(request, !this.#life.takesServerRequests)
      },
      onCancel: (id) => {
        if (!this.#served.onCancel(id)) this.#pending.answersUnknown++
      },
      onViolation: (error) => {
        this.#failViolating(error)
      },
      onFlooded: () => {
        this.#failFlooded()
      },
    }
  }

  /** One that nobody waits for changes nothing. */
  #onWelcome(welcome: Welcome): void {
    const { protocol, maxFrameBytes } = welcome
    if (protocol !== PROTOCOL_VERSION) {
      const why = `the server speaks protocol ${protocol}`
      this.#life.fail('violation', 'PROTOCOL_VIOLATION', why, new ShardwireError(BAD_FRAME, why))
    } else if (this.#greeting !== undefined) {
      this.#welcome = welcome
      this.#frameBytesMax = Math.min(this.#options.maxFrameBytes, maxFrameBytes)
      this.#greeting.resolve()
      this.#greeting = undefined
      this.#heartbeat.start()
    }
  }

  #onClosed(info: CloseInfo): void {
    if (this.#greeting === undefined) tell(this.#options.listeners.onClose, info)
    else this.#greeting.reject(info.error ?? new ClientError('CONNECTION_LOST', `${this.target} ended before WELCOME`))
  }
}

function warnOfHandler(error: unknown, route: number): void {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(`the handler of route ${route} failed: ${what}`, {
    type: 'ShardwireWarning',
    code: 'handler-failed',
  })
}
