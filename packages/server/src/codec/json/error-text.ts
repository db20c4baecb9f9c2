/**
 * Owns how an error looks in JSON.
 * Must not know: what it answers.
 * Invariant: never fails, and never makes a text much longer than an ERROR frame of the same error.
 */
import { ERROR_BODY_BYTES_MAX, ERROR_MESSAGE_LENGTH_MAX, type ShardwireError } from '@shardwire/protocol'

/** `{"code", "name", "message", "retryable", "retryAfterMs"?, "details"?}`; details that have no form are dropped. */
export function errorText(error: ShardwireError): string {
  const { code, name, retryable, retryAfterMs } = error
  const message = error.message.slice(0, ERROR_MESSAGE_LENGTH_MAX)
  const known = { code, name, message, retryable, retryAfterMs }
  if (error.details === undefined) return JSON.stringify(known)
  const whole = tryStringify({ ...known, details: error.details })
  return whole !== undefined && whole.length <= ERROR_BODY_BYTES_MAX ? whole : JSON.stringify(known)
}

/** What a handler put there may hold itself, or a bigint, or fail in its own toJSON; the error itself must go out. */
function tryStringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
