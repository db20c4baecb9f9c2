/**
 * Owns calling the routes of a service by their names, with the types that the service gives them.
 * Must not know: connections, frames, how the service is served. Of the service only its type is here.
 * Invariant: what travels is what the table says, and the compiler holds the table against the service: a wrong number,
 * a wrong kind of body, a wrong value do not compile.
 */
import { decodeBody, encodeBody } from '@shardwire/protocol'
import type { AnswerKind, BodyKind, RoutesOf, RouteTypes, TypedService } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import type { RequestOptions, SendOptions } from '../request-options.ts'
import type { InputAnd } from './service-client.ts'

/** Whoever asks by number: a connection, or a client over several. */
export interface Requester<Options extends RequestOptions = RequestOptions> {
  readonly codec?: 'frame' | 'json'
  request(route: number, body?: Uint8Array, options?: Options): Promise<Uint8Array>
  send(route: number, body?: Uint8Array, options?: SendOptions): boolean
}

/** What a route without anything said answers with. */
type UsualAnswer<Body extends BodyKind> = Body extends 'bytes' ? 'bytes' : 'msgpack'

/** What is said of a route: as much as its `route(number, { body, answer }, ...)` says. */
type EntryOf<Route extends RouteTypes> =
  | FullEntry<Route>
  | ([Route['bodyKind'], Route['answerKind']] extends ['msgpack', 'msgpack'] ? Route['number'] : never)

type FullEntry<Route extends RouteTypes> = { readonly number: Route['number'] } & (Route['bodyKind'] extends 'msgpack'
  ? { readonly body?: 'msgpack' }
  : { readonly body: Route['bodyKind'] }) &
  (UsualAnswer<Route['bodyKind']> extends Route['answerKind']
    ? { readonly answer?: Route['answerKind'] }
    : { readonly answer: Route['answerKind'] })

type Routes = Readonly<Record<string, RouteTypes>>

/** By name, the number of a route, and how its body and its answer travel unless that is msgpack. */
export type RouteTable<All extends Routes> = { readonly [Name in keyof All]?: EntryOf<All[Name]> }

/** One route of a service. Rejects and throws as `request` and `send` of whoever asks. */
export interface BoundRoute<Route extends RouteTypes, Options extends RequestOptions = RequestOptions> {
  /** Asks, and gives the answer. */
  (...args: InputAnd<Route['input'], Options>): Promise<Route['answer']>
  /** Sends a MESSAGE, which nobody answers. @returns false when the caller should wait for `drained` before the next */
  send(...args: InputAnd<Route['input'], SendOptions>): boolean
  readonly number: Route['number']
}

/** The routes that a table names, by name. */
export type BoundRoutes<All extends Routes, Names, Options extends RequestOptions = RequestOptions> = {
  readonly [Name in keyof All & Names]: BoundRoute<All[Name], Options>
}

/**
 * Calls routes by name, typed by the service:
 *
 *     import type service from './stock.ts'
 *
 *     const stock = bindRoutes<typeof service>()(connection, { take: 1, sha256: { number: 2, body: 'bytes' } })
 *     const { left } = await stock.take('apple', { timeoutMs: 500 })
 *
 * The table has the routes that are wanted; it is all that is left of the service at run time.
 * Throws a ClientError INVALID_OPTION for a connection that speaks JSON.
 */
export function bindRoutes<Service extends TypedService>(): <
  const Table extends RouteTable<RoutesOf<Service>>,
  Options extends RequestOptions = RequestOptions,
>(
  on: Requester<Options>,
  table: Table & { readonly [Name in Exclude<keyof Table, keyof RoutesOf<Service>>]: never },
) => BoundRoutes<RoutesOf<Service>, keyof Table, Options> {
  return (on, table) => {
    if (on.codec === 'json') {
      throw new ClientError('INVALID_OPTION', 'bindRoutes: this connection speaks JSON; use requestValue and names')
    }
    const bound = Object.entries<unknown>(table).map(([name, entry]) => [name, bindRoute(on, name, entry)])
    return Object.fromEntries(bound) as never
  }
}

interface Entry {
  readonly number: number
  readonly body?: BodyKind
  readonly answer?: AnswerKind
}

function bindRoute(on: Requester<never>, name: string, entry: unknown): unknown {
  // Types have checked the table; what comes from JavaScript is checked by the first request.
  const { number, body = 'msgpack', answer }: Entry = typeof entry === 'number' ? { number: entry } : (entry as Entry)
  const answerKind = answer ?? (body === 'bytes' ? 'bytes' : 'msgpack')
  const call = async (input?: unknown, options?: RequestOptions): Promise<unknown> => {
    const bytes = await on.request(number, bytesOf(input, body), options as never)
    return answerKind === 'bytes' ? bytes : valueOf(bytes, name)
  }
  const send = (input?: unknown, options?: SendOptions): boolean => on.send(number, bytesOf(input, body), options)
  return Object.assign(call, { number, send })
}

function bytesOf(input: unknown, kind: BodyKind): Uint8Array | undefined {
  if (kind === 'none') return undefined
  return kind === 'bytes' ? (input as Uint8Array) : encodeBody(input)
}

function valueOf(bytes: Uint8Array, name: string): unknown {
  if (bytes.length === 0) return undefined
  try {
    return decodeBody(bytes, 0, bytes.length)
  } catch (cause) {
    throw new ClientError('BAD_ANSWER', `the answer of route ${name} is not msgpack`, { cause })
  }
}
