/**
 * Owns the layout of a frame: where each field stands, how wide it is, and what its values are called.
 * Must not know: how frames are read or written, sockets, errors on the wire.
 * Invariant: every number of the wire format is written here and nowhere else.
 *
 *     0        2                 6                  6+n               10+n
 *     | header | length n        | payload          | crc             |
 *     | u16    | u32             | n bytes          | u32             |
 *
 * All integers are big-endian. The header is META(1) KIND(3) ROUTE(12); the CRC covers every byte before it.
 */

/** Version of the wire protocol that HELLO and WELCOME carry. */
export const PROTOCOL_VERSION = 1

export const HEADER_BYTES = 2
export const LENGTH_BYTES = 4
/** Header and length: all that is needed to judge a frame before one byte of its payload is stored. */
export const PREFIX_BYTES = HEADER_BYTES + LENGTH_BYTES
export const CRC_BYTES = 4
/** What a frame is longer than its payload. */
export const FRAME_OVERHEAD_BYTES = PREFIX_BYTES + CRC_BYTES
export const ID_BYTES = 4
export const META_LENGTH_BYTES = 2

/** Header bit 15: a metadata block follows (after the id, where the kind has one). */
export const FLAG_META = 0x8000

/** Where the kind stands in a header, and how wide it is. */
export const KIND_SHIFT = 12
export const KIND_MASK = 7

/** One way; what the handler returns goes back as one MESSAGE on the same route. */
export const KIND_MESSAGE = 0
/** Wants exactly one RESPONSE or ERROR with the same id; sent by either end. */
export const KIND_REQUEST = 1
export const KIND_RESPONSE = 2
export const KIND_ERROR = 3
/** The caller no longer waits for the answer of this id. */
export const KIND_CANCEL = 4
/** 5 and 6 are kept for streams; a frame of these kinds breaks the connection. */
export const KIND_RESERVED_FIRST = 5
export const KIND_RESERVED_LAST = 6
/** ROUTE is an opcode. */
export const KIND_CONTROL = 7

/** Names of the kinds by number, for logs and error messages. */
export const KIND_NAMES = ['MESSAGE', 'REQUEST', 'RESPONSE', 'ERROR', 'CANCEL', 'kind 5', 'kind 6', 'CONTROL'] as const

/** Routes of a service are 1 to ROUTE_MAX; 0 belongs to none. */
export const ROUTE_MAX = 0x0fff

export const OPCODE_PING = 0
export const OPCODE_PONG = 1
export const OPCODE_HELLO = 2
export const OPCODE_WELCOME = 3
export const OPCODE_GOAWAY = 4
/** 5 to 63 are kept for subscribe, publish, presence and resume. */
export const OPCODE_RESERVED_LAST = 63

/** Longest payload of a PING or PONG. */
export const PING_BYTES_MAX = 125
/** Longest metadata block, its u16 length not counted. */
export const META_BYTES_MAX = 4096
/** Deepest nesting of a metadata block; the map itself is depth 1. */
export const META_DEPTH_MAX = 4
/** Largest request id; after it ids begin at 1 again. */
export const ID_MAX = 0xffff_ffff
/** Default of the largest payload. */
export const FRAME_BYTES_MAX_DEFAULT = 1_048_576

/** Length on the wire of a frame with a payload of `payloadBytes`. */
export function frameBytes(payloadBytes: number): number {
  return payloadBytes + FRAME_OVERHEAD_BYTES
}

/** Whether frames of this kind carry an id before their body. */
export function kindHasId(kind: number): boolean {
  return kind >= KIND_REQUEST && kind <= KIND_CANCEL
}
