/**
 * Owns what a handler of the application gets of a REQUEST that the server sent, and what it may answer.
 * Must not know: connections, frames, how an answer is sent.
 */
import { decodeBody, encodeBody, type Metadata } from '@shardwire/protocol'
import type { RequestOptions } from '../request-options.ts'

/** A REQUEST from the server. */
export interface ServerRequest {
  readonly route: number
  /** In memory of its own. */
  readonly body: Uint8Array
  readonly meta: Metadata | undefined
  /** Fires when the server cancels, the deadline passes or the connection ends; its reason is the error. */
  readonly signal: AbortSignal
  /** Milliseconds that are left until the deadline. */
  readonly deadlineMs: number
  /** What is left of the deadline, the signal and the trace, for requests that the handler makes in turn. */
  readonly callOptions: RequestOptions
}

/**
 * Answers a REQUEST of the server: with bytes, or undefined for an empty body, or a promise of either. A ShardwireError
 * that it throws reaches the server as it is; anything else is HANDLER_FAILED, whose text stays here (onHandlerError).
 */
export type RequestHandler = (request: ServerRequest) => Answer | Promise<Answer>
// What answers nothing returns nothing.
type Answer = Uint8Array | undefined | void

/**
 * What a service says of a route that its clients serve, by type alone: `typeof readings`, where `readings` is what
 * `clientRoute` of the server package returned.
 */
export interface TypedClientRoute<Body = unknown, ClientAnswer = unknown> {
  readonly '~types'?: { readonly body: Body; readonly answer: ClientAnswer } | undefined
}

/** What a handler of msgpack gets, and what it answers, of a route that is typed. */
type TypesOf<Route extends TypedClientRoute> = NonNullable<Route['~types']>

/** The same with msgpack values: what came in, and what is returned. */
export type MsgpackHandler<Route extends TypedClientRoute = TypedClientRoute> = (
  value: TypesOf<Route>['body'],
  request: ServerRequest,
) => TypesOf<Route>['answer'] | Promise<TypesOf<Route>['answer']>

/**
 * A handler of msgpack values as one of bytes. Throws a ShardwireError BAD_BODY, for the server, where what came is not
 * one msgpack value; what it returns is encoded.
 */
export function msgpackHandler<Route extends TypedClientRoute = TypedClientRoute>(
  handler: MsgpackHandler<Route>,
): RequestHandler {
  return (request) => {
    const { body } = request
    const answer = handler(body.length === 0 ? undefined : decodeBody(body, 0, body.length), request)
    return answer instanceof Promise ? answer.then(encodeBody) : encodeBody(answer)
  }
}
