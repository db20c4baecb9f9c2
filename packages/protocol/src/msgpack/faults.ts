/**
 * Owns the names of what can be wrong with a msgpack value.
 * Must not know: how it was found, or which error code it becomes.
 * Invariant: MSGPACK_OK is 0 and every fault is above it; each has a text.
 */

export const MSGPACK_OK = 0
/** The value ends, or declares that it goes on, behind the bytes that are there. */
export const MSGPACK_TRUNCATED = 1
export const MSGPACK_TRAILING_BYTES = 2
export const MSGPACK_UNUSED_BYTE = 3
export const MSGPACK_KEY_NO_STRING = 4
export const MSGPACK_BAD_UTF8 = 5
export const MSGPACK_PROTO_KEY = 6
export const MSGPACK_EXTENSION = 7
export const MSGPACK_BAD_TIMESTAMP = 8
export const MSGPACK_INTEGER_RANGE = 9
export const MSGPACK_TOO_DEEP = 10
export const MSGPACK_TOO_MANY = 11

const TEXTS: readonly string[] = [
  'no fault',
  'the value is longer than the bytes that are there',
  'bytes behind the value',
  'the byte 0xc1, which msgpack never uses',
  'a map key that is no string',
  'a string that is no valid UTF-8',
  'the map key __proto__',
  'an extension other than timestamp',
  'a timestamp out of range',
  'an integer beyond 2^53 - 1',
  'nested too deeply',
  'too many elements',
]

/** What a fault is called, for error messages; no capital, no full stop. */
export function msgpackFaultText(fault: number): string {
  return TEXTS[fault] ?? `msgpack fault ${fault}`
}
