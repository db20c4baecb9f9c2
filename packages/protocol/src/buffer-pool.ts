/**
 * Owns blocks of memory in power-of-two sizes, lent out and taken back, under one bound for all of them together.
 * Must not know: what the blocks are used for.
 * Invariant: leasedBytes + freeBytes <= bytesMax, but for what `leaseBeyondBound` lent; a block is in the free list or
 * with exactly one holder. Giving one back twice, or one that is not ours, throws.
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
  /** Debug: overwrite a block when it comes back, so that a view kept too long reads 0xdb and not another's bytes. */
  readonly poison?: boolean
}

/** What a poisoned block is filled with. */
export const POISON_BYTE = 0xdb

export class BufferPool {
  readonly #options: BufferPoolOptions
  readonly #minShift: number
  readonly #maxShift: number
  readonly #free: Uint8Array[][]
  readonly #leased = new Set<Uint8Array>()
  #leasedBytes = 0
  #freeBytes = 0

  constructor(options: BufferPoolOptions) {
    this.#options = options
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
  /** The largest block that can be leased, in bytes. */
  get blockBytesMax(): number {
    return 2 ** this.#maxShift
  }

  /**
   * A block of at least `bytes`, its content undefined.
   * @returns undefined when the bound does not allow it, or no block is that large: the caller sheds
   */
  lease(bytes: number): Uint8Array | undefined {
    if (bytes > this.blockBytesMax) return undefined
    const shift = Math.max(shiftOf(bytes), this.#minShift)
    const size = 2 ** shift
    const reused = this.#listOf(shift).pop()
    if (reused !== undefined) this.#freeBytes -= size
    else if (!this.#makeRoom(size)) return undefined
    return this.#lend(reused ?? allocateMemory(size))
  }

  /**
   * As `lease`, whatever the bound says: for a caller that has already seen to it that as much will come back soon.
   * Throws a RangeError above `blockBytesMax`.
   */
  leaseBeyondBound(bytes: number): Uint8Array {
    const block = this.lease(bytes)
    if (block !== undefined) return block
    if (bytes > this.blockBytesMax) throw new RangeError(`pool: no blocks of ${bytes} bytes`)
    return this.#lend(allocateMemory(2 ** Math.max(shiftOf(bytes), this.#minShift)))
  }

  #lend(block: Uint8Array): Uint8Array {
    this.#leased.add(block)
    this.#leasedBytes += block.length
    return block
  }

  /** Takes a block back. The holder must not touch it, or a view of it, again. */
  release(block: Uint8Array): void {
    if (!this.#leased.delete(block)) throw new Error('pool: a block came back that is not leased (given back twice?)')
    this.#leasedBytes -= block.length
    if (this.#options.poison === true) block.fill(POISON_BYTE)
    if (this.#freeBytes + block.length > this.#options.freeBytesMax) return
    this.#listOf(shiftOf(block.length)).push(block)
    this.#freeBytes += block.length
  }

  /** Whether the bound allows `bytes` more, after dropping free blocks of other sizes where that helps. */
  #makeRoom(bytes: number): boolean {
    const { bytesMax } = this.#options
    if (this.#leasedBytes + bytes > bytesMax) return false
    for (let index = this.#free.length - 1; index >= 0; index--) {
      const list = this.#free[index] ?? []
      while (this.#leasedBytes + this.#freeBytes + bytes > bytesMax && list.pop() !== undefined) {
        this.#freeBytes -= 2 ** (index + this.#minShift)
      }
    }
    return true
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
