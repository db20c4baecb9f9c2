/**
 * Owns CRC-32/ISO-HDLC (zlib, gzip, Ethernet, Go's crc32.IEEE): by table for short runs, by zlib for long ones.
 * Must not know: frames.
 * Invariant: the result depends on the bytes and the seed only, never on which of the two methods ran. The one thing
 * kept between calls is a view of the memory asked for last, which changes no result.
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

/** The memory that `words` was asked for last, and its view: frames of one read follow one another. */
let viewed: Uint8Array | undefined
let view: DataView = new DataView(new ArrayBuffer(0))

/** Memory as little-endian words at any offset: one load instead of four. */
function words(memory: Uint8Array): DataView {
  if (memory === viewed) return view
  viewed = memory
  view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
  return view
}

/** The table method alone, whatever the length: for the crossing-point benchmark and as the test's second opinion. */
export function crc32ByTable(memory: Uint8Array, start: number, end: number, seed: number): number {
  const t = TABLES
  const at32 = words(memory)
  let crc = ~seed
  let at = start
  for (const last = end - 16; at <= last; at += 16) {
    const a = crc ^ at32.getInt32(at, true)
    const b = at32.getInt32(at + 4, true)
    const c = at32.getInt32(at + 8, true)
    const d = at32.getInt32(at + 12, true)
    crc =
      (t[3840 + (a & 255)] as number) ^
      (t[3584 + ((a >>> 8) & 255)] as number) ^
      (t[3328 + ((a >>> 16) & 255)] as number) ^
      (t[3072 + (a >>> 24)] as number) ^
      (t[2816 + (b & 255)] as number) ^
      (t[2560 + ((b >>> 8) & 255)] as number) ^
      (t[2304 + ((b >>> 16) & 255)] as number) ^
      (t[2048 + (b >>> 24)] as number) ^
      (t[1792 + (c & 255)] as number) ^
      (t[1536 + ((c >>> 8) & 255)] as number) ^
      (t[1280 + ((c >>> 16) & 255)] as number) ^
      (t[1024 + (c >>> 24)] as number) ^
      (t[768 + (d & 255)] as number) ^
      (t[512 + ((d >>> 8) & 255)] as number) ^
      (t[256 + ((d >>> 16) & 255)] as number) ^
      (t[d >>> 24] as number)
  }
  for (const last = end - 4; at <= last; at += 4) {
    const a = crc ^ at32.getInt32(at, true)
    crc =
      (t[768 + (a & 255)] as number) ^
      (t[512 + ((a >>> 8) & 255)] as number) ^
      (t[256 + ((a >>> 16) & 255)] as number) ^
      (t[a >>> 24] as number)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (memory[at] as number)) & 255] as number)
  return ~crc >>> 0
}
