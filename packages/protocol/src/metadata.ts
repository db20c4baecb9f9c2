/**
 * Owns the metadata block: the map with the keys that the protocol knows and those that only the handler does.
 * Must not know: what a deadline or a trace leads to.
 * Invariant: a block that was encoded here is one that `parseMetadata` takes, and the decoder's structure check too.
 */
import { BAD_FRAME, ShardwireError } from './errors.ts'
import { META_BYTES_MAX } from './frame.ts'
import { decodeBody, encodeBody } from './msgpack/body.ts'
import { MSGPACK_OK, msgpackFaultText } from './msgpack/faults.ts'
import { META_LIMITS } from './msgpack/limits.ts'
import { isRecord, isUnsigned } from './msgpack/record.ts'
import { scanMsgpack } from './msgpack/scan.ts'

export interface Metadata {
  /** Time left in milliseconds when the frame was written, an integer from 0 to 2^53 - 1. */
  readonly deadlineMs?: number
  /** W3C trace context, valid by its syntax. */
  readonly traceparent?: string
  /** Every other key, for the handler. */
  readonly rest: Record<string, unknown>
}

/** The metadata block of a frame before it is encoded; keys beside the known two reach the handler. */
export interface MetadataFields {
  readonly deadlineMs?: number | undefined
  readonly traceparent?: string | undefined
  readonly [key: string]: unknown
}

/** Version, trace-id, parent-id and flags; versions after 00 may go on behind another dash (W3C Trace Context, 3.2). */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/

/** Whether `text` is a traceparent by the syntax of W3C Trace Context. */
export function isTraceparent(text: unknown): text is string {
  if (typeof text !== 'string') return false
  const match = TRACEPARENT.exec(text)
  return match !== null && (match[1] !== '00' || match[2] === undefined)
}

/**
 * The metadata block that says `fields`, its u16 length not included; keys with undefined are left out. Throws a
 * RangeError for a deadlineMs that is no integer from 0 to 2^53 - 1, and for a block above 4096 bytes or depth 4;
 * throws a TypeError for a malformed traceparent and for values that msgpack has no form for.
 */
export function encodeMetadata(fields: MetadataFields): Uint8Array {
  const { deadlineMs, traceparent } = fields
  if (deadlineMs !== undefined && !isUnsigned(deadlineMs)) {
    throw new RangeError(`metadata: deadlineMs ${String(deadlineMs)} is no integer from 0 to 2^53 - 1`)
  }
  if (traceparent !== undefined && !isTraceparent(traceparent)) throw new TypeError('metadata: malformed traceparent')
  const block = encodeBody(fields)
  if (block.length > META_BYTES_MAX) {
    throw new RangeError(`metadata: ${block.length} bytes, at most ${META_BYTES_MAX} are allowed`)
  }
  const fault = scanMsgpack(block, 0, block.length, META_LIMITS)
  if (fault !== MSGPACK_OK) throw new RangeError(`metadata: ${msgpackFaultText(fault)}`)
  return block
}

/**
 * The metadata block memory[start, end), its length field not included. A malformed traceparent is left out, as W3C
 * asks. Throws a ShardwireError with BAD_FRAME for a deadlineMs that is no integer from 0 to 2^53 - 1 (a caller that
 * meant a deadline must not be served without one), and for a block that is not one msgpack map within the limits.
 */
export function parseMetadata(memory: Uint8Array, start: number, end: number): Metadata {
  const { deadlineMs, traceparent, ...rest } = decodeMap(memory, start, end)
  // Many encoders write nil for what is not set, so nil is as good as absent.
  const isAbsent = deadlineMs === undefined || deadlineMs === null
  if (!isAbsent && !isUnsigned(deadlineMs)) {
    throw new ShardwireError(BAD_FRAME, 'metadata: deadlineMs is no unsigned integer')
  }
  return {
    ...(isAbsent ? {} : { deadlineMs }),
    ...(isTraceparent(traceparent) ? { traceparent } : {}),
    rest,
  }
}

function decodeMap(memory: Uint8Array, start: number, end: number): Record<string, unknown> {
  const value = decodeBlock(memory, start, end)
  if (!isRecord(value)) throw new ShardwireError(BAD_FRAME, 'metadata: no msgpack map')
  return value
}

function decodeBlock(memory: Uint8Array, start: number, end: number): unknown {
  try {
    return decodeBody(memory, start, end, META_LIMITS)
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw new ShardwireError(BAD_FRAME, text.replace('body:', 'metadata:'), { cause })
  }
}
