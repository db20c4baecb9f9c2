/**
 * Owns the checks of what a caller says: of options, and of each call.
 * Must not know: which options there are.
 * Invariant: what is refused is a ClientError INVALID_OPTION that says what was expected and what came.
 */
import { ROUTE_MAX } from '@shardwire/protocol'
import { types } from 'node:util'
import { ClientError } from './client-error.ts'

/** Longest delay that the system's timers take. */
export const DELAY_MS_MAX = 0x7fff_ffff

/** The route itself. Throws a ClientError INVALID_OPTION unless it is an integer from 1 to 4095. */
export function checkRoute(route: number | string): number {
  if (typeof route === 'number') return integer('route', route, 1, ROUTE_MAX)
  throw invalid('route', route, `an integer from 1 to ${ROUTE_MAX}: names are for connections that speak JSON`)
}

/** The delay itself. Throws a ClientError INVALID_OPTION unless it is an integer from 1 to 2147483647. */
export function checkDelayMs(name: string, valueMs: number): number {
  return integer(name, valueMs, 1, DELAY_MS_MAX)
}

/** The integer itself. Throws a ClientError INVALID_OPTION unless it is one from `min` to `max`. */
export function integer(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(name, value, `an integer from ${min} to ${max}`)
  }
  return value
}

/**
 * Throws a ClientError INVALID_OPTION unless the body is a Uint8Array: anything else with a length would be sent as
 * that many wrong bytes. Says what kind of thing it got, not its value, which may be long or secret.
 */
export function checkBody(body: unknown): void {
  if (types.isUint8Array(body)) {
    if (body.length > 0 || !isDetached(body)) return
    throw new ClientError(
      'INVALID_OPTION',
      'body: expected a Uint8Array, got one whose memory was transferred elsewhere',
    )
  }
  const what = typeof body === 'string' ? 'a string (TextEncoder makes bytes of it)' : kindOf(body)
  throw new ClientError('INVALID_OPTION', `body: expected a Uint8Array, got ${what}; for a value use the msgpack call`)
}

/** The value itself. Throws a ClientError INVALID_OPTION unless it is one of them. */
export function oneOf<Value extends string>(name: string, value: Value, values: readonly Value[]): Value {
  if (values.includes(value)) return value
  throw invalid(name, value, values.join(' or '))
}

function isDetached({ buffer }: Uint8Array): boolean {
  return 'detached' in buffer && buffer.detached
}

/** The type of a value or, of an object, its class. */
function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return `a ${typeof value}`
  // An object without a prototype has none.
  const made: unknown = value.constructor
  return typeof made === 'function' && made.name !== '' ? `an instance of ${made.name}` : 'an object'
}

/** What an option is refused with. */
export function invalid(name: string, value: unknown, expected: string): ClientError {
  const given = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return new ClientError('INVALID_OPTION', `${name}: expected ${expected}, got ${given}`)
}
