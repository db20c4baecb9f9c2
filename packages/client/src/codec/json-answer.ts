/**
 * Owns what an object that the server sent says.
 * Must not know: bytes, who waits for it.
 * Invariant: keys are matched without regard to case, as servers in other languages write them; others are ignored.
 */
import { errorRow, HANDLER_FAILED, ShardwireError } from '@shardwire/protocol'

export interface JsonAnswer {
  /** Undefined where there is none, or it is null. */
  readonly uid: unknown
  readonly val: unknown
  readonly hasVal: boolean
  /** Undefined where there is none, or it is null. */
  readonly error: ShardwireError | undefined
}

const CODE_MAX = 0xffff

export function readJsonAnswer(object: Readonly<Record<string, unknown>>): JsonAnswer {
  let [uid, val, error]: unknown[] = []
  let hasVal = false
  for (const [key, value] of Object.entries(object)) {
    const name = key.toLowerCase()
    if (name === 'uid') uid = value ?? undefined
    else if (name === 'val') {
      val = value
      hasVal = true
    } else if (name === 'error') error = value ?? undefined
  }
  return { uid, val, hasVal, error: error === undefined ? undefined : errorOf(error) }
}

/** The error of an answer, as an ERROR frame's would be; of a server that says it otherwise, HANDLER_FAILED. */
function errorOf(value: unknown): ShardwireError {
  if (typeof value !== 'object' || value === null) return new ShardwireError(HANDLER_FAILED, textOf(value))
  const { code, name, message, retryable, retryAfterMs, details } = value as Readonly<Record<string, unknown>>
  const text = typeof message === 'string' ? message : textOf(value)
  if (!isCode(code)) return new ShardwireError(HANDLER_FAILED, text, { details: value })
  return new ShardwireError(code, text, {
    details,
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
    ...(errorRow(code) === undefined
      ? { retryable: retryable === true, ...(typeof name === 'string' && name !== '' ? { name } : {}) }
      : {}),
  })
}

function isCode(code: unknown): code is number {
  return typeof code === 'number' && Number.isInteger(code) && code >= 1 && code <= CODE_MAX
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
