/**
 * Owns a connection that speaks frames: requests and messages out, answers and what the server asks in.
 * Must not know: sockets, when a connection ends.
 * Invariant: a call that throws or rejects before a frame was written has changed nothing. A request costs its promise,
 * and the frame that is written in place.
 */
import {
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
} from '@shardwire/protocol'
import type { MetadataFields, Welcome } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import { Heartbeat, type PingRequest } from '../heartbeat.ts'
import { checkBody, checkDelayMs, checkRoute } from '../checks.ts'
import type { CompleteOptions } from '../options.ts'
import type { Outbound } from '../outbound.ts'
import { PendingRequests } from '../pending-requests.ts'
import type { Receiver } from '../receiver.ts'
import type { RequestOptions, Route, SendOptions } from '../request-options.ts'
import { ServedRequests } from '../serve/served-requests.ts'
import type { RequestHandler } from '../serve/server-request.ts'
import { Settler } from '../settler.ts'
import { coarseWheelOf, fineWheelOf } from '../shared-wheel.ts'
import { Inbound } from './inbound.ts'
import { ServerFrames } from './server-frames.ts'
import type { Wire, WireEvents, WireStats } from './wire.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)

export class FrameWire implements Wire {
  readonly #options: CompleteOptions
  readonly #outbound: Outbound
  readonly #pending: PendingRequests
  readonly #served: ServedRequests
  readonly #heartbeat: Heartbeat
  readonly #inbound: Inbound
  /** Largest payload that both ends allow. */
  #frameBytesMax: number
  /** The metadata block of the last deadline, as most requests have the same and nothing else. */
  #deadlineBlock: Uint8Array = NO_BYTES
  #deadlineBlockMs = 0
  /** The clock when the present batch of frames began. */
  #nowMs = 0

  constructor(options: CompleteOptions, outbound: Outbound, events: WireEvents) {
    this.#options = options
    this.#outbound = outbound
    this.#frameBytesMax = options.maxFrameBytes
    this.#pending = new PendingRequests(options, {
      onCancel: (id, route) => {
        outbound.frame(KIND_CANCEL, Number(route), id, NO_BYTES, NO_BYTES)
        return true
      },
      onIdle: () => {
        events.onIdle()
      },
    })
    this.#served = this.#createServed(events)
    this.#heartbeat = this.#createHeartbeat(events)
    const parts = { pending: this.#pending, served: this.#served, heartbeat: this.#heartbeat, outbound }
    this.#inbound = new Inbound(options.maxFrameBytes, new ServerFrames(parts, events))
    for (const [route, handler] of options.handlers) this.#served.setHandler(route, handler)
  }

  get isIdle(): boolean {
    return this.#pending.waiting === 0 && this.#served.inFlight === 0
  }

  get isSuspect(): boolean {
    return this.#heartbeat.isSuspect
  }

  get bytesCut(): number {
    return this.#inbound.bytesCut
  }

  get stats(): WireStats {
    const { waiting, cancelled, answersLate, answersUnknown } = this.#pending
    return {
      roundTripMs: this.#heartbeat.roundTripMs,
      requestsInFlight: waiting,
      requestsCancelled: cancelled,
      requestsServed: this.#served.inFlight,
      answersLate,
      answersUnknown,
    }
  }

  request(route: Route, body: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    const { signal, timeoutMs = this.#options.requestTimeoutMs, meta } = options
    const answer = new Settler<Uint8Array>()
    this.requestFor(answer, route, body, timeoutMs, signal, meta)
    return answer.promise
  }

  /** As `request`, for somebody who needs no promise. @returns the clock */
  requestFor(
    receiver: Receiver<Uint8Array>,
    route: Route,
    body: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    meta: MetadataFields | undefined,
  ): number {
    const number = checkRoute(route)
    checkBody(body)
    const block = this.#requestMeta(checkDelayMs('timeoutMs', timeoutMs), meta)
    this.#assertFits(ID_BYTES, block, body)
    const outbound = this.#outbound
    if (!outbound.isFlushDue) this.#nowMs = this.#options.clock.nowMs()
    const id = this.#pending.add(number, timeoutMs, signal, receiver, this.#nowMs)
    outbound.frame(KIND_REQUEST, number, id, block, body)
    return this.#nowMs
  }

  async requestValue(route: Route, value: unknown, options: RequestOptions): Promise<unknown> {
    const answer = await this.request(route, encodeBody(value), options)
    if (answer.length === 0) return undefined
    try {
      return decodeBody(answer, 0, answer.length)
    } catch (cause) {
      throw new ClientError('BAD_ANSWER', `the answer of route ${route} is not msgpack`, { cause })
    }
  }

  send(route: Route, body: Uint8Array, options: SendOptions): void {
    const number = checkRoute(route)
    checkBody(body)
    const block = options.meta === undefined ? NO_BYTES : encodeMetadata(options.meta)
    this.#assertFits(0, block, body)
    this.#outbound.frame(KIND_MESSAGE, number, 0, block, body)
  }

  sendValue(route: Route, value: unknown, options: SendOptions): void {
    this.send(route, encodeBody(value), options)
  }

  ping(request: PingRequest): void {
    this.#heartbeat.ping(request)
  }

  handle(route: number, handler: RequestHandler | undefined): void {
    this.#served.setHandler(route, handler)
  }

  start(welcome: Welcome | undefined): void {
    if (welcome !== undefined) {
      this.#frameBytesMax = Math.min(this.#options.maxFrameBytes, welcome.maxFrameBytes)
    }
    this.#heartbeat.start()
  }

  feed(memory: Uint8Array, bytes: number): void {
    this.#heartbeat.heard()
    this.#inbound.feed(memory, bytes)
  }

  stop(error: Error): void {
    this.#inbound.stop()
    this.#heartbeat.stop(error)
    this.#served.abortAll(error)
    this.#pending.failAll(error)
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
    this.#outbound.assertRoom(bytes + FRAME_OVERHEAD_BYTES)
  }

  #createServed(events: WireEvents): ServedRequests {
    const { clock } = this.#options
    const outbound = this.#outbound
    return new ServedRequests(this.#options, fineWheelOf(clock), () => clock.nowMs(), {
      bodyBytesMax: () => this.#frameBytesMax - ID_BYTES,
      reply: (kind, route, id, body) => {
        if (ID_BYTES + body.length > this.#frameBytesMax) return false
        if (outbound.hasRoom(frameBytesOf(kind, body.length))) outbound.frame(kind, route, id, NO_BYTES, body)
        else events.onFlooded()
        return true
      },
      onHandlerError: (error, route) => {
        events.onHandlerError(error, route)
      },
      onViolation: (error) => {
        events.onViolation(error)
      },
      onIdle: () => {
        events.onIdle()
      },
    })
  }

  #createHeartbeat(events: WireEvents): Heartbeat {
    const { clock, heartbeatMisses } = this.#options
    const outbound = this.#outbound
    const wheels = { fine: fineWheelOf(clock), coarse: coarseWheelOf(clock), nowMs: () => clock.nowMs() }
    return new Heartbeat(this.#options, wheels, {
      sendPing: (payload) => {
        outbound.frame(KIND_CONTROL, OPCODE_PING, 0, NO_BYTES, payload)
      },
      progress: () => outbound.progress,
      onSuspect: (isSuspect) => {
        events.onSuspect(isSuspect)
      },
      onDead: (silenceMs) => {
        const silence = `no byte came for ${Math.round(silenceMs)} ms`
        events.onSilent(`${silence}, and ${heartbeatMisses} PINGs were not answered`)
      },
    })
  }
}
