/**
 * Owns what a client is to a program that names the type of its service: the same verbs, held against its routes.
 * Must not know: how anything is asked. Types only: nothing of it is left at run time, no service is loaded.
 * Invariant: a number that the service does not have, and a body or value that its route does not take, do not compile.
 */
import type { BodyKind, RoutesOf, RouteTypes, TypedService } from '@shardwire/protocol'
import type { Client, ClientRequestOptions } from '../client-api.ts'
import type { SendOptions } from '../request-options.ts'

/** What of a route may be left out where it may be undefined. */
export type InputAnd<Input, Options> = undefined extends Input
  ? [input?: Input, options?: Options]
  : [input: Input, options?: Options]

/** Every route of a service, as a union. */
type AnyRoute<Service extends TypedService> = RoutesOf<Service>[keyof RoutesOf<Service>]

/** Those of them that are like `Like`. */
type Matching<Service extends TypedService, Like> = Extract<AnyRoute<Service>, Like>

/** The route with a number. */
type Numbered<Service extends TypedService, Number> = Matching<Service, { readonly number: Number }> & RouteTypes

/** Numbers of the routes that bytes, or nothing, are sent to. */
export type BytesRoute<Service extends TypedService> = Matching<
  Service,
  { readonly bodyKind: Exclude<BodyKind, 'msgpack'> }
>['number']

/** Numbers of the routes that a value is sent to. */
export type ValueRoute<Service extends TypedService> = Matching<Service, { readonly bodyKind: 'msgpack' }>['number']

/** Numbers of the routes that answer a value with a value. */
export type AskedValueRoute<Service extends TypedService> = Matching<
  Service,
  { readonly bodyKind: 'msgpack'; readonly answerKind: 'msgpack' }
>['number']

type Verbs = 'request' | 'requestValue' | 'requestMsgpack' | 'send' | 'sendValue' | 'sendMsgpack'

/**
 * A client whose requests and messages are typed by a service: `createClient<typeof service>(options)`, where `service`
 * may be imported as a type. Routes go by their numbers; `bindRoutes` calls them by name, also those that take one kind
 * of body and answer with the other.
 */
export interface ServiceClient<Service extends TypedService> extends Omit<Client, Verbs> {
  /** As `Client.request`, of routes that take bytes or nothing. The answer is as it came, also where it is a value. */
  request(route: BytesRoute<Service>, body?: Uint8Array, options?: ClientRequestOptions): Promise<Uint8Array>

  /** As `Client.requestValue`, of routes that take a value and answer with one. */
  requestValue<Number extends AskedValueRoute<Service>>(
    route: Number,
    ...args: InputAnd<Numbered<Service, Number>['input'], ClientRequestOptions>
  ): Promise<Numbered<Service, Number>['answer']>

  /** As `Client.requestMsgpack`, likewise. */
  requestMsgpack<Number extends AskedValueRoute<Service>>(
    route: Number,
    ...args: InputAnd<Numbered<Service, Number>['input'], ClientRequestOptions>
  ): Promise<Numbered<Service, Number>['answer']>

  /** As `Client.send`, to routes that take bytes or nothing. */
  send(route: BytesRoute<Service>, body?: Uint8Array, options?: SendOptions): boolean

  /** As `Client.sendValue`, to routes that take a value. */
  sendValue<Number extends ValueRoute<Service>>(
    route: Number,
    ...args: InputAnd<Numbered<Service, Number>['input'], SendOptions>
  ): boolean

  /** As `Client.sendMsgpack`, likewise. */
  sendMsgpack<Number extends ValueRoute<Service>>(
    route: Number,
    ...args: InputAnd<Numbered<Service, Number>['input'], SendOptions>
  ): boolean
}
