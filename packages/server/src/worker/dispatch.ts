/**
 * Owns what happens with one whole frame: by kind, then by route, to the handler and back.
 * Must not know: where the bytes were read, how answers reach the socket.
 * Invariant: for a handler that returns at once nothing is allocated here but what the handler asks for.
 */
import {
  BAD_FRAME,
  DEADLINE_EXCEEDED,
  decodeBody,
  DRAINING,
  type FrameDecoder,
  KIND_CANCEL,
  KIND_CONTROL,
  KIND_MESSAGE,
  KIND_REQUEST,
  type Metadata,
  OPCODE_PING,
  OVERLOADED,
  parseMetadata,
  ShardwireError,
  turnIntoResponse,
  UNKNOWN_ROUTE,
} from '@shardwire/protocol'
import type { FrameTrail } from '../admin/inspect/frame-trail.ts'
import { CloseReason } from '../close-reason.ts'
import type { RunnableRoute } from '../service/compile.ts'
import { NOT_TIMED, OUTCOME_OK, type RouteBook, type RouteStats } from '../metrics/route-stats.ts'
import { isPromise } from '../service/promise.ts'
import { RequestContext, type RequestScope } from '../service/request-context.ts'
import { FORWARD } from '../service/forward.ts'
import type { Admission } from './admission.ts'
import type { Answers } from './answers.ts'
import type { Calls } from './calls.ts'
import type { Closing } from './closing.ts'
import { type Connection, STATE_ENDING } from './connection.ts'
import type { ControlFrames } from './control-frames.ts'
import type { Counters } from './counters.ts'
import type { Mirror } from './mirror/mirror.ts'
import type { Outbound } from './outbound.ts'
import type { Router } from './router.ts'

/** When a caller that was refused for load may try again, in milliseconds. */
const OVERLOADED_RETRY_MS = 100
const DRAINING_RETRY_MS = 1000

export interface DispatchLimits {
  /** Calls in flight on one connection. */
  readonly maxInFlight: number
  /** Calls in flight in the worker. */
  readonly maxHandlers: number
}

export interface DispatchParts {
  readonly admission: Admission
  /** Undefined where nothing is mirrored. */
  readonly mirror: Mirror | undefined
  readonly router: Router
  /** What is run, by number. */
  readonly routes: readonly (RunnableRoute | undefined)[]
  /** What a number that is of no route is called. */
  readonly missingRoute: (number: number) => string
  readonly routeBook: RouteBook
  readonly trail: FrameTrail
  readonly control: ControlFrames
  readonly answers: Answers
  readonly calls: Calls
  readonly closing: Closing
  readonly outbound: Outbound
  readonly counters: Counters
  readonly limits: DispatchLimits
  /** What requests have in common. */
  readonly scope: RequestScope<Connection>
}

export class Dispatch {
  readonly #parts: DispatchParts
  #context: RequestContext<Connection>

  constructor(parts: DispatchParts) {
    this.#parts = parts
    this.#context = new RequestContext(parts.scope)
  }

  /** Serves the frame that the decoder holds, over the memory it was decoded from. */
  frame(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void {
    const { kind, route, id, frameStart, frameEnd } = decoder
    this.#parts.counters.framesIn++
    this.#parts.trail.record(connection.trail, ++connection.framesIn, kind, route, id, frameEnd - frameStart)
    if (kind !== KIND_CONTROL) connection.lastMessageMs = connection.lastReadMs
    if (kind === KIND_MESSAGE || kind === KIND_REQUEST) this.#toRoute(connection, decoder, memory)
    else if (kind === KIND_CONTROL) this.#control(connection, decoder, memory)
    else if (kind === KIND_CANCEL) this.#parts.calls.cancel(connection, decoder.id)
    else if (connection.served?.answered(decoder, memory) !== true) this.#parts.counters.unknownIds++
    if (kind !== KIND_CONTROL || decoder.route !== OPCODE_PING) connection.greeted = true
  }

  #control(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void {
    const { admission, control } = this.#parts
    if (admission.isOpen || admission.admitsControl(connection, decoder.route)) {
      control.frame(connection, decoder, memory)
    }
  }

  #toRoute(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void {
    const { kind, id } = decoder
    if (kind === KIND_REQUEST && connection.calls?.has(id) === true) return this.#repeatedId(connection, id)
    const metadata = decoder.metaStart === decoder.metaEnd ? undefined : this.#metadata(connection, decoder, memory)
    if (metadata === null) return
    const { admission } = this.#parts
    if (!admission.isOpen && !admission.admits(connection, decoder)) return
    const route = this.#parts.routes[decoder.route]
    // Its moment to end has come: what could keep it open is not begun any more.
    if (connection.state === STATE_ENDING && route !== undefined && this.#parts.router.isAsynchronous(route)) {
      return this.#notBegun(connection, decoder)
    }
    if (route === undefined || this.#mayRefuse(connection)) {
      const refusal = this.#refusal(connection, kind, decoder.route, route)
      if (refusal !== undefined) return this.#parts.answers.error(connection, kind, id, decoder.route, refusal)
      if (route === undefined) return
    }
    this.#parts.mirror?.frame(connection, decoder, memory)
    const context = this.#context
    context.begin(connection, route, route.name, kind === KIND_REQUEST, metadata)
    const { bodyStart, bodyEnd, frameStart, frameEnd } = decoder
    context.place(memory, bodyStart, bodyEnd, route.body === 'bytes', frameEnd - frameStart)
    if (metadata?.deadlineMs === 0) return this.#tooLate(connection, decoder)
    if (this.#readBody(connection, decoder, memory, route, context))
      this.#run(connection, decoder, memory, route, context)
  }

  /** Whether it is worth asking for a refusal: most frames meet no limit at all, and pay for nothing else. */
  #mayRefuse({ draining, calls }: Connection): boolean {
    const { limits, counters, router } = this.#parts
    return draining || calls !== null || counters.handlersRunning >= limits.maxHandlers || router.routesFull > 0
  }

  /** Why a frame is not handed to its route; undefined when it is. */
  #refusal(
    connection: Connection,
    kind: number,
    number: number,
    route: RunnableRoute | undefined,
  ): ShardwireError | undefined {
    if (kind === KIND_REQUEST && connection.draining) return drainingError()
    if (route === undefined) return new ShardwireError(UNKNOWN_ROUTE, this.#parts.missingRoute(number))
    const { limits, counters, router } = this.#parts
    const extras = { retryAfterMs: OVERLOADED_RETRY_MS }
    if (connection.callsInFlight >= limits.maxInFlight) {
      const text = `${limits.maxInFlight} requests of this connection are in flight, which is the limit`
      return new ShardwireError(OVERLOADED, text, extras)
    }
    if (counters.handlersRunning >= limits.maxHandlers && router.isAsynchronous(route)) {
      return new ShardwireError(OVERLOADED, 'too many handlers are running', extras)
    }
    if (router.isFull(route)) {
      return new ShardwireError(
        OVERLOADED,
        `${route.name} runs ${route.maxConcurrent} times, which is its limit`,
        extras,
      )
    }
    return undefined
  }

  /** Who speaks frames was told by GOAWAY, and expects nothing. */
  #notBegun(connection: Connection, { kind, id, route }: FrameDecoder): void {
    if (connection.listener.codec === null || kind !== KIND_REQUEST) return
    this.#parts.answers.error(connection, kind, id, route, drainingError())
  }

  #repeatedId(connection: Connection, id: number): void {
    const error = new ShardwireError(BAD_FRAME, `REQUEST with id ${id}, which is still in flight`)
    this.#parts.closing.failWith(connection, CloseReason.BAD_FRAME, error)
  }

  /** @returns null when the block breaks the connection: a value of the wrong type is as bad as no map */
  #metadata(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): Metadata | null {
    try {
      return parseMetadata(memory, decoder.metaStart, decoder.metaEnd)
    } catch (error) {
      if (!(error instanceof ShardwireError)) throw error
      this.#parts.closing.failWith(connection, CloseReason.BAD_FRAME, error)
      return null
    }
  }

  #tooLate(connection: Connection, { kind, id, route }: FrameDecoder): void {
    if (kind === KIND_MESSAGE) {
      this.#parts.counters.messagesExpired++
      this.#parts.routeBook.of(route).ended(false, DEADLINE_EXCEEDED)
      return
    }
    const error = new ShardwireError(DEADLINE_EXCEEDED, 'the deadline had passed when the frame came')
    this.#parts.answers.error(connection, kind, id, route, error)
  }

  /** @returns false when the frame has been answered: its body is bad */
  #readBody(
    connection: Connection,
    decoder: FrameDecoder,
    memory: Uint8Array,
    route: RunnableRoute,
    context: RequestContext<Connection>,
  ): boolean {
    context.value = undefined
    if (route.body !== 'msgpack') return true
    try {
      context.value = decodeBody(memory, decoder.bodyStart, decoder.bodyEnd)
      return true
    } catch (error) {
      this.#parts.answers.failure(connection, decoder.kind, decoder.id, route, error)
      return false
    }
  }

  #run(
    connection: Connection,
    decoder: FrameDecoder,
    memory: Uint8Array,
    route: RunnableRoute,
    context: RequestContext<Connection>,
  ): void {
    const { routeBook } = this.#parts
    const stats = routeBook.of(route.number)
    const beganMs = stats.isSampled() ? routeBook.nowMs() : NOT_TIMED
    const isAnswered = this.#serve(connection, decoder, memory, route, context, stats, beganMs)
    if (isAnswered && beganMs !== NOT_TIMED) stats.timed(routeBook.nowMs() - beganMs)
  }

  /** @returns false when the handler is asynchronous: its time ends with its answer */
  #serve(
    connection: Connection,
    decoder: FrameDecoder,
    memory: Uint8Array,
    route: RunnableRoute,
    context: RequestContext<Connection>,
    stats: RouteStats,
    beganMs: number,
  ): boolean {
    const { kind, id } = decoder
    const { answers, outbound } = this.#parts
    let result: unknown
    let isAsynchronous: boolean
    try {
      result = route.run(context)
      isAsynchronous = result !== FORWARD && isPromise(result)
    } catch (error) {
      answers.failure(connection, kind, id, route, error)
      this.#afterRun(context)
      return true
    }
    if (result === FORWARD && decoder.metaStart === decoder.metaEnd) {
      if (kind === KIND_REQUEST) turnIntoResponse(memory, decoder.frameStart, decoder.frameEnd)
      outbound.forward(connection, memory, decoder.frameStart, decoder.frameEnd)
      stats.ended(kind === KIND_REQUEST, OUTCOME_OK)
    } else if (isAsynchronous) {
      this.#runsOn(connection, kind, id, route, context, Promise.resolve(result), beganMs)
      return false
    } else {
      answers.result(connection, kind, id, route, context, result)
    }
    this.#afterRun(context)
    return true
  }

  /** The handler is asynchronous: its context is its own from now on. */
  #runsOn(
    connection: Connection,
    kind: number,
    id: number,
    route: RunnableRoute,
    context: RequestContext<Connection>,
    promise: Promise<unknown>,
    beganMs: number,
  ): void {
    const { calls, scope } = this.#parts
    this.#context = new RequestContext(scope)
    context.keepBody()
    calls.start(connection, kind, id, route, context, promise, beganMs)
  }

  #afterRun(context: RequestContext<Connection>): void {
    context.value = undefined
    if (context.signalTaken) this.#context = new RequestContext(this.#parts.scope)
  }
}

function drainingError(): ShardwireError {
  return new ShardwireError(DRAINING, 'this server is stopping', { retryAfterMs: DRAINING_RETRY_MS })
}
