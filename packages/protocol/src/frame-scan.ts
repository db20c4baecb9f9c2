/**
 * Owns looking for all frames of a read at once, where the CRC kernel reaches them: one call for many, their checksums
 * compared side by side (scripts/crc-kernel).
 * Must not know: who asks, what becomes of a frame.
 * Invariant: found are only frames that a decoder would take one by one, and plain ones: MESSAGEs and REQUESTs without
 * metadata. Which of them are found changes how fast they are decoded, never what comes of it.
 */
import { addressInKernel, ELSEWHERE } from './crc/kernel-address.ts'
import { KERNEL_LAYOUT } from './crc/kernel-layout.ts'
import { kernel } from './crc/kernel.ts'

/**
 * What the last scan found: FOUND_WORDS words for each frame, of which the first is its header, the second its length
 * from the header to behind the CRC, the third its id, 0 for a MESSAGE.
 */
export const found: Int32Array =
  kernel === undefined
    ? new Int32Array(0)
    : new Int32Array(kernel.memory, KERNEL_LAYOUT.foundAt, KERNEL_LAYOUT.foundBytes / Int32Array.BYTES_PER_ELEMENT)

/** The number of the last scan, whose `found` is. Goes round, after far more than there are in a read. */
export let scanNumber = 0

/**
 * Looks for frames with a payload of up to `lengthMax` bytes that follow one another from memory[start] on, and are
 * whole before `end`.
 * @returns how many were found: FOUND_MAX at most, 0 where the kernel does not reach them
 */
export function scanFrames(memory: Uint8Array, start: number, end: number, lengthMax: number): number {
  if (kernel === undefined) return 0
  scanNumber = (scanNumber + 1) | 0
  const address = addressInKernel(memory)
  return address === ELSEWHERE ? 0 : kernel.scan(address + start, address + end, lengthMax)
}
