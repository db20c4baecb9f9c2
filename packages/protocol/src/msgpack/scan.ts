/**
 * Owns the check of a msgpack value before anything is built from it: one pass over the bytes, in place.
 * Must not know: what the value is for, or how it is built.
 * Invariant: no recursion, and no allocation but a view for a string of UTF8_NATIVE_BYTES_MIN bytes or more; a declared
 * length is believed only after the bytes for it were seen to be there. MSGPACK_OK means that the decoder builds the
 * value without an error. Repeated keys of a map pass: finding them costs a set a map, and the last one wins.
 */
import { readU16, readU32 } from '../bytes.ts'
import {
  MSGPACK_BAD_TIMESTAMP,
  MSGPACK_BAD_UTF8,
  MSGPACK_EXTENSION,
  MSGPACK_INTEGER_RANGE,
  MSGPACK_KEY_NO_STRING,
  MSGPACK_OK,
  MSGPACK_PROTO_KEY,
  MSGPACK_TOO_DEEP,
  MSGPACK_TOO_MANY,
  MSGPACK_TRAILING_BYTES,
  MSGPACK_TRUNCATED,
  MSGPACK_UNUSED_BYTE,
} from './faults.ts'
import { MSGPACK_DEPTH_MAX, type MsgpackLimits } from './limits.ts'
import { isTimestamp } from './timestamp.ts'
import { isValidUtf8 } from './utf8.ts'

export { MSGPACK_OK } from './faults.ts'
export type { MsgpackLimits } from './limits.ts'

const EXTENSION_TIMESTAMP = 0xff
const PROTO_KEY = [0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f]

/** What the first bytes 0xc0 to 0xdf begin. */
const FIXED = 0
const UNUSED = 1
const BINARY = 2
const EXTENSION = 3
const FIXED_EXTENSION = 4
const UNSIGNED_64 = 5
const SIGNED_64 = 6
const STRING = 7
const ARRAY = 8
const MAP = 9

/** For 0xc0 to 0xdf: what it begins, and the bytes that follow it: of the value, or of its length. */
// prettier-ignore
const FORMS = Uint8Array.of(
  FIXED, UNUSED, FIXED, FIXED, BINARY, BINARY, BINARY, EXTENSION, EXTENSION, EXTENSION, FIXED, FIXED, FIXED, FIXED,
  FIXED, UNSIGNED_64, FIXED, FIXED, FIXED, SIGNED_64, FIXED_EXTENSION, FIXED_EXTENSION, FIXED_EXTENSION,
  FIXED_EXTENSION, FIXED_EXTENSION, STRING, STRING, STRING, ARRAY, ARRAY, MAP, MAP,
)
// prettier-ignore
const WIDTHS = Uint8Array.of(
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 16, 1, 2, 4, 2, 4, 2, 4,
)

/** Checks values one after the other, and says more about the last one than a fault code can. */
export class MsgpackScanner {
  /** After a fault: offset of the value, key or length that is wrong, or of the first byte behind the value. */
  faultAt = 0
  /** Whether the value holds binary data, which a decoder hands out as views. */
  hasBinary = false

  /** By depth: values still to come in the map or array open there; a map's count is even before a key. 0: the root. */
  readonly #left = new Int32Array(MSGPACK_DEPTH_MAX + 1)
  readonly #isMap = new Uint8Array(MSGPACK_DEPTH_MAX + 1)
  #depth = 0
  #elements = 0
  #end = 0

  /** Checks that memory[start, end) is exactly one value within the limits. @returns MSGPACK_OK or a fault */
  scan(memory: Uint8Array, start: number, end: number, limits: MsgpackLimits): number {
    this.#end = end
    this.#depth = this.#elements = 0
    this.#left[0] = 1
    this.hasBinary = false
    let at = start
    while (this.#awaitsValue()) {
      const next = this.#value(memory, at, limits)
      if (next < 0) return this.#fault(at, -next)
      at = next
    }
    return at === end ? MSGPACK_OK : this.#fault(at, MSGPACK_TRAILING_BYTES)
  }

  #fault(at: number, fault: number): number {
    this.faultAt = at
    return fault
  }

  /** Closes what is complete; false when the outermost value is. */
  #awaitsValue(): boolean {
    while (this.#left[this.#depth] === 0) {
      if (this.#depth === 0) return false
      this.#depth--
    }
    return true
  }

  /** @returns the offset behind the value that begins at `at`, or behind the header of a map or array; or -fault */
  #value(memory: Uint8Array, at: number, limits: MsgpackLimits): number {
    if (at >= this.#end) return -MSGPACK_TRUNCATED
    const left = this.#left[this.#depth] as number
    const isKey = this.#isMap[this.#depth] === 1 && (left & 1) === 0
    this.#left[this.#depth] = left - 1
    const first = memory[at] as number
    if (first >= 0xa0 && first < 0xc0) return this.#string(memory, at + 1, first & 0x1f, isKey)
    if (first >= 0xc0 && first < 0xe0) return this.#long(memory, at, first - 0xc0, isKey, limits)
    if (isKey) return -MSGPACK_KEY_NO_STRING
    if (first < 0x80 || first >= 0xe0) return at + 1
    return this.#open(at + 1, first & 0x0f, first < 0x90, limits)
  }

  /** A value whose first byte is 0xc0 + `index`: a fixed number of bytes follow, or a length. */
  #long(memory: Uint8Array, at: number, index: number, isKey: boolean, limits: MsgpackLimits): number {
    const form = FORMS[index] as number
    if (form === UNUSED) return -MSGPACK_UNUSED_BYTE
    if (isKey && form !== STRING) return -MSGPACK_KEY_NO_STRING
    const width = WIDTHS[index] as number
    const fixedEnd = at + 1 + width + (form === FIXED_EXTENSION ? 1 : 0)
    if (fixedEnd > this.#end) return -MSGPACK_TRUNCATED
    if (form === FIXED) return fixedEnd
    if (form === UNSIGNED_64) return limits.bigint || isSafe(memory, at + 1, false) ? fixedEnd : -MSGPACK_INTEGER_RANGE
    if (form === SIGNED_64) return limits.bigint || isSafe(memory, at + 1, true) ? fixedEnd : -MSGPACK_INTEGER_RANGE
    if (form === FIXED_EXTENSION) return this.#extension(memory, at + 1, width)
    return this.#counted(memory, fixedEnd, form, readLength(memory, at + 1, width), limits, isKey)
  }

  /** A value whose length or number of elements stands before `at`. */
  #counted(memory: Uint8Array, at: number, form: number, count: number, limits: MsgpackLimits, isKey: boolean): number {
    if (form === STRING) return this.#string(memory, at, count, isKey)
    if (form === EXTENSION) return this.#extension(memory, at, count)
    if (form !== BINARY) return this.#open(at, count, form === MAP, limits)
    this.hasBinary = true
    return count > this.#end - at ? -MSGPACK_TRUNCATED : at + count
  }

  #string(memory: Uint8Array, at: number, bytes: number, isKey: boolean): number {
    const stringEnd = at + bytes
    if (stringEnd > this.#end) return -MSGPACK_TRUNCATED
    if (!isValidUtf8(memory, at, stringEnd)) return -MSGPACK_BAD_UTF8
    if (isKey && bytes === PROTO_KEY.length && isProtoKey(memory, at)) return -MSGPACK_PROTO_KEY
    return stringEnd
  }

  /** @param at offset of the type byte, which the `bytes` of data follow */
  #extension(memory: Uint8Array, at: number, bytes: number): number {
    if (at >= this.#end || bytes > this.#end - at - 1) return -MSGPACK_TRUNCATED
    if (memory[at] !== EXTENSION_TIMESTAMP) return -MSGPACK_EXTENSION
    return isTimestamp(memory, at + 1, bytes) ? at + 1 + bytes : -MSGPACK_BAD_TIMESTAMP
  }

  /** Begins a map or array; its values are the next ones. */
  #open(at: number, count: number, isMap: boolean, limits: MsgpackLimits): number {
    const values = isMap ? count * 2 : count
    // Every value takes a byte at least.
    if (values > this.#end - at) return -MSGPACK_TRUNCATED
    this.#elements += values
    if (this.#elements > limits.elementsMax) return -MSGPACK_TOO_MANY
    if (this.#depth >= limits.depthMax || this.#depth >= MSGPACK_DEPTH_MAX) return -MSGPACK_TOO_DEEP
    this.#depth++
    this.#left[this.#depth] = values
    this.#isMap[this.#depth] = isMap ? 1 : 0
    return at
  }
}

const SCANNER = new MsgpackScanner()

/** Checks that memory[start, end) is exactly one msgpack value within the limits. @returns MSGPACK_OK or a fault */
export function scanMsgpack(memory: Uint8Array, start: number, end: number, limits: MsgpackLimits): number {
  return SCANNER.scan(memory, start, end, limits)
}

/** Whether memory[start, end) begins like a map; says nothing about what is in it. */
export function isMsgpackMap(memory: Uint8Array, start: number, end: number): boolean {
  if (start >= end) return false
  const first = memory[start] as number
  return (first & 0xf0) === 0x80 || first === 0xde || first === 0xdf
}

function readLength(memory: Uint8Array, at: number, width: number): number {
  if (width === 1) return memory[at] as number
  return width === 2 ? readU16(memory, at) : readU32(memory, at)
}

function isProtoKey(memory: Uint8Array, at: number): boolean {
  for (let index = 0; index < PROTO_KEY.length; index++) if (memory[at + index] !== PROTO_KEY[index]) return false
  return true
}

/** Whether the 64-bit integer at `at` keeps its value as a number. */
function isSafe(memory: Uint8Array, at: number, isSigned: boolean): boolean {
  const high = readU32(memory, at)
  return Number.isSafeInteger((isSigned ? high | 0 : high) * 0x1_0000_0000 + readU32(memory, at + 4))
}
