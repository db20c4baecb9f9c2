/**
 * Owns the bytes that wait to be sent to the target: memory of its own, in blocks, under one bound.
 * Must not know: sockets, what the bytes mean.
 * Invariant: heldBytes <= bytesMax, counted by what blocks take, not by what is in them. Bytes that are being written
 * do not change until they are taken; frames may be added behind them. A frame never stands in two blocks.
 */
import { allocateMemory } from '@shardwire/protocol'

/** A frame that is larger gets a block of its own. */
export const QUEUE_BLOCK_BYTES = 65_536
/** Empty blocks kept: the one that is written and the one that is filled change places. */
const SPARE_BLOCKS = 2

interface Block {
  readonly memory: Uint8Array
  /** Bytes that are written into it. */
  end: number
  /** Bytes of them that have been taken. */
  taken: number
  /** Frames in it that are counted. */
  frames: number
}

export class SendQueue {
  readonly #bytesMax: number
  readonly #spare: Block[] = []
  /** In the order of sending; frames are added to the last. */
  readonly #blocks: Block[] = []
  #heldBytes = 0
  #isWriting = false

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes of all blocks that hold something. */
  get heldBytes(): number {
    return this.#heldBytes
  }
  get isEmpty(): boolean {
    return this.#blocks.length === 0
  }

  /** Room for a frame, which is written at `end` of the memory and then committed. @returns undefined when full */
  reserve(bytes: number): { readonly memory: Uint8Array; readonly end: number } | undefined {
    const last = this.#blocks.at(-1)
    if (last !== undefined && last.memory.length - last.end >= bytes) return last
    const blockBytes = Math.max(bytes, QUEUE_BLOCK_BYTES)
    if (this.#heldBytes + blockBytes > this.#bytesMax) return undefined
    this.#heldBytes += blockBytes
    const spare = blockBytes === QUEUE_BLOCK_BYTES ? this.#spare.pop() : undefined
    const block = spare ?? { memory: allocateMemory(blockBytes), end: 0, taken: 0, frames: 0 }
    this.#blocks.push(block)
    return block
  }

  /** The bytes that were reserved last are written. @param counted 0 for what is no mirrored frame */
  commit(bytes: number, counted: 0 | 1): void {
    const last = this.#blocks.at(-1)
    if (last === undefined) throw new Error('queue: nothing was reserved')
    last.end += bytes
    last.frames += counted
  }

  /** What is to be written next, `bytesMax` of it at most; undefined while a write is under way, or nothing waits. */
  next(bytesMax: number): Uint8Array | undefined {
    const [first] = this.#blocks
    if (first === undefined || this.#isWriting) return undefined
    this.#isWriting = true
    const { memory, taken, end } = first
    return new Uint8Array(memory.buffer, memory.byteOffset + taken, Math.min(bytesMax, end - taken))
  }

  /** The last `next`, so many bytes, has been taken. @returns the frames that were thereby sent whole */
  taken(bytes: number): number {
    const [first] = this.#blocks
    this.#isWriting = false
    if (first === undefined) throw new Error('queue: nothing was being written')
    first.taken += bytes
    if (first.taken < first.end) return 0
    this.#blocks.shift()
    return this.#free(first)
  }

  /** Drops the blocks of which nothing is being written. @returns the frames dropped */
  dropWaiting(): number {
    return this.#blocks.splice(this.#isWriting ? 1 : 0).reduce((sum, block) => sum + this.#free(block), 0)
  }

  /** Drops everything: its memory may still be read from, and is not used again. @returns the frames dropped */
  abandon(): number {
    this.#heldBytes = 0
    return this.#blocks.splice(0).reduce((sum, { frames }) => sum + frames, 0)
  }

  /** @returns the frames that were in it */
  #free(block: Block): number {
    const { frames, memory } = block
    this.#heldBytes -= memory.length
    block.end = block.taken = block.frames = 0
    if (memory.length === QUEUE_BLOCK_BYTES && this.#spare.length < SPARE_BLOCKS) this.#spare.push(block)
    return frames
  }
}
