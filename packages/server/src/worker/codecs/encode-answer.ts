/**
 * Owns the bytes of what a handler returned, as its route declares them.
 * Must not know: who gets them.
 */
import { encodeBody } from '@shardwire/protocol'
import type { RunnableRoute } from '../../service/compile.ts'

/** @throws TypeError for a value that has no form */
export function encodeAnswer(route: RunnableRoute, value: unknown): Uint8Array {
  if (route.answer === 'msgpack') return encodeBody(value)
  if (value instanceof Uint8Array) return value
  throw new TypeError(`a route that answers bytes returned ${value === null ? 'null' : typeof value}`)
}
