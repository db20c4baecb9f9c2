/**
 * Owns CRC-32/ISO-HDLC (zlib, gzip, Ethernet, Go's crc32.IEEE): by table for short runs, by zlib for long ones.
 * Must not know: frames.
 * Invariant: the result depends on the bytes and the seed only, never on which of the two methods ran.
 */
import { crc32 as zlibCrc32 } from 'node:zlib'
import { viewOf } from './bytes.ts'

/**
 * From this length on zlib wins: it costs a view and a native call (190 ns) and then 0.2 ns a byte, the table 0.65 ns a
 * byte from the first on.
 */
export const CRC_NATIVE_BYTES_MIN = 448

const POLYNOMIAL = 0xedb88320
const SLICES = 16

/** Table k, entry b: the CRC of byte b followed by k zero bytes (slicing-by-16). */
const TABLES = buildTables()

function buildTables(): Int32Array {
  const tables = new Int32Array(256 * SLICES)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let at = 256; at < tables.length; at++) {
    const shorter = tables[at - 256] as number
    tables[at] = (shorter >>> 8) ^ (tables[shorter & 255] as number)
  }
  return tables
}

/**
 * CRC of memory[start, end).
 * @param seed CRC of the bytes before, to go on from; 0 at the beginning
 * @returns an unsigned 32-bit integer
 */
export function crc32(memory: Uint8Array, start: number, end: number, seed = 0): number {
  if (end - start >= CRC_NATIVE_BYTES_MIN) return zlibCrc32(viewOf(memory, start, end), seed)
  return crc32ByTable(memory, start, end, seed)
}

/** The table method alone, whatever the length: for the crossing-point benchmark and as the test's second opinion. */
export function crc32ByTable(memory: Uint8Array, start: number, end: number, seed: number): number {
  const t = TABLES
  let crc = ~seed
  let at = start
  for (const last = end - 16; at <= last; at += 16) {
    crc =
      (t[3840 + ((crc ^ (memory[at] as number)) & 255)] as number) ^
      (t[3584 + (((crc >>> 8) ^ (memory[at + 1] as number)) & 255)] as number) ^
      (t[3328 + (((crc >>> 16) ^ (memory[at + 2] as number)) & 255)] as number) ^
      (t[3072 + ((crc >>> 24) ^ (memory[at + 3] as number))] as number) ^
      (t[2816 + (memory[at + 4] as number)] as number) ^
      (t[2560 + (memory[at + 5] as number)] as number) ^
      (t[2304 + (memory[at + 6] as number)] as number) ^
      (t[2048 + (memory[at + 7] as number)] as number) ^
      (t[1792 + (memory[at + 8] as number)] as number) ^
      (t[1536 + (memory[at + 9] as number)] as number) ^
      (t[1280 + (memory[at + 10] as number)] as number) ^
      (t[1024 + (memory[at + 11] as number)] as number) ^
      (t[768 + (memory[at + 12] as number)] as number) ^
      (t[512 + (memory[at + 13] as number)] as number) ^
      (t[256 + (memory[at + 14] as number)] as number) ^
      (t[memory[at + 15] as number] as number)
  }
  for (const last = end - 4; at <= last; at += 4) {
    crc =
      (t[768 + ((crc ^ (memory[at] as number)) & 255)] as number) ^
      (t[512 + (((crc >>> 8) ^ (memory[at + 1] as number)) & 255)] as number) ^
      (t[256 + (((crc >>> 16) ^ (memory[at + 2] as number)) & 255)] as number) ^
      (t[(crc >>> 24) ^ (memory[at + 3] as number)] as number)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (memory[at] as number)) & 255] as number)
  return ~crc >>> 0
}
