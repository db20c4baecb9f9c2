/**
 * Owns what a service is: its routes by number and name, and what runs around all of them.
 * Must not know: connections, frames, processes, how a route is run.
 * Invariant: a service that `defineService` returned is whole: numbers in range, no number twice, every handler a
 * function, no option that is none.
 */
import type { AnswerKind, BodyKind, TypedService } from '@shardwire/protocol'
import type { Task } from '../offload/task.ts'
import { checkingSchema, isSchema, type Schema } from './body.ts'
import type { ServiceHooks } from './hooks.ts'
import type { Middleware } from './middleware.ts'
import type { Request } from './request.ts'
import type { Handler, RouteDefinition } from './route.ts'
import { definitionFaults } from './service-faults.ts'

/** A route, completed by what holds where nothing is said. */
export interface Route {
  /** 1 to 4095. */
  readonly number: number
  readonly name: string
  readonly body: BodyKind
  readonly answer: AnswerKind
  /** What checks the body; undefined where nothing does. */
  readonly bodySchema: Schema | undefined
  readonly answerSchema: Schema | undefined
  readonly timeoutMs: number | undefined
  readonly maxConcurrent: number | undefined
  readonly middleware: readonly Middleware[]
  /** What a thread runs in place of the handler. */
  readonly offload: Task | undefined
  readonly handler: Handler<never>
}

export interface ServiceDefinition<Routes extends Readonly<Record<string, RouteDefinition>>> extends ServiceHooks {
  /** For logs. */
  readonly name: string
  /** By their names, which are for logs and for callers of a JSON listener; others use the numbers. */
  readonly routes: Routes
  /** What runs around every handler, the first outermost, before the body is held against its schema. */
  readonly middleware?: readonly Middleware[] | undefined
}

/** Marks what went through the checks, also when the module has another copy of this package than the daemon. */
const BRAND = Symbol.for('shardwire.service')

/** What is left of its routes in a service's type. */
export type TypesOf<Routes extends Readonly<Record<string, RouteDefinition>>> = {
  readonly [Name in keyof Routes]: NonNullable<Routes[Name]['~types']>
}

export interface Service<
  Routes extends Readonly<Record<string, RouteDefinition>> = Readonly<Record<string, RouteDefinition>>,
> extends TypedService<{ readonly routes: TypesOf<Routes> }> {
  readonly name: string
  readonly routes: readonly Route[]
  readonly middleware: readonly Middleware[]
  readonly hooks: ServiceHooks
}

/** Checks a service and completes its routes. Throws a TypeError that lists every fault at once. */
export function defineService<const Routes extends Readonly<Record<string, RouteDefinition>>>(
  definition: ServiceDefinition<Routes>,
): Service<Routes> {
  const faults = definitionFaults(definition)
  if (faults.length > 0) throw new TypeError(`service ${String(definition.name)}:\n  ${faults.join('\n  ')}`)
  const { name, middleware = [], routes: defined, ...hooks } = definition
  const routes = Object.entries(defined).map(([routeName, one]) => completeRoute(routeName, one))
  return Object.defineProperty({ name, routes, middleware, hooks }, BRAND, { value: true })
}

/** Whether a value came from `defineService`. */
export function isService(value: unknown): value is Service {
  return typeof value === 'object' && value !== null && Reflect.get(value, BRAND) === true
}

function completeRoute(name: string, { number, options, handler }: RouteDefinition): Route {
  const { timeoutMs, maxConcurrent, middleware = [], offload } = options
  const body = kindOf(options.body, 'msgpack')
  return {
    number,
    name,
    body,
    answer: kindOf(options.answer, body === 'bytes' ? 'bytes' : 'msgpack'),
    bodySchema: checkingSchema(options.body),
    answerSchema: checkingSchema(options.answer),
    timeoutMs,
    maxConcurrent,
    middleware,
    offload,
    handler: handler ?? withoutThreads,
  }
}

/** Stands where an offloaded route has no handler, until the worker puts one there that has threads to ask. */
function withoutThreads({ route }: Request): never {
  throw new Error(`route ${route} is offloaded, and nothing here has threads`)
}

function kindOf<Kind extends BodyKind>(option: Kind | Schema | undefined, unset: Kind | 'msgpack'): Kind | 'msgpack' {
  if (option === undefined) return unset
  return isSchema(option) ? 'msgpack' : option
}
