/**
 * Owns the error table of the wire: code, name, whether a retry makes sense, what happens to the connection after.
 * Must not know: how an ERROR frame is laid out, or who sends it.
 * Invariant: a code is never reused; docs/protocol.md shows the same rows (a test compares them).
 */

export const BAD_FRAME = 1
export const BAD_CRC = 2
export const FRAME_TOO_LARGE = 3
export const BAD_BODY = 4
export const UNKNOWN_ROUTE = 5
export const BAD_REQUEST = 6
export const UNAUTHENTICATED = 7
export const PERMISSION_DENIED = 8
export const DEADLINE_EXCEEDED = 9
export const CANCELLED = 10
export const OVERLOADED = 11
export const DRAINING = 12
export const RATE_LIMITED = 13
export const TOO_MANY_CONNECTIONS = 14
export const HANDLER_FAILED = 15
export const SLOW_CONSUMER = 16
export const TIMEOUT = 17
export const NOT_IMPLEMENTED = 18

/** Whether the handler can have run when this error arrives: decides what may be repeated without harm. */
export type HandlerRan = 'did not run' | 'may have run' | 'ran' | '-'
/** What becomes of the connection after the ERROR frame. */
export type Aftermath = 'stays open' | 'closes' | 'closes at the deadline'

export interface ErrorRow {
  readonly code: number
  readonly name: string
  readonly retryable: boolean
  readonly handler: HandlerRan
  readonly then: Aftermath
}

function row<const Name extends string>(
  code: number,
  name: Name,
  retryable: boolean,
  handler: HandlerRan,
  then: Aftermath,
): ErrorRow & { readonly name: Name } {
  return Object.freeze({ code, name, retryable, handler, then })
}

const ROWS = Object.freeze([
  row(BAD_FRAME, 'BAD_FRAME', false, 'did not run', 'closes'),
  row(BAD_CRC, 'BAD_CRC', false, 'did not run', 'closes'),
  row(FRAME_TOO_LARGE, 'FRAME_TOO_LARGE', false, 'did not run', 'closes'),
  row(BAD_BODY, 'BAD_BODY', false, 'did not run', 'stays open'),
  row(UNKNOWN_ROUTE, 'UNKNOWN_ROUTE', false, 'did not run', 'stays open'),
  row(BAD_REQUEST, 'BAD_REQUEST', false, 'may have run', 'stays open'),
  row(UNAUTHENTICATED, 'UNAUTHENTICATED', false, 'did not run', 'closes'),
  row(PERMISSION_DENIED, 'PERMISSION_DENIED', false, 'may have run', 'stays open'),
  row(DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED', true, 'may have run', 'stays open'),
  row(CANCELLED, 'CANCELLED', false, 'may have run', 'stays open'),
  row(OVERLOADED, 'OVERLOADED', true, 'did not run', 'stays open'),
  row(DRAINING, 'DRAINING', true, 'did not run', 'closes at the deadline'),
  row(RATE_LIMITED, 'RATE_LIMITED', true, 'did not run', 'stays open'),
  row(TOO_MANY_CONNECTIONS, 'TOO_MANY_CONNECTIONS', true, 'did not run', 'closes'),
  row(HANDLER_FAILED, 'HANDLER_FAILED', false, 'ran', 'stays open'),
  row(SLOW_CONSUMER, 'SLOW_CONSUMER', false, '-', 'closes'),
  row(TIMEOUT, 'TIMEOUT', true, '-', 'closes'),
  row(NOT_IMPLEMENTED, 'NOT_IMPLEMENTED', false, 'did not run', 'stays open'),
] as const)

/** A name of the table. */
export type ErrorName = (typeof ROWS)[number]['name']

/** Codes are u16. */
const ERROR_CODE_MAX = 0xffff

/** The table, in the order of its codes. */
export const ERROR_TABLE: readonly ErrorRow[] = ROWS

/** The row of a code; undefined for a code that this version does not know. */
export function errorRow(code: number): ErrorRow | undefined {
  return ERROR_TABLE[code - 1]
}

/** The code of a name. Throws a RangeError for one that the table does not have. */
export function errorCode(name: ErrorName): number {
  const found = ERROR_TABLE.find((one) => one.name === name)
  if (found === undefined) throw new RangeError(`there is no error ${String(name)}: docs/protocol.md has the table`)
  return found.code
}

/** Whether an ERROR frame can say it as a code. */
export function isErrorCode(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= ERROR_CODE_MAX
}

/** The same code. Throws a RangeError for one that no ERROR frame can say. */
function validCode(code: number): number {
  if (isErrorCode(code)) return code
  throw new RangeError(`there is no error ${String(code)}: expected an integer from 1 to ${ERROR_CODE_MAX}`)
}

/** The name of a code, `ERROR_<code>` for one that this version does not know. */
export function errorName(code: number): string {
  return errorRow(code)?.name ?? `ERROR_${code}`
}

const BRAND: unique symbol = Symbol.for('shardwire.error')

/** What an ERROR frame says beside its code; all of it optional. */
export interface ErrorExtras {
  /** Milliseconds after which a retry makes sense, 0 or more. */
  readonly retryAfterMs?: number | undefined
  /** Any msgpack value; for programs, not for people. */
  readonly details?: unknown
  readonly cause?: unknown
  /** The sender's name for a code that ERROR_TABLE does not have; instead of `ERROR_<code>`. */
  readonly name?: string | undefined
  /** Whether the sender says that a retry makes sense; instead of what ERROR_TABLE says. */
  readonly retryable?: boolean | undefined
}

/**
 * An error that crosses the wire. A handler that throws one chooses the ERROR frame that its caller gets; a client
 * throws the one that it received.
 */
export class ShardwireError extends Error {
  /** By mark, not by class: a service module may have another copy of this package than the daemon. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && Reflect.get(value, BRAND) === true
  }

  readonly [BRAND] = true
  readonly code: number
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  readonly details: unknown

  /**
   * @param code a name of ERROR_TABLE, or a code from 1 to 65535; anything else is a RangeError
   * @param message for people; sent as it is, so nothing secret
   */
  constructor(code: ErrorName | number, message: string, extras: ErrorExtras = {}) {
    const number = typeof code === 'number' ? validCode(code) : errorCode(code)
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.name = extras.name ?? errorName(number)
    this.code = number
    this.retryable = extras.retryable ?? errorRow(number)?.retryable ?? false
    this.retryAfterMs = extras.retryAfterMs
    this.details = extras.details
  }
}
