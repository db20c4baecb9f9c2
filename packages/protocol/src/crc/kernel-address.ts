/**
 * Owns where memory stands in that of the CRC kernel.
 * Must not know: what is computed there.
 * Invariant: what is kept between calls is where the memory asked for last stands, which changes no answer, and holds
 * on to no large memory.
 */
import { kernel } from './kernel.ts'

/** Not in the kernel's memory. */
export const ELSEWHERE = -1
/** Memory above this is not remembered, lest a large frame live on until others have come. */
export const REMEMBERED_BYTES_MAX = 1024 * 1024

const NO_MEMORY: Uint8Array = new Uint8Array(0)

/**
 * The memory asked for last and its address in the kernel, and the same of the one before: frames of one read follow
 * one another, and their answers stand in a second place.
 */
let known: Uint8Array = NO_MEMORY
let knownAt = ELSEWHERE
let before: Uint8Array = NO_MEMORY
let beforeAt = ELSEWHERE

/** @returns the offset of the memory's first byte in the kernel's, or ELSEWHERE */
export function addressInKernel(memory: Uint8Array): number {
  return memory === known ? knownAt : recall(memory)
}

function recall(memory: Uint8Array): number {
  const isBefore = memory === before
  const at = isBefore ? beforeAt : addressOf(memory)
  before = known
  beforeAt = knownAt
  known = isBefore || memory.buffer.byteLength <= REMEMBERED_BYTES_MAX ? memory : NO_MEMORY
  knownAt = at
  return at
}

function addressOf(memory: Uint8Array): number {
  return kernel !== undefined && memory.buffer === kernel.memory ? memory.byteOffset : ELSEWHERE
}
