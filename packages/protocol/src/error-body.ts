/**
 * Owns the body of an ERROR frame: the way between a ShardwireError and its msgpack map.
 * Must not know: which frame the error answers.
 * Invariant: encoding never fails and never takes more than the bytes it was given (details go first, then the
 * message is cut); decoding never fails either: what cannot be read becomes an error that says so.
 */
import { BAD_FRAME, errorName, errorRow, ShardwireError, isErrorCode } from './errors.ts'
import { decodeBody, encodeBody } from './msgpack/body.ts'
import { isRecord } from './msgpack/record.ts'

/** Longest ERROR body that is sent unless the caller says otherwise, in bytes. */
export const ERROR_BODY_BYTES_MAX = 16_384
/** Longest message that is sent, in UTF-16 code units. */
export const ERROR_MESSAGE_LENGTH_MAX = 1024

/**
 * The msgpack map {code, name, message, retryable, retryAfterMs?, details?}. Details that msgpack has no form for, or
 * that make the body longer than `bytesMax`, are dropped; never throws.
 */
export function encodeErrorBody(error: ShardwireError, bytesMax = ERROR_BODY_BYTES_MAX): Uint8Array {
  const { code, retryable, retryAfterMs } = error
  const name = error.name.toWellFormed()
  const message = error.message.slice(0, ERROR_MESSAGE_LENGTH_MAX).toWellFormed()
  const map = { code, name, message, retryable, retryAfterMs }
  const whole = error.details === undefined ? undefined : tryEncode({ ...map, details: error.details })
  if (whole !== undefined && whole.length <= bytesMax) return whole
  const bare = encodeBody(map)
  return bare.length <= bytesMax ? bare : encodeBody({ code, name: errorName(code), message: '', retryable })
}

function tryEncode(value: unknown): Uint8Array | undefined {
  try {
    return encodeBody(value)
  } catch (error) {
    // The one thing that may go wrong here is a value of the handler's that has no form; the error itself must go out.
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/**
 * The error that memory[start, end) describes. For a code of our table, name and retryable are the table's; for one
 * that only the sender knows, they are the sender's. Unknown keys are ignored, known ones of the wrong type too; a body
 * that is no map with a code from 1 to 65535 gives an error BAD_FRAME. Never throws.
 */
export function decodeErrorBody(memory: Uint8Array, start: number, end: number): ShardwireError {
  const map = readMap(memory, start, end)
  if (map instanceof ShardwireError) return map
  const code = map['code']
  if (!isErrorCode(code)) return new ShardwireError(BAD_FRAME, 'ERROR frame whose body has no code')
  const message = map['message']
  return new ShardwireError(code, typeof message === 'string' ? message : '', {
    retryAfterMs: delayOf(map['retryAfterMs']),
    details: map['details'],
    ...(errorRow(code) === undefined ? strangerOf(code, map) : {}),
  })
}

function readMap(memory: Uint8Array, start: number, end: number): Record<string, unknown> | ShardwireError {
  try {
    const value = decodeBody(memory, start, end)
    return isRecord(value) ? value : new ShardwireError(BAD_FRAME, 'ERROR frame whose body is no map')
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    return new ShardwireError(BAD_FRAME, `ERROR frame that cannot be read: ${text}`, { cause })
  }
}

/** What the sender says about a code that this version does not know. */
function strangerOf(code: number, map: Record<string, unknown>): { name: string; retryable: boolean } {
  const name = map['name']
  return {
    name: typeof name === 'string' && name !== '' ? name : errorName(code),
    retryable: map['retryable'] === true,
  }
}

function delayOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : undefined
}
