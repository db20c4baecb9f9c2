/**
 * Owns what a service is: routes by number and name, each with the kind of its body and a handler.
 * Must not know: connections, frames, processes.
 * Invariant: a service that `defineService` returned is whole: numbers in range, no number twice, every handler a
 * function.
 */
import { ROUTE_MAX } from '@shardwire/protocol'
import type { Request } from './request.ts'

/** How the body of a route travels: as opaque bytes, as one msgpack value, or not at all (what comes is ignored). */
export type BodyKind = 'bytes' | 'msgpack' | 'none'

/**
 * What runs for a frame. It returns the answer, or a promise of it; undefined answers a REQUEST with an empty body and
 * a MESSAGE not at all. What it throws becomes an ERROR frame: a ShardwireError as it is, anything else HANDLER_FAILED,
 * whose text never leaves the server.
 */
export type Handler = (request: Request) => unknown

export interface RouteOptions {
  /** What comes in; 'msgpack' unless told otherwise. */
  readonly body?: BodyKind
  /** What goes out: 'bytes' for a route whose body is bytes, else 'msgpack'. */
  readonly answer?: 'bytes' | 'msgpack'
  /** Deadline of the handler in milliseconds, above 0; SHARDWIRE_REQUEST_TIMEOUT_MS unless set. */
  readonly timeoutMs?: number
  /** Asynchronous handlers of this route that run at once in a worker; one more request is OVERLOADED. */
  readonly maxConcurrent?: number
}

export interface RouteDefinition extends RouteOptions {
  readonly number: number
  readonly handler: Handler
}

export interface Route {
  /** 1 to 4095. */
  readonly number: number
  readonly name: string
  readonly body: BodyKind
  readonly answer: 'bytes' | 'msgpack'
  readonly timeoutMs: number | undefined
  readonly maxConcurrent: number | undefined
  readonly handler: Handler
}

export interface Service {
  readonly name: string
  readonly routes: readonly Route[]
}

export interface ServiceDefinition {
  readonly name: string
  readonly routes: Readonly<Record<string, RouteDefinition>>
}

/** Marks what went through the checks below, also when the module has another copy of this package than the daemon. */
const BRAND = Symbol.for('shardwire.service')

/** One route of a service: its number (1 to 4095), what travels, and what runs. */
export function route(number: number, options: RouteOptions, handler: Handler): RouteDefinition {
  return { ...options, number, handler }
}

/** Checks a service and completes its routes. Throws a TypeError that lists every fault at once. */
export function defineService(definition: ServiceDefinition): Service {
  const routes = Object.entries(definition.routes).map(([name, defined]) => completeRoute(name, defined))
  const faults = [...routes.flatMap(routeFaults), ...doubledNumbers(routes)]
  if (faults.length > 0) throw new TypeError(`service ${definition.name}:\n  ${faults.join('\n  ')}`)
  return Object.defineProperty({ name: definition.name, routes }, BRAND, { value: true })
}

/** Whether a value came from `defineService`. */
export function isService(value: unknown): value is Service {
  return typeof value === 'object' && value !== null && Reflect.get(value, BRAND) === true
}

function completeRoute(name: string, defined: RouteDefinition): Route {
  const { number, handler, timeoutMs, maxConcurrent, body = 'msgpack' } = defined
  const answer = defined.answer ?? (body === 'bytes' ? 'bytes' : 'msgpack')
  return { number, name, body, answer, timeoutMs, maxConcurrent, handler }
}

const BODY_KINDS: readonly string[] = ['bytes', 'msgpack', 'none'] satisfies BodyKind[]
const ANSWER_KINDS: readonly string[] = ['bytes', 'msgpack'] satisfies Route['answer'][]

function routeFaults({ number, name, timeoutMs, maxConcurrent, handler, body, answer }: Route): string[] {
  const faults: string[] = []
  if (!BODY_KINDS.includes(body)) faults.push(`route ${name} has body ${body}; expected ${BODY_KINDS.join(', ')}`)
  if (!ANSWER_KINDS.includes(answer)) {
    faults.push(`route ${name} has answer ${answer}; expected ${ANSWER_KINDS.join(' or ')}`)
  }
  if (!Number.isInteger(number) || number < 1 || number > ROUTE_MAX) {
    faults.push(`route ${name} has number ${number}; expected an integer from 1 to ${ROUTE_MAX}`)
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0)) {
    faults.push(`route ${name} has timeoutMs ${timeoutMs}; expected milliseconds above 0`)
  }
  if (maxConcurrent !== undefined && !(Number.isInteger(maxConcurrent) && maxConcurrent > 0)) {
    faults.push(`route ${name} has maxConcurrent ${maxConcurrent}; expected a whole number above 0`)
  }
  if (typeof handler !== 'function') faults.push(`route ${name} has a handler of type ${typeof handler}`)
  return faults
}

function doubledNumbers(routes: readonly Route[]): string[] {
  return routes.flatMap((route, index) => {
    const first = routes.findIndex((other) => other.number === route.number)
    return first === index ? [] : [`routes ${routes[first]?.name} and ${route.name} both have number ${route.number}`]
  })
}
