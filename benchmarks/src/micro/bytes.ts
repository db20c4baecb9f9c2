/**
 * Owns the inputs that are varied: pseudo-random bytes, and a slab full of frames as a read leaves it.
 * Must not know: what is measured with them.
 * Invariant: the same on every run.
 */
import { allocateKernelMemory, allocateMemory, frameBytesOf, KIND_MESSAGE, writeFrame } from '@shardwire/protocol'

/** What one read of the server brings at most. */
export const SLAB_BYTES = 131_072

export function fillVaried(memory: Uint8Array, seed: number): Uint8Array {
  let state = seed | 1
  for (let at = 0; at < memory.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    memory[at] = state >>> 24
  }
  return memory
}

export interface Slab {
  readonly memory: Uint8Array
  readonly end: number
  readonly frames: number
  readonly frameBytes: number
}

/** A slab as the server's own, in which checksums are computed where the bytes stand. There are two in a process. */
export function kernelSlab(): Uint8Array {
  return allocateKernelMemory(SLAB_BYTES) ?? allocateMemory(SLAB_BYTES)
}

/** As many frames of `kind` as fit, of bodies, ids and routes that differ. */
export function slabOfFrames(kind: number, bodyBytes: number, memory = allocateMemory(SLAB_BYTES)): Slab {
  const frameBytes = frameBytesOf(kind, bodyBytes)
  const frames = Math.floor(SLAB_BYTES / frameBytes)
  const body = new Uint8Array(bodyBytes)
  for (let n = 0; n < frames; n++) {
    fillVaried(body, n)
    const id = kind === KIND_MESSAGE ? 0 : n + 1
    writeFrame(memory, n * frameBytes, kind, 1 + (n % 7), id, body, 0, bodyBytes)
  }
  return { memory, end: frames * frameBytes, frames, frameBytes }
}
