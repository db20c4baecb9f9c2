/**
 * Owns how what a handler returned or threw becomes a frame.
 * Must not know: when a handler runs, whether it was quick.
 * Invariant: every REQUEST gets exactly one frame from here; the text of an exception never leaves the server.
 */
import {
  HANDLER_FAILED,
  ID_BYTES,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  ShardwireError,
} from '@shardwire/protocol'
import type { RunnableRoute } from '../service/compile.ts'
import { OUTCOME_OK, type RouteBook } from '../metrics/route-stats.ts'
import type { RequestContext } from '../service/request-context.ts'
import { FORWARD } from '../service/forward.ts'
import type { Closing } from './closing.ts'
import { encodeAnswer } from './codecs/encode-answer.ts'
import type { Connection } from './connection.ts'
import type { Outbound } from './outbound.ts'

const NO_BYTES = new Uint8Array(0)
/** Why the answer of an asynchronous handler is refused that is a view of its body. */
export const STALE_ANSWER =
  'it is a view of the body from before the first await: return request.bytes after it, or take request.keep() before'

/** Where failures of handlers are reported; rate-limiting is the reporter's business. */
export type ReportFailure = (route: string, connection: Connection, error: unknown) => void

export class Answers {
  readonly #outbound: Outbound
  readonly #closing: Closing
  readonly #report: ReportFailure
  readonly #routes: RouteBook

  constructor(outbound: Outbound, closing: Closing, report: ReportFailure, routes: RouteBook) {
    this.#outbound = outbound
    this.#closing = closing
    this.#report = report
    this.#routes = routes
  }

  /** Answers with what the handler returned. */
  result(
    connection: Connection,
    kind: number,
    id: number,
    route: RunnableRoute,
    context: RequestContext<Connection>,
    value: unknown,
  ): void {
    if (value === FORWARD) {
      return this.#send(connection, kind, id, route, context.memory, context.start, context.end)
    }
    if (value === undefined) {
      if (kind === KIND_REQUEST) this.#send(connection, kind, id, route, NO_BYTES, 0, 0)
      else this.#routes.of(route.number).ended(false, OUTCOME_OK)
      return
    }
    const body = this.#encode(connection, kind, id, route, context, value)
    if (body !== undefined) this.#send(connection, kind, id, route, body, 0, body.length)
  }

  /** Answers with what the handler threw. */
  failure(connection: Connection, kind: number, id: number, route: RunnableRoute, thrown: unknown): void {
    if (thrown instanceof ShardwireError) return this.error(connection, kind, id, route.number, thrown)
    this.#report(route.name, connection, thrown)
    this.error(
      connection,
      kind,
      id,
      route.number,
      new ShardwireError(HANDLER_FAILED, `the handler of ${route.name} failed`),
    )
  }

  /** Answers with an error: to the id of a REQUEST, or with id 0 to the route of a MESSAGE. */
  error(connection: Connection, kind: number, id: number, route: number, error: ShardwireError): void {
    this.#routes.of(route).ended(kind === KIND_REQUEST, error.code)
    this.#closing.sendError(connection, route, kind === KIND_REQUEST ? id : 0, error)
  }

  #encode(
    connection: Connection,
    kind: number,
    id: number,
    route: RunnableRoute,
    context: RequestContext<Connection>,
    value: unknown,
  ): Uint8Array | undefined {
    try {
      if (context.isStale(value)) throw new Error(STALE_ANSWER)
      return encodeAnswer(route, value)
    } catch (error) {
      this.failure(
        connection,
        kind,
        id,
        route,
        new Error(`the answer of ${route.name} cannot be sent`, { cause: error }),
      )
      return undefined
    }
  }

  #send(
    connection: Connection,
    kind: number,
    id: number,
    route: RunnableRoute,
    memory: Uint8Array,
    start: number,
    end: number,
  ): void {
    const limit = connection.listener.decoder.frameBytesMax
    const isRequest = kind === KIND_REQUEST
    const payloadBytes = end - start + (isRequest ? ID_BYTES : 0)
    if (payloadBytes > limit) {
      const text = `the answer of ${route.name} has a payload of ${payloadBytes} bytes, the limit is ${limit}`
      return this.failure(connection, kind, id, route, new Error(text))
    }
    this.#routes.of(route.number).ended(isRequest, OUTCOME_OK)
    this.#outbound.send(connection, isRequest ? KIND_RESPONSE : KIND_MESSAGE, route.number, id, memory, start, end)
  }
}
