/**
 * Owns what a route of a service is, as its module says it.
 * Must not know: the service it is in, connections, frames.
 * Invariant: nothing is checked here: `defineService` does, for all routes at once.
 */
import type { RouteTypes } from '@shardwire/protocol'
import type { Task } from '../offload/task.ts'
import type { AnswerKindOf, AnswerOf, BodyKindOf, BodyOf, BodyOptions, InputOf, ResultOf } from './body.ts'
import type { Middleware } from './middleware.ts'
import { type Place, placeOfCaller } from './place.ts'
import type { Request } from './request.ts'

/**
 * What runs for a frame. It returns the answer, or a promise of it; undefined answers a REQUEST with an empty body and
 * a MESSAGE not at all. What it throws becomes an ERROR frame: a ShardwireError as it is, anything else HANDLER_FAILED,
 * whose text never leaves the server.
 */
export type Handler<Body = unknown, Result = unknown> = (request: Request<Body>) => Result

/** What every route may say. */
export interface CommonOptions extends BodyOptions {
  /** Deadline of the handler in milliseconds, above 0; SHARDWIRE_REQUEST_TIMEOUT_MS unless set. */
  readonly timeoutMs?: number | undefined
  /** Asynchronous handlers of this route that run at once in a worker; one more request is OVERLOADED. */
  readonly maxConcurrent?: number | undefined
  /** What runs around the handler, behind the service's own, in this order. */
  readonly middleware?: readonly Middleware[] | undefined
}

/** Options of a route that has a handler. */
export interface RouteOptions extends CommonOptions {
  readonly offload?: undefined
}

/** Options of a route that runs in a thread. */
export interface OffloadOptions<Body = never, Result = unknown> extends CommonOptions {
  /** What a thread of the worker's pool runs in place of a handler: see `defineTask`. */
  readonly offload: Task<Body, Result>
}

/** What `route` returns. */
export interface RouteDefinition<Types extends RouteTypes = RouteTypes> {
  readonly '~types'?: Types | undefined
  readonly number: number
  readonly options: RouteOptions | OffloadOptions
  /** For any body: what really comes in is what the options say. Undefined where the route is offloaded. */
  readonly handler: Handler<never> | undefined
  readonly place: Place
}

/** One route of a service: its number (1 to 4095), what travels, and what runs. */
export function route<const Number extends number, Result, Body = unknown>(
  number: Number,
  handler: Handler<Body, Result>,
): RouteDefinition<RouteTypesOf<Number, Record<never, never>, Result, Body>>
export function route<
  const Number extends number,
  const Options extends CommonOptions,
  Result extends ResultOf<Options>,
  Body = unknown,
>(
  number: Number,
  options: Options & OffloadOptions<BodyOf<Options, Body>, Result>,
): RouteDefinition<RouteTypesOf<Number, Options, Result, Body>>
export function route<
  const Number extends number,
  const Options extends RouteOptions,
  Result extends ResultOf<Options>,
  Body = unknown,
>(
  number: Number,
  options: Options,
  handler: Handler<BodyOf<Options, Body>, Result>,
): RouteDefinition<RouteTypesOf<Number, Options, Result, Body>>
export function route(
  number: number,
  optionsOrHandler: RouteDefinition['options'] | Handler<never>,
  handler?: Handler<never>,
): RouteDefinition {
  const place = placeOfCaller(route)
  if (typeof optionsOrHandler !== 'function') return { number, options: optionsOrHandler, handler, place }
  return { number, options: {}, handler: optionsOrHandler, place }
}

/** What the caller of a route knows of it. */
export interface RouteTypesOf<Number extends number, Options, Result, Body> {
  readonly number: Number
  readonly bodyKind: BodyKindOf<Options>
  readonly answerKind: AnswerKindOf<Options>
  readonly input: InputOf<Options, Body>
  readonly answer: AnswerOf<Options, Result, InputOf<Options, Body>>
}
