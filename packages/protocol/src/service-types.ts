/**
 * Owns what a caller may know of a service by its type alone: the number of each route, what goes in, what comes back.
 * Types only: `createClient<typeof service>()` takes them from a service's module without loading it.
 * Must not know: how a service is defined or served.
 */

/** How a body travels: as opaque bytes, as one msgpack value, or not at all (what comes is ignored). */
export type BodyKind = 'bytes' | 'msgpack' | 'none'
/** How an answer travels. */
export type AnswerKind = 'bytes' | 'msgpack'

/** One route, as its caller sees it. */
export interface RouteTypes {
  /** 1 to 4095. */
  readonly number: number
  readonly bodyKind: BodyKind
  readonly answerKind: AnswerKind
  /** What a caller sends: what goes into the route's schema, where it has one. */
  readonly input: unknown
  /** What a caller gets: what comes out of the answer's schema, or what the handler returns. */
  readonly answer: unknown
}

/** What a service is by its type; there is nothing at run time. */
export interface ServiceTypes {
  /** By the names of its routes. */
  readonly routes: Readonly<Record<string, RouteTypes>>
}

/** Anything that carries the types of a service: what `defineService` returns does. */
export interface TypedService<Types extends ServiceTypes = ServiceTypes> {
  readonly '~types'?: Types | undefined
}

/** The routes of a service by name: `RoutesOf<typeof service>['take']['input']`. */
export type RoutesOf<Service extends TypedService> = NonNullable<Service['~types']>['routes']
