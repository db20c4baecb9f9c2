/**
 * Owns memory that frames are written in where their CRC is computed without a copy: it takes half the time there.
 * Must not know: frames, sockets.
 * Invariant: a block has one holder from `take` to `give`. There are few, for all connections of the process: one is
 * held only while it has bytes that a socket has not taken, and who gets none does with memory of the heap.
 */
import { allocateKernelMemory } from '@shardwire/protocol'

export const BLOCK_BYTES = 4096
const BLOCKS_MAX = 16
/** Where a block would begin, if there were one. */
export const NO_BLOCK = -1

export class WriteBlocks {
  /** All blocks; empty where there are none. */
  readonly memory: Uint8Array
  /** Where those that nobody holds begin. */
  readonly #free: number[] = []

  /** @param memory a whole number of blocks */
  constructor(memory: Uint8Array) {
    this.memory = memory
    for (let at = memory.length - BLOCK_BYTES; at >= 0; at -= BLOCK_BYTES) this.#free.push(at)
  }

  /** Blocks that nobody holds. */
  get free(): number {
    return this.#free.length
  }

  /** @returns where a block of BLOCK_BYTES begins in `memory`, its content undefined; NO_BLOCK where none is free */
  take(): number {
    return this.#free.pop() ?? NO_BLOCK
  }

  give(at: number): void {
    this.#free.push(at)
  }
}

let blocks: WriteBlocks | undefined

/** Those of this process. */
export function writeBlocks(): WriteBlocks {
  blocks ??= new WriteBlocks(allocateKernelMemory(BLOCKS_MAX * BLOCK_BYTES) ?? new Uint8Array(0))
  return blocks
}
