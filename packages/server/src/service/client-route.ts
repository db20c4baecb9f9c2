/**
 * Owns what a service says of the routes that its clients serve: what it sends there, and what comes back.
 * Must not know: connections, frames.
 * Invariant: what it was made with was checked when it was made.
 */
import { type AnswerKind, type BodyKind, ROUTE_MAX } from '@shardwire/protocol'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type BodyOf, type BodyOptions, checkingSchema, type InputOf, isSchema, type Schema } from './body.ts'

/** A route that clients serve: for `connection.send` and `connection.request`. */
export interface ClientRoute<Body = unknown, Answer = unknown> {
  /** 1 to 4095. */
  readonly number: number
  readonly body: BodyKind
  readonly answer: AnswerKind
  /** What checks the answer; undefined where nothing does. */
  readonly answerSchema: Schema | undefined
  /** Types alone; there is nothing at run time. */
  readonly '~types'?: { readonly body: Body; readonly answer: Answer } | undefined
}

/** What a client answers. */
export type ClientAnswerOf<Options> = Options extends { readonly answer: infer Answer }
  ? Answer extends Schema
    ? StandardSchemaV1.InferOutput<Answer>
    : Answer extends 'bytes'
      ? Uint8Array
      : unknown
  : BodyOf<Options> extends Uint8Array
    ? Uint8Array
    : unknown

/**
 * A route that clients serve. The body's schema gives its type, and is not run: the client checks what it takes. What
 * the client answers is held against the answer's schema.
 * @param number 1 to 4095; it has nothing to do with the service's own routes
 */
export function clientRoute<const Options extends BodyOptions = Record<never, never>>(
  number: number,
  options?: Options,
): ClientRoute<InputOf<Options>, ClientAnswerOf<Options>> {
  const { body = 'msgpack', answer }: BodyOptions = options ?? {}
  if (!Number.isInteger(number) || number < 1 || number > ROUTE_MAX) {
    throw new RangeError(`a client route has number ${number}; expected an integer from 1 to ${ROUTE_MAX}`)
  }
  const bodyKind = isSchema(body) ? 'msgpack' : body
  const unset = bodyKind === 'bytes' ? 'bytes' : 'msgpack'
  return {
    number,
    body: bodyKind,
    answer: answer === undefined ? unset : isSchema(answer) ? 'msgpack' : answer,
    answerSchema: checkingSchema(answer),
  }
}
