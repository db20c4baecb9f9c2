/**
 * Owns a test's end of a connection: it asks, answers, and hears what is pushed.
 * Must not know: how the connection is served.
 * Invariant: every call settles: by its answer, or when the connection ends.
 */
import { inspect } from 'node:util'
import {
  type AnswerKind,
  type BodyKind,
  decodeBody,
  decodeErrorBody,
  encodeBody,
  encodeFrame,
  encodeMetadata,
  KIND_CANCEL,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  encodeErrorBody,
  HANDLER_FAILED,
  type MetadataFields,
  OPCODE_GOAWAY,
  OPCODE_PING,
  OPCODE_PONG,
  type RouteTypes,
  ShardwireError,
  UNKNOWN_ROUTE,
} from '@shardwire/protocol'
import { closestName } from '../config/closest-name.ts'
import { type ClientRoute, clientRoute } from '../service/client-route.ts'
import { endedError } from './ended-error.ts'
import type { FrameInbox, InboxFrame } from './frame-inbox.ts'

export interface CallOptions {
  /** What is sent along; `deadlineMs` among it. */
  readonly metadata?: MetadataFields | undefined
  /** Its abort sends CANCEL; the call then rejects with CANCELLED, by the server's answer. */
  readonly signal?: AbortSignal | undefined
}

/** What the service pushed. */
export interface TestMessage {
  readonly route: number
  readonly body: Uint8Array
  /** The body as msgpack. */
  readonly value: unknown
}

export type Routes = Readonly<Record<string, RouteTypes>>

/** What a call is given: nothing has to be said where nothing is sent. */
export type Arguments<Route extends RouteTypes, Options> = Route['bodyKind'] extends 'none'
  ? [body?: undefined, options?: Options]
  : [body: Route['input'], options?: Options]

/** What of a route is needed to speak to it. */
export interface SpokenRoute {
  readonly number: number
  readonly body: BodyKind
  readonly answer: AnswerKind
}

export interface TestConnectionParts {
  readonly routes: ReadonlyMap<string, SpokenRoute>
  /** The frame that is sent first; undefined for none. */
  readonly hello: Uint8Array | undefined
  readonly inbox: FrameInbox
  readonly send: (bytes: Uint8Array) => void
  readonly sendEnd: () => void
}

interface Waiting {
  readonly answer: AnswerKind
  readonly promise: PromiseWithResolvers<unknown>
}

const NO_BYTES = new Uint8Array(0)

export class TestConnection<Types extends Routes> {
  /** Resolves with why it ended, as the server counts it: `PEER_ENDED`, `SERVICE_CLOSED` ... */
  readonly closed: Promise<string>
  /** Whether the server has said GOAWAY. */
  isLeaving = false
  readonly #parts: TestConnectionParts
  readonly #end = Promise.withResolvers<string>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #handlers = new Map<number, (frame: InboxFrame) => unknown>()
  readonly #messages: (TestMessage | ShardwireError)[] = []
  readonly #readers: PromiseWithResolvers<TestMessage>[] = []
  /** What nothing can be sent for any more. */
  #failure: Error | undefined
  #ended = ''
  #lastId = 0

  constructor(parts: TestConnectionParts) {
    this.#parts = parts
    this.closed = this.#end.promise
    if (parts.hello !== undefined) parts.send(parts.hello)
  }

  /** Whether a call can still be answered here. */
  get isUsable(): boolean {
    return this.#failure === undefined && !this.isLeaving
  }

  /**
   * Asks a route by its name. Rejects with the ShardwireError that the server answers, and when the connection ends as
   * a client's call does: with the ERROR that ended it, or CONNECTION_LOST, or CONNECTION_CLOSED where it ended before.
   */
  async call<Name extends keyof Types & string>(
    name: Name,
    ...[body, options = {}]: Arguments<Types[Name], CallOptions>
  ): Promise<Types[Name]['answer']> {
    const { number, body: kind, answer } = this.#route(name)
    this.#usable()
    const id = ++this.#lastId
    const promise = Promise.withResolvers<unknown>()
    this.#waiting.set(id, { answer, promise })
    this.#send({ kind: KIND_REQUEST, route: number, id, body: encodeAs(kind, body), ...metaOf(options) })
    const { signal } = options
    const cancel = (): void => this.#send({ kind: KIND_CANCEL, route: number, id, body: NO_BYTES })
    if (signal?.aborted === true) cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await promise.promise
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** Sends a MESSAGE to a route; what comes back is a message, too. */
  send<Name extends keyof Types & string>(
    name: Name,
    ...[body, options = {}]: Arguments<Types[Name], Pick<CallOptions, 'metadata'>>
  ): void {
    const { number, body: kind } = this.#route(name)
    this.#send({ kind: KIND_MESSAGE, route: number, body: encodeAs(kind, body), ...metaOf(options) })
  }

  /** The next MESSAGE that the service has sent, or will. Rejects with an ERROR that came in its place. */
  async nextMessage(): Promise<TestMessage> {
    const next = this.#messages.shift()
    if (next instanceof ShardwireError) throw next
    if (next !== undefined) return next
    this.#usable()
    const reader = Promise.withResolvers<TestMessage>()
    this.#readers.push(reader)
    return await reader.promise
  }

  /**
   * Answers what the service asks its clients on this route. What `handler` throws becomes an ERROR.
   * @param given a route, or its number: then body and answer are msgpack, as of a route without options
   */
  onRequest(given: number, handler: (body: unknown) => unknown): void
  onRequest<Body, Answer>(given: ClientRoute<Body, Answer>, handler: (body: Body) => Answer | Promise<Answer>): void
  onRequest<Body>(given: ClientRoute<Body> | number, handler: (body: Body) => unknown): void {
    const route = typeof given === 'number' ? clientRoute(given) : given
    if (!Number.isInteger((route as Partial<ClientRoute> | null | undefined)?.number)) {
      throw new TypeError(
        `onRequest was given ${inspect(given, { depth: 0 })}; expected what clientRoute(number) returns, or a number`,
      )
    }
    this.#handlers.set(route.number, async ({ id, body }) => {
      try {
        const answer = await handler(decodeAs(route.body, body) as Body)
        this.#send({ kind: KIND_RESPONSE, route: route.number, id, body: encodeAs(route.answer, answer) })
      } catch (error) {
        this.#sendError(route.number, id, error)
      }
    })
  }

  /** Sends FIN: what is in flight is still answered. @returns why the connection ended */
  async close(): Promise<string> {
    this.#parts.sendEnd()
    return await this.closed
  }

  /** For the transport: bytes came. */
  receive(bytes: Uint8Array): void {
    for (const frame of this.#parts.inbox.take(bytes)) this.#received(frame)
  }

  /** For the transport: it is over. */
  ended(reason: string): void {
    this.#ended = reason
    this.#fail(endedError(reason, 'CONNECTION_LOST'))
    this.#end.resolve(reason)
  }

  #received(frame: InboxFrame): void {
    const { kind, route, id, body } = frame
    if (kind === KIND_RESPONSE) this.#answered(id, body)
    else if (kind === KIND_ERROR) this.#refused(frame)
    else if (kind === KIND_MESSAGE) this.#message(route, body)
    else if (kind === KIND_REQUEST) void this.#asked(frame)
    else if (kind === KIND_CONTROL && route === OPCODE_GOAWAY) this.isLeaving = true
    else if (kind === KIND_CONTROL && route === OPCODE_PING) this.#send({ kind, route: OPCODE_PONG, body })
  }

  #answered(id: number, body: Uint8Array): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    waiting?.promise.resolve(decodeAs(waiting.answer, body))
  }

  #refused({ route, id, body }: InboxFrame): void {
    const error = decodeErrorBody(body, 0, body.length)
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (waiting !== undefined) waiting.promise.reject(error)
    // Without an id it is about a MESSAGE, and without a route about the connection.
    else if (route === 0) this.#fail(error)
    else if (this.#readers.length > 0) this.#readers.shift()?.reject(error)
    else this.#messages.push(error)
  }

  #message(route: number, body: Uint8Array): void {
    const message: TestMessage = {
      route,
      body,
      get value(): unknown {
        return decodeAs('msgpack', body)
      },
    }
    const reader = this.#readers.shift()
    if (reader === undefined) this.#messages.push(message)
    else reader.resolve(message)
  }

  async #asked(frame: InboxFrame): Promise<void> {
    const { route, id } = frame
    const handler = this.#handlers.get(route)
    if (handler !== undefined) await handler(frame)
    else this.#sendError(route, id, new ShardwireError(UNKNOWN_ROUTE, `the test has no handler for route ${route}`))
  }

  /** @throws what a call gets that comes too late */
  #usable(): void {
    const failure = this.#failure
    if (failure === undefined) return
    throw failure instanceof ShardwireError ? failure : endedError(this.#ended, 'CONNECTION_CLOSED')
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { promise } of this.#waiting.values()) promise.reject(this.#failure)
    this.#waiting.clear()
    for (const reader of this.#readers.splice(0)) reader.reject(this.#failure)
  }

  #route(name: string): SpokenRoute {
    const route = this.#parts.routes.get(name)
    if (route !== undefined) return route
    const names = [...this.#parts.routes.keys()]
    const closest = closestName(name, names)
    const advice = closest === undefined ? `there are ${names.join(', ')}` : `did you mean ${closest}?`
    throw new TypeError(`the service has no route ${name}; ${advice}`)
  }

  #send(frame: Parameters<typeof encodeFrame>[0]): void {
    this.#parts.send(encodeFrame(frame))
  }

  #sendError(route: number, id: number, thrown: unknown): void {
    const error = thrown instanceof ShardwireError ? thrown : new ShardwireError(HANDLER_FAILED, String(thrown))
    this.#send({ kind: KIND_ERROR, route, id, body: encodeErrorBody(error) })
  }
}

function metaOf({ metadata }: Pick<CallOptions, 'metadata'>): { meta?: Uint8Array } {
  return metadata === undefined ? {} : { meta: encodeMetadata(metadata) }
}

function encodeAs(kind: BodyKind, value: unknown): Uint8Array {
  if (kind === 'none') return NO_BYTES
  if (kind === 'msgpack') return encodeBody(value)
  if (value === undefined) return NO_BYTES
  if (value instanceof Uint8Array) return value
  throw new TypeError(`a body of bytes must be a Uint8Array, got ${typeof value}`)
}

function decodeAs(kind: BodyKind, body: Uint8Array): unknown {
  if (kind === 'bytes') return body
  return kind === 'none' || body.length === 0 ? undefined : decodeBody(body, 0, body.length)
}
