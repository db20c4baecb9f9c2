/**
 * Owns CRC-32/ISO-HDLC (zlib, gzip, Ethernet, Go's crc32.IEEE): which method computes it, by where the bytes stand and
 * how many there are.
 * Must not know: frames.
 * Invariant: the result depends on the bytes and the seed only, never on which method ran. What is kept between calls
 * is where the memory asked for last stands, which changes no result, and holds on to no large memory.
 */
import { crc32 as zlibCrc32 } from 'node:zlib'
import { viewOf } from '../bytes.ts'
import { addressInKernel, ELSEWHERE, REMEMBERED_BYTES_MAX } from './kernel-address.ts'
import { kernel } from './kernel.ts'
import { KERNEL_LAYOUT } from './kernel-layout.ts'
import { CRC_TABLES } from './tables.ts'

/**
 * From this length on bytes that stand elsewhere are copied to the kernel: a view, the copy and the call cost about as
 * much as the table takes for so many bytes (benchmarks, crc).
 */
export const CRC_STAGED_BYTES_MIN = 256
/** From this length on zlib wins over the table where there is no kernel. */
export const CRC_NATIVE_BYTES_MIN = 448

const NO_MEMORY: Uint8Array = new Uint8Array(0)

/** Where bytes from elsewhere are copied to. */
const stage =
  kernel === undefined ? NO_MEMORY : new Uint8Array(kernel.memory, KERNEL_LAYOUT.stageAt, KERNEL_LAYOUT.stageBytes)

/** The memory that the table read last, as words, and the same of the one before. */
let worded: Uint8Array = NO_MEMORY
let words: DataView = new DataView(new ArrayBuffer(0))
let wordedBefore: Uint8Array = NO_MEMORY
let wordsBefore: DataView = words

/**
 * CRC of memory[start, end).
 * @param seed CRC of the bytes before, to go on from; 0 at the beginning
 * @returns an unsigned 32-bit integer
 */
export function crc32(memory: Uint8Array, start: number, end: number, seed = 0): number {
  return crc32Signed(memory, start, end, seed) >>> 0
}

/** The same bits as a signed integer: V8 allocates 16 bytes for an unsigned one from 2^31 on that a call returns. */
export function crc32Signed(memory: Uint8Array, start: number, end: number, seed = 0): number {
  if (kernel !== undefined) {
    const address = addressInKernel(memory)
    if (address !== ELSEWHERE) return kernel.crc32(address + start, address + end, seed)
    if (end - start >= CRC_STAGED_BYTES_MIN) return crc32Staged(memory, start, end, seed) | 0
  } else if (end - start >= CRC_NATIVE_BYTES_MIN) return zlibCrc32(viewOf(memory, start, end), seed) | 0
  return byTable(memory, start, end, seed)
}

/**
 * Copies source[start, end) to target at `at`, by the kernel: much as `copyBytes`, but without a view.
 * @returns false when either stands elsewhere; then nothing was done
 */
export function copyInKernel(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): boolean {
  if (kernel === undefined) return false
  const to = addressInKernel(target)
  const from = addressInKernel(source)
  if (to === ELSEWHERE || from === ELSEWHERE) return false
  kernel.copy(from + start, to + at, end - start)
  return true
}

/** Through the kernel, a part after the other: memory that does not stand there. */
export function crc32Staged(memory: Uint8Array, start: number, end: number, seed: number): number {
  if (kernel === undefined) throw new Error('there is no kernel')
  const { stageAt, stageBytes } = KERNEL_LAYOUT
  let crc = seed
  for (let at = start; at < end; at += stageBytes) {
    const bytes = Math.min(stageBytes, end - at)
    stage.set(viewOf(memory, at, at + bytes))
    crc = kernel.crc32(stageAt, stageAt + bytes, crc)
  }
  return crc >>> 0
}

/** The table method alone, whatever the length: for the crossing-point benchmark and as the test's second opinion. */
export function crc32ByTable(memory: Uint8Array, start: number, end: number, seed: number): number {
  return byTable(memory, start, end, seed) >>> 0
}

/** This memory as words. */
function spell(memory: Uint8Array): DataView {
  const isBefore = memory === wordedBefore
  const now = isBefore ? wordsBefore : new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
  if (!isBefore && memory.buffer.byteLength > REMEMBERED_BYTES_MAX) return now
  wordedBefore = worded
  wordsBefore = words
  worded = memory
  words = now
  return now
}

function byTable(memory: Uint8Array, start: number, end: number, seed: number): number {
  const at32 = memory === worded ? words : spell(memory)
  const t = CRC_TABLES
  let crc = ~seed
  let at = start
  // The first word waits for the round before, so it is looked up last.
  for (const last = end - 16; at <= last; at += 16) {
    const a = crc ^ at32.getInt32(at, true)
    const b = at32.getInt32(at + 4, true)
    const c = at32.getInt32(at + 8, true)
    const d = at32.getInt32(at + 12, true)
    crc =
      (t[d >>> 24] as number) ^
      (t[256 + ((d >>> 16) & 255)] as number) ^
      (t[512 + ((d >>> 8) & 255)] as number) ^
      (t[768 + (d & 255)] as number) ^
      (t[1024 + (c >>> 24)] as number) ^
      (t[1280 + ((c >>> 16) & 255)] as number) ^
      (t[1536 + ((c >>> 8) & 255)] as number) ^
      (t[1792 + (c & 255)] as number) ^
      (t[2048 + (b >>> 24)] as number) ^
      (t[2304 + ((b >>> 16) & 255)] as number) ^
      (t[2560 + ((b >>> 8) & 255)] as number) ^
      (t[2816 + (b & 255)] as number) ^
      ((t[3072 + (a >>> 24)] as number) ^
        (t[3328 + ((a >>> 16) & 255)] as number) ^
        ((t[3584 + ((a >>> 8) & 255)] as number) ^ (t[3840 + (a & 255)] as number)))
  }
  for (const last = end - 4; at <= last; at += 4) {
    const a = crc ^ at32.getInt32(at, true)
    crc =
      (t[768 + (a & 255)] as number) ^
      (t[512 + ((a >>> 8) & 255)] as number) ^
      ((t[256 + ((a >>> 16) & 255)] as number) ^ (t[a >>> 24] as number))
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (memory[at] as number)) & 255] as number)
  return ~crc
}
