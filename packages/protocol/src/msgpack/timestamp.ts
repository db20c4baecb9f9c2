/**
 * Owns the question whether the data of a timestamp extension is a moment that a Date can hold.
 * Must not know: how it is decoded.
 * Invariant: lengths are 4, 8 or 12; nanoseconds below 10^9; seconds within 100 million days of 1970 (ECMA-262, Date).
 */
import { readU32 } from '../bytes.ts'

const SECONDS_MAX = 8_640_000_000_000
const NANOSECONDS_MAX = 999_999_999
const TIMESTAMP_32_BYTES = 4
const TIMESTAMP_64_BYTES = 8
const TIMESTAMP_96_BYTES = 12

/** @param at offset of the first byte behind the extension's type; the caller has seen that `bytes` are there */
export function isTimestamp(memory: Uint8Array, at: number, bytes: number): boolean {
  if (bytes === TIMESTAMP_32_BYTES) return true
  if (bytes === TIMESTAMP_64_BYTES) return readU32(memory, at) >>> 2 <= NANOSECONDS_MAX
  return bytes === TIMESTAMP_96_BYTES && isDate(memory, at + 4, readU32(memory, at))
}

function isDate(memory: Uint8Array, at: number, nanoseconds: number): boolean {
  const seconds = (readU32(memory, at) | 0) * 0x1_0000_0000 + readU32(memory, at + 4)
  if (nanoseconds > NANOSECONDS_MAX || seconds < -SECONDS_MAX) return false
  // Of the last second only its begin is a Date.
  return seconds < SECONDS_MAX || (seconds === SECONDS_MAX && nanoseconds === 0)
}
