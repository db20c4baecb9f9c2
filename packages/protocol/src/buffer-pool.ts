/**
 * Owns blocks of memory in power-of-two sizes, lent out and taken back, under one bound for all of them together.
 * Must not know: what the blocks are used for.
 * Invariant: leasedBytes <= bytesMax, but for what `leaseBeyondBound` lent; leasedBytes + freeBytes <= bytesMax, but
 * for that and for what came back of it; freeBytes <= freeBytesMax. A block is in the free list or with exactly one
 * holder. Giving one back twice, or one that is not ours, throws. A block counts as its length and its overhead.
 */
import { allocateMemory } from './bytes.ts'

export interface BufferPoolOptions {
  /** Bound on all blocks together, leased and free, in bytes. */
  readonly bytesMax: number
  /** Smallest block, in bytes; rounded up to a power of two. */
  readonly blockBytesMin: number
  /** Largest block, in bytes; rounded up to a power of two. */
  readonly blockBytesMax: number
  /** Free blocks kept beyond what is leased, in bytes: what a burst leaves behind goes back to the system. */
  readonly freeBytesMax: number
  /**
   * Blocks are cut from slabs of this size where sixteen fit into one, so that the allocator does not see them; own
   * memory for each block unless set.
   */
  readonly slabBytes?: number
  /** What a block takes beside its length, in bytes: counted with it; 0 unless set. */
  readonly blockOverheadBytes?: number
  /** Debug: overwrite a block when it comes back, so that a view kept too long reads 0xdb and not another's bytes. */
  readonly poison?: boolean
}

/** What a poisoned block is filled with. */
export const POISON_BYTE = 0xdb

/** A slab is for blocks of which it holds as many: small ones, that allocators keep between what lives long. */
const SLAB_BLOCKS_MIN = 16

const NO_MEMORY: Uint8Array = new Uint8Array(0)

export class BufferPool {
  readonly #options: BufferPoolOptions
  readonly #overheadBytes: number
  readonly #minShift: number
  readonly #maxShift: number
  readonly #free: Uint8Array[][]
  readonly #leased = new Set<Uint8Array>()
  #leasedBytes = 0
  #freeBytes = 0
  /** Blocks are being cut from it. It goes back to the system when nothing refers to any of them. */
  #slab = NO_MEMORY
  /** Bytes of the slab that are cut. */
  #cutBytes = 0

  constructor(options: BufferPoolOptions) {
    this.#options = options
    this.#overheadBytes = options.blockOverheadBytes ?? 0
    this.#minShift = shiftOf(options.blockBytesMin)
    this.#maxShift = shiftOf(options.blockBytesMax)
    if (this.#minShift > this.#maxShift) throw new RangeError('pool: the smallest block is larger than the largest')
    this.#free = Array.from({ length: this.#maxShift - this.#minShift + 1 }, () => [])
  }

  get leasedBytes(): number {
    return this.#leasedBytes
  }
  get leasedBlocks(): number {
    return this.#leased.size
  }
  get freeBytes(): number {
    return this.#freeBytes
  }
  /** Bound on all blocks together, in bytes. */
  get bytesMax(): number {
    return this.#options.bytesMax
  }
  /** What a block takes beside its length, in bytes. */
  get blockOverheadBytes(): number {
    return this.#overheadBytes
  }
  /** The largest block that can be leased, in bytes. */
  get blockBytesMax(): number {
    return 2 ** this.#maxShift
  }

  /** What a block of at least `bytes` counts against the bound. */
  costOf(bytes: number): number {
    return 2 ** this.#shiftFor(bytes) + this.#overheadBytes
  }

  /**
   * A block of at least `bytes`, its content undefined.
   * @returns undefined when the bound does not allow it, or no block is that large: the caller sheds
   */
  lease(bytes: number): Uint8Array | undefined {
    if (bytes > this.blockBytesMax) return undefined
    if (this.#leasedBytes + this.costOf(bytes) > this.#options.bytesMax) return undefined
    const block = this.#lend(bytes)
    this.#shrinkFree(this.#options.bytesMax - this.#leasedBytes)
    return block
  }

  /**
   * As `lease`, whatever the bound says: for a caller that has already seen to it that as much will come back soon.
   * Throws a RangeError above `blockBytesMax`.
   */
  leaseBeyondBound(bytes: number): Uint8Array {
    if (bytes > this.blockBytesMax) throw new RangeError(`pool: no blocks of ${bytes} bytes`)
    return this.#lend(bytes)
  }

  /** Takes a block back. The holder must not touch it, or a view of it, again. */
  release(block: Uint8Array): void {
    if (!this.#leased.delete(block)) throw new Error('pool: a block came back that is not leased (given back twice?)')
    const cost = this.costOf(block.length)
    this.#leasedBytes -= cost
    if (this.#options.poison === true) block.fill(POISON_BYTE)
    if (this.#freeBytes + cost > this.#options.freeBytesMax) return
    this.#listOf(shiftOf(block.length)).push(block)
    this.#freeBytes += cost
  }

  /** Drops all free blocks: they go back to the system with the next garbage collection. */
  dropFree(): void {
    this.#shrinkFree(0)
    this.#slab = NO_MEMORY
    this.#cutBytes = 0
  }

  #lend(bytes: number): Uint8Array {
    const shift = this.#shiftFor(bytes)
    const cost = this.costOf(bytes)
    const reused = this.#listOf(shift).pop()
    if (reused !== undefined) this.#freeBytes -= cost
    const block = reused ?? this.#allocate(2 ** shift)
    this.#leased.add(block)
    this.#leasedBytes += cost
    return block
  }

  #allocate(bytes: number): Uint8Array {
    const { slabBytes = 0 } = this.#options
    if (bytes * SLAB_BLOCKS_MIN > slabBytes) return allocateMemory(bytes)
    if (this.#slab.length - this.#cutBytes < bytes) {
      this.#slab = allocateMemory(slabBytes)
      this.#cutBytes = 0
    }
    const start = this.#cutBytes
    this.#cutBytes += bytes
    return this.#slab.subarray(start, start + bytes)
  }

  /** Drops free blocks until they are `bytesMax` or less, the largest first. */
  #shrinkFree(bytesMax: number): void {
    for (let index = this.#free.length - 1; index >= 0 && this.#freeBytes > bytesMax; index--) {
      const list = this.#free[index] ?? []
      const cost = 2 ** (index + this.#minShift) + this.#overheadBytes
      while (this.#freeBytes > bytesMax && list.pop() !== undefined) this.#freeBytes -= cost
    }
  }

  #shiftFor(bytes: number): number {
    return Math.max(shiftOf(bytes), this.#minShift)
  }

  #listOf(shift: number): Uint8Array[] {
    const list = this.#free[shift - this.#minShift]
    if (list === undefined) throw new RangeError(`pool: no blocks of ${2 ** shift} bytes`)
    return list
  }
}

/** log2 of the smallest power of two that is at least `bytes`; `bytes` is 2^32 at most. */
function shiftOf(bytes: number): number {
  return bytes <= 1 ? 0 : 32 - Math.clz32(bytes - 1)
}
