/**
 * Owns holding bodies and answers against their schema, around a handler.
 * Must not know: frames, which library a schema is of.
 * Invariant: a schema that answers at once costs no promise; a handler never sees a body that its schema refused, nor a
 * caller an answer.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { BAD_BODY, ShardwireError } from '@shardwire/protocol'
import type { Schema } from './body.ts'
import type { Run } from './middleware.ts'
import { isPromise } from './promise.ts'
import { FORWARD } from './forward.ts'
import type { ServedRequest } from './request.ts'

/** What is told of one fault. */
export interface BodyIssue {
  /** The way to it: keys and indices, none for the body itself. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** What is told at most, so that an ERROR is not dropped for its size. */
const ISSUES_MAX = 16
const MESSAGE_LENGTH_MAX = 256

/** Runs `inner` with what the schema makes of the body; else BAD_BODY, with `details: { issues }`. */
export function checkingBody(schema: Schema, inner: Run<ServedRequest>): Run<ServedRequest> {
  const { validate } = schema['~standard']
  const go = (request: ServedRequest, result: StandardSchemaV1.Result<unknown>): unknown => {
    if (result.issues !== undefined) throw badBody(result.issues)
    request.replaceBody(result.value)
    return inner(request)
  }
  return (request) => {
    const result = validate(request.body)
    if (!(result instanceof Promise)) return go(request, result)
    return result.then((later) => {
      // While it was checked: the handler would run for nobody.
      if (request.endedBy !== undefined) throw request.endedBy
      return go(request, later)
    })
  }
}

/** Answers with what the schema makes of what `inner` returned; else the handler has failed. */
export function checkingAnswer(schema: Schema, inner: Run<ServedRequest>): Run<ServedRequest> {
  const check = (route: string, value: unknown): unknown =>
    value === FORWARD ? value : conform(schema, value, `route ${route}: its answer`)
  return (request) => {
    const { route } = request
    const value = inner(request)
    return isPromise(value) ? Promise.resolve(value).then((later) => check(route, later)) : check(route, value)
  }
}

/**
 * What a schema makes of a value, or a promise of it, where the schema takes its time. Throws an Error, or rejects with
 * one, that says what of `whose` is wrong.
 */
export function conform(schema: Schema, value: unknown, whose: string): unknown {
  const result = schema['~standard'].validate(value)
  return result instanceof Promise ? result.then((later) => valueOf(later, whose)) : valueOf(result, whose)
}

function valueOf(result: StandardSchemaV1.Result<unknown>, whose: string): unknown {
  if (result.issues === undefined) return result.value
  const [first] = issuesOf(result.issues)
  throw new Error(`${whose} is not what its schema says: ${first === undefined ? '' : textOf(first, 'answer')}`)
}

function badBody(raw: readonly StandardSchemaV1.Issue[]): ShardwireError {
  const issues = issuesOf(raw)
  const [first] = issues
  const more = raw.length > 1 ? ` (and ${raw.length - 1} more)` : ''
  const text = first === undefined ? 'the body is not what the route takes' : textOf(first, 'body')
  return new ShardwireError(BAD_BODY, text + more, { details: { issues } })
}

function issuesOf(raw: readonly StandardSchemaV1.Issue[]): BodyIssue[] {
  return raw.slice(0, ISSUES_MAX).map(({ path = [], message }) => ({
    // Not `path.map`: what arktype calls a path makes its like of the length alone.
    path: Array.from(path, keyOf),
    message: message.slice(0, MESSAGE_LENGTH_MAX),
  }))
}

function keyOf(segment: PropertyKey | StandardSchemaV1.PathSegment): string | number {
  const key = typeof segment === 'object' ? segment.key : segment
  return typeof key === 'symbol' ? key.toString() : key
}

/** `body.items[0].name: expected a string` */
function textOf({ path, message }: BodyIssue, root: string): string {
  const way = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('')
  return `${root}${way}: ${message}`
}
