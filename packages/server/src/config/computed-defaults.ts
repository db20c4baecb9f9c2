/**
 * Owns the defaults that follow from the machine and from other options.
 * Must not know: which rows they stand in.
 * Invariant: each is within the range of its row, whatever the machine.
 */
import { FRAME_BYTES_MAX_DEFAULT, frameBytes } from '@shardwire/protocol'
import { connectionsPossible } from '../descriptors.ts'
import type { Machine } from './machine.ts'
import type { ValuesAbove } from './option.ts'

const MIB = 1024 * 1024
const TIB = MIB * MIB
/** Far beyond what one machine holds. */
export const CONNECTIONS_MAX = 1_000_000_000
/** Least heap in MiB that a worker starts and serves with. */
export const HEAP_MB_MIN = 32
/** What V8 takes for its heap on a large machine when it is not told. */
const HEAP_MB_DEFAULT_MAX = 4096

/** Memory that holding one frame takes: the buffer pool lends powers of two. */
export function frameBufferBytes(maxFrameBytes: number): number {
  return 2 ** Math.ceil(Math.log2(frameBytes(maxFrameBytes)))
}

/** Never too little for a frame of the default size, so that no machine refuses to start without any settings. */
export function bufferBudget(machine: Machine, above: ValuesAbove): number {
  const share = Math.floor(machine.memoryBytes / 4 / Number(above['workers']))
  return Math.min(TIB, Math.max(share, frameBufferBytes(FRAME_BYTES_MAX_DEFAULT)))
}

/** The other half is for buffers, and for what is beside the heaps. */
export function heapShare(machine: Machine, above: ValuesAbove): number {
  const share = Math.floor(machine.memoryBytes / 2 / Number(above['workers']) / MIB)
  return Math.min(HEAP_MB_DEFAULT_MAX, Math.max(HEAP_MB_MIN, share))
}

/** All threads together are as many as the cores, beside the workers' own: theirs is the lower priority. */
export function offloadThreads({ cores }: Machine, above: ValuesAbove): number {
  return Math.max(1, Math.min(1024, Math.floor(cores / Number(above['workers']))))
}

/** A burst of connects waits here rather than being refused; the other half is for the primary itself, and to spare. */
export function handoffQueue({ descriptorLimit }: Machine): number {
  return Math.min(16_384, Math.max(64, Math.floor(descriptorLimit / 2)))
}

export function possibleConnections({ descriptorLimit }: Machine, above: ValuesAbove): number {
  return Math.min(CONNECTIONS_MAX, connectionsPossible(descriptorLimit, Number(above['workers'])))
}
