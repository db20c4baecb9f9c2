/**
 * Owns turning a REQUEST into the RESPONSE that carries the same id and body, in the memory it stands in.
 * Must not know: who asked, what the body means.
 * Invariant: the result is the frame that the encoder would write. Three header bits differ, so the CRC is not computed
 * anew: CRC-32 is linear, and what those bits change in it depends on the frame's length alone.
 */
import { readI32, writeU32 } from './bytes.ts'
import { crc32ByTable } from './crc/crc32.ts'
import { CRC_BYTES, KIND_REQUEST, KIND_RESPONSE } from './frame.ts'

/** The kind, as it stands in a header's first byte. */
const KIND_CHANGE = (KIND_REQUEST ^ KIND_RESPONSE) << 4
const POLYNOMIAL = 0xedb88320
/** x^0 in the reflected order of bits that CRC-32 uses. */
const ONE = 0x8000_0000
const BITS_PER_BYTE_LOG2 = 3
/** Changes of frames up to this length are kept. */
const KEPT_BYTES_MAX = 8192

/** What KIND_CHANGE in the first byte changes in the CRC register, before any byte follows. */
const FIRST_CHANGE = crc32ByTable(Uint8Array.of(KIND_CHANGE), 0, 1, 0) ^ crc32ByTable(Uint8Array.of(0), 0, 1, 0)
/** Entry k: x to the power of 2^k, modulo the polynomial. */
const POWERS = powersOfX()
/** By length; 0 where it was not asked for yet (no change is 0). */
const kept = new Int32Array(KEPT_BYTES_MAX + 1)

/** Turns the REQUEST frame memory[start, end), which has no metadata, into its RESPONSE. */
export function turnIntoResponse(memory: Uint8Array, start: number, end: number): void {
  const crcAt = end - CRC_BYTES
  memory[start] = (memory[start] as number) ^ KIND_CHANGE
  writeU32(memory, crcAt, readI32(memory, crcAt) ^ changeOf(crcAt - start))
}

/** What KIND_CHANGE changes in the CRC of `bytes` bytes that begin with a header. */
function changeOf(bytes: number): number {
  if (bytes > KEPT_BYTES_MAX) return computeChange(bytes)
  const known = kept[bytes] as number
  return known === 0 ? (kept[bytes] = computeChange(bytes)) : known
}

/** The first byte's change, carried over the bytes behind it: multiplied by x to the power of their bits. */
function computeChange(bytes: number): number {
  let factor = ONE | 0
  for (let left = bytes - 1, power = BITS_PER_BYTE_LOG2; left > 0; left >>>= 1, power++) {
    if ((left & 1) === 1) factor = multiply(POWERS[power & 31] as number, factor)
  }
  return multiply(factor, FIRST_CHANGE)
}

function powersOfX(): Int32Array {
  const powers = new Int32Array(32)
  powers[0] = ONE >>> 1
  for (let at = 1; at < powers.length; at++) {
    const before = powers[at - 1] as number
    powers[at] = multiply(before, before)
  }
  return powers
}

/** Product of two polynomials over GF(2), modulo that of CRC-32. */
function multiply(a: number, b: number): number {
  let product = 0
  let shifted = b
  for (let mask = ONE; mask !== 0; mask >>>= 1) {
    if ((a & mask) !== 0) product ^= shifted
    shifted = (shifted & 1) === 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1
  }
  return product
}
