/**
 * Owns how a route says what its body and its answer are, and the types that follow from it.
 * Must not know: how bodies are decoded or checked.
 * Invariant: a route whose body is a schema travels as msgpack; what is declared by type alone is never checked.
 */
import type { AnswerKind, BodyKind } from '@shardwire/protocol'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Forward } from './forward.ts'

/** A schema of zod, valibot, arktype or whoever else speaks Standard Schema. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>

/** What a route says of its body and its answer. */
export interface BodyOptions {
  /**
   * What comes in: one msgpack value that a schema checks, or that nothing does ('msgpack', the default, or
   * `typed<T>()`); bytes as they are; nothing, and what comes is ignored.
   */
  readonly body?: BodyKind | Schema | undefined
  /** What goes out, likewise; 'bytes' for a route whose body is bytes, else 'msgpack'. */
  readonly answer?: AnswerKind | Schema | undefined
}

export type MaybePromise<T> = T | Promise<T>

/** What the handler gets. Free is what it says of itself, which counts where nothing else is said. */
export type BodyOf<Options, Free = unknown> = Options extends { readonly body: infer Body }
  ? Body extends Schema
    ? StandardSchemaV1.InferOutput<Body>
    : FixedBody<Body, Free>
  : Free

/** What the caller sends. */
export type InputOf<Options, Free = unknown> = Options extends { readonly body: infer Body }
  ? Body extends Schema
    ? StandardSchemaV1.InferInput<Body>
    : FixedBody<Body, Free>
  : Free

type FixedBody<Body, Free> = Body extends 'bytes' ? Uint8Array : Body extends 'none' ? undefined : Free

/** What the handler may return. */
export type ResultOf<Options> = Options extends { readonly answer: infer Answer extends Schema }
  ? MaybePromise<StandardSchemaV1.InferInput<Answer> | Forward>
  : AnswerKindOf<Options> extends 'bytes'
    ? MaybePromise<Uint8Array | Forward | undefined | void>
    : unknown

/** What the caller gets, by what the handler returns and what the caller sent. */
export type AnswerOf<Options, Result, Input> = Options extends { readonly answer: infer Answer }
  ? Answer extends Schema
    ? StandardSchemaV1.InferOutput<Answer>
    : Returned<Awaited<Result>, Input>
  : Returned<Awaited<Result>, Input>

/** Nothing arrives as undefined; `forward()` sends back what came. */
type Returned<Value, Input> =
  | (Value extends Forward ? never : Value extends void ? undefined : Value)
  | (Forward extends Value ? Input : never)

/** How the body travels. */
export type BodyKindOf<Options> = Options extends { readonly body: infer Body }
  ? Body extends BodyKind
    ? Body
    : 'msgpack'
  : 'msgpack'

/** How the answer travels. */
export type AnswerKindOf<Options> = Options extends { readonly answer: infer Answer }
  ? Answer extends AnswerKind
    ? Answer
    : 'msgpack'
  : BodyKindOf<Options> extends 'bytes'
    ? 'bytes'
    : 'msgpack'

const VENDOR = 'shardwire'

/**
 * A body or an answer of this type that nobody checks: `body: typed<{ x: number }>()`. For peers that you trust to send
 * what they say, and for types that are checked elsewhere.
 */
export function typed<T>(): Schema<T> {
  return { '~standard': { version: 1, vendor: VENDOR, validate: (value) => ({ value: value as T }) } }
}

/** Whether a value is a schema; arktype's are functions. */
export function isSchema(value: unknown): value is Schema {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value
}

/** The schema that has something to check; undefined for a kind, and for a type alone. */
export function checkingSchema(option: unknown): Schema | undefined {
  return isSchema(option) && option['~standard'].vendor !== VENDOR ? option : undefined
}
