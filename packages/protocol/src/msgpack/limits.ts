/**
 * Owns the limits under which msgpack values are read, each with its reason.
 * Must not know: how a value is scanned or built.
 * Invariant: every limit stands within what the scanner's fixed stack can hold (MSGPACK_DEPTH_MAX).
 */
import { META_BYTES_MAX, META_DEPTH_MAX } from '../frame.ts'

export interface MsgpackLimits {
  /** Deepest nesting, 0 to MSGPACK_DEPTH_MAX; a scalar is depth 0, a map or array around it depth 1. */
  readonly depthMax: number
  /** Most values in all: array elements and map entries, each key and value counted. */
  readonly elementsMax: number
  /** Whether integers beyond 2^53 are allowed. */
  readonly bigint: boolean
}

/** Depth that no limits go beyond: the scanner keeps one counter a level, set aside once. */
export const MSGPACK_DEPTH_MAX = 128

/**
 * What a body may be unless its route says otherwise. Depth 32 is more than people write by hand and far from what
 * makes recursive code in a handler overflow. 65536 values bound what a body costs to build: the densest one (a byte a
 * value, each an empty map) takes 64 KiB on the wire and some 4 MiB of heap, instead of 16 times that for a full
 * frame of 1 MiB.
 */
export const BODY_LIMITS_DEFAULT: MsgpackLimits = Object.freeze({ depthMax: 32, elementsMax: 65_536, bigint: false })

/** What a metadata block may be; its 4096 bytes bound the number of values already. */
export const META_LIMITS: MsgpackLimits = Object.freeze({
  depthMax: META_DEPTH_MAX,
  elementsMax: META_BYTES_MAX,
  bigint: false,
})

/** What the map of a HELLO, WELCOME or GOAWAY may be: known keys hold scalars, the rest is room to grow. */
export const CONTROL_LIMITS: MsgpackLimits = Object.freeze({ depthMax: 4, elementsMax: 256, bigint: false })
