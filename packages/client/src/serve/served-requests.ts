/**
 * Owns the REQUESTs of the server that handlers of the application answer: which handler, and one answer to each.
 * Must not know: sockets, bytes of frames, when a connection closes.
 * Invariant: each REQUEST is answered once, by its handler, its deadline or its CANCEL, whichever comes first; what
 * comes later is dropped. When the connection ends every signal has fired and no deadline is left.
 */
import {
  BAD_FRAME,
  CANCELLED,
  DEADLINE_EXCEEDED,
  DRAINING,
  encodeErrorBody,
  ERROR_BODY_BYTES_MAX,
  HANDLER_FAILED,
  KIND_ERROR,
  KIND_RESPONSE,
  type Metadata,
  OVERLOADED,
  ShardwireError,
  UNKNOWN_ROUTE,
} from '@shardwire/protocol'
import { types } from 'node:util'
import type { RequestOptions } from '../request-options.ts'
import { Deadline, type SharedWheel } from '../shared-wheel.ts'
import type { RequestHandler, ServerRequest } from './server-request.ts'

export interface ServedOptions {
  /** REQUESTs of the server that are being handled at once. */
  readonly maxHandlers: number
  /** How long a handler has, unless the server says less. */
  readonly handlerTimeoutMs: number
}

export interface ServedListener {
  /** Longest body of an answer. */
  bodyBytesMax(): number
  /** The one answer to `id`. @returns false when it is longer than a frame may be: then nothing was sent */
  reply(kind: number, route: number, id: number, body: Uint8Array): boolean
  /** A handler failed, or what it answered cannot be sent. */
  onHandlerError(error: unknown, route: number): void
  /** The server broke the rules. */
  onViolation(error: ShardwireError): void
  /** The last handler has answered. */
  onIdle(): void
}

/** A REQUEST that came. */
export interface IncomingRequest {
  readonly id: number
  readonly route: number
  readonly meta: Metadata | undefined
  /** In memory of its own. */
  readonly body: Uint8Array
}

/** One that is being handled; also its own deadline. */
class ServedRequest extends Deadline implements ServerRequest {
  readonly id: number
  readonly route: number
  readonly body: Uint8Array
  readonly meta: Metadata | undefined
  readonly dueAtMs: number
  readonly #owner: ServedRequests
  #abort: AbortController | undefined
  #reason: unknown

  constructor(owner: ServedRequests, { id, route, body, meta }: IncomingRequest, dueAtMs: number) {
    super()
    this.#owner = owner
    this.id = id
    this.route = route
    this.body = body
    this.meta = meta
    this.dueAtMs = dueAtMs
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#reason !== undefined) this.#abort.abort(this.#reason)
    return this.#abort.signal
  }

  get deadlineMs(): number {
    return Math.max(0, this.dueAtMs - this.#owner.nowMs())
  }

  get callOptions(): RequestOptions {
    const { signal, deadlineMs, meta } = this
    return { signal, timeoutMs: Math.max(1, Math.floor(deadlineMs)), meta: { traceparent: meta?.traceparent } }
  }

  override expire(): void {
    this.#owner.refuse(this, new ShardwireError(DEADLINE_EXCEEDED, `route ${this.route}: not done in time`))
  }

  abort(reason: unknown): void {
    this.#reason = reason
    this.#abort?.abort(reason)
  }
}

export class ServedRequests {
  readonly #options: ServedOptions
  readonly #wheel: SharedWheel
  readonly #clockMs: () => number
  readonly #listener: ServedListener
  readonly #handlers = new Map<number, RequestHandler>()
  readonly #byId = new Map<number, ServedRequest>()

  constructor(options: ServedOptions, wheel: SharedWheel, nowMs: () => number, listener: ServedListener) {
    this.#options = options
    this.#wheel = wheel
    this.#clockMs = nowMs
    this.#listener = listener
  }

  /** REQUESTs that are being handled. */
  get inFlight(): number {
    return this.#byId.size
  }

  nowMs(): number {
    return this.#clockMs()
  }

  /** Who answers REQUESTs of `route` from now on; undefined is nobody. */
  setHandler(route: number, handler: RequestHandler | undefined): void {
    if (handler === undefined) this.#handlers.delete(route)
    else this.#handlers.set(route, handler)
  }

  /** A REQUEST came. @param isClosing nothing new is begun */
  onRequest(incoming: IncomingRequest, isClosing: boolean): void {
    const { id, route, meta } = incoming
    if (this.#byId.has(id)) {
      this.#listener.onViolation(new ShardwireError(BAD_FRAME, `REQUEST with id ${id}, which is in flight`))
      return
    }
    const handler = this.#handlers.get(route)
    const timeoutMs = Math.min(this.#options.handlerTimeoutMs, meta?.deadlineMs ?? Number.POSITIVE_INFINITY)
    const refusal = isClosing
      ? new ShardwireError(DRAINING, 'this client is closing the connection')
      : this.#refusal(route, timeoutMs)
    if (refusal !== undefined) this.#sendError(route, id, refusal)
    else if (handler === undefined) this.#sendError(route, id, unknownRoute(route))
    else this.#run(handler, new ServedRequest(this, incoming, this.#clockMs() + timeoutMs), timeoutMs)
  }

  /** CANCEL came. @returns false when nothing with this id is being handled */
  onCancel(id: number): boolean {
    const served = this.#byId.get(id)
    if (served === undefined) return false
    this.refuse(served, new ShardwireError(CANCELLED, `route ${served.route}: cancelled`))
    return true
  }

  /** The connection is gone: nobody waits for any answer. */
  abortAll(error: Error): void {
    const all = [...this.#byId.values()]
    this.#byId.clear()
    for (const served of all) {
      this.#wheel.cancel(served)
      served.abort(error)
    }
  }

  /** For requests alone: ends one before its handler does. */
  refuse(served: ServedRequest, error: ShardwireError): void {
    if (!this.#take(served)) return
    this.#sendError(served.route, served.id, error)
    served.abort(error)
    this.#afterAnswer()
  }

  #refusal(route: number, timeoutMs: number): ShardwireError | undefined {
    if (timeoutMs <= 0) return new ShardwireError(DEADLINE_EXCEEDED, `route ${route}: no time was left`)
    if (this.#byId.size < this.#options.maxHandlers) return undefined
    return new ShardwireError(OVERLOADED, `this client handles ${this.#byId.size} requests already`)
  }

  #run(handler: RequestHandler, served: ServedRequest, timeoutMs: number): void {
    // In flight from here on: a handler may end the connection, or answer only after a CANCEL.
    this.#byId.set(served.id, served)
    try {
      const answer = handler(served)
      if (!(answer instanceof Promise)) {
        this.#answer(served, answer)
        return
      }
      if (this.#byId.get(served.id) === served) this.#wheel.schedule(served, timeoutMs)
      answer.then(
        (later) => {
          this.#answer(served, later)
        },
        (error: unknown) => {
          this.#fail(served, error)
        },
      )
    } catch (error) {
      this.#fail(served, error)
    }
  }

  #answer(served: ServedRequest, answer: unknown): void {
    const { route, id } = served
    if (answer !== undefined && !types.isUint8Array(answer)) {
      this.#fail(served, new TypeError(`the handler of route ${route} answered with no Uint8Array`))
      return
    }
    if (!this.#take(served)) return
    if (!this.#listener.reply(KIND_RESPONSE, route, id, answer ?? NO_BYTES)) {
      const bytes = answer?.length ?? 0
      this.#failed(served, new RangeError(`the handler of route ${route} answered with ${bytes} bytes`))
    }
    this.#afterAnswer()
  }

  #fail(served: ServedRequest, error: unknown): void {
    // What a handler throws because its signal fired is no failure of its own.
    if (!this.#take(served)) return
    if (error instanceof ShardwireError) this.#sendError(served.route, served.id, error)
    else this.#failed(served, error)
    this.#afterAnswer()
  }

  #failed({ route, id }: ServedRequest, error: unknown): void {
    this.#sendError(route, id, new ShardwireError(HANDLER_FAILED, `route ${route}: the handler failed`))
    this.#listener.onHandlerError(error, route)
  }

  /** Whether it was still in flight; it is not any more. */
  #take(served: ServedRequest): boolean {
    if (this.#byId.get(served.id) !== served) return false
    this.#byId.delete(served.id)
    this.#wheel.cancel(served)
    return true
  }

  #sendError(route: number, id: number, error: ShardwireError): void {
    const bytesMax = Math.min(ERROR_BODY_BYTES_MAX, this.#listener.bodyBytesMax())
    this.#listener.reply(KIND_ERROR, route, id, encodeErrorBody(error, bytesMax))
  }

  #afterAnswer(): void {
    if (this.#byId.size === 0) this.#listener.onIdle()
  }
}

const NO_BYTES = new Uint8Array(0)

function unknownRoute(route: number): ShardwireError {
  return new ShardwireError(UNKNOWN_ROUTE, `this client serves no route ${route}`)
}
