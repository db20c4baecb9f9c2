/**
 * Owns the beginning of a message that a read cut, until the reads after it bring the rest.
 * Must not know: connections, what the message says.
 * Invariant: a ring is leased exactly while bytes are kept, and holds no byte behind the message that it waits for.
 */
import { RingBuffer } from '@shardwire/protocol'
import type { BufferPool } from '@shardwire/protocol'

export class CutMessage {
  readonly #pool: BufferPool
  #ring: RingBuffer | null = null
  #bytesNeeded = 0

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /** The ring with what is there, or null while nothing is kept. */
  get ring(): RingBuffer | null {
    return this.#ring
  }

  /** Bytes that are missing, as far as is known: the length of a frame is known from its sixth byte on. */
  get bytesMissing(): number {
    return this.#ring === null ? 0 : this.#bytesNeeded - this.#ring.readableBytes
  }

  /** Begins to wait for a message of `bytesNeeded` bytes, of which memory[start, end) are there. */
  keep(memory: Uint8Array, start: number, end: number, bytesNeeded: number): void {
    this.#ring = new RingBuffer(this.#lease(bytesNeeded))
    this.#bytesNeeded = bytesNeeded
    this.#ring.append(memory, start, end)
  }

  /** Takes what is missing, or as much of it as there is, from memory[start, end). @returns bytes taken */
  fill(memory: Uint8Array, start: number, end: number): number {
    const bytes = Math.min(this.bytesMissing, end - start)
    this.#ring?.append(memory, start, start + bytes)
    return bytes
  }

  /** The message turned out to be longer. */
  needMore(bytesNeeded: number): void {
    const ring = this.#ring
    this.#bytesNeeded = bytesNeeded
    if (ring === null || ring.makeRoom(bytesNeeded)) return
    this.#pool.release(ring.moveTo(this.#lease(bytesNeeded)))
  }

  /** Gives the ring back. */
  drop(): void {
    if (this.#ring !== null) this.#pool.release(this.#ring.memory)
    this.#ring = null
  }

  #lease(bytes: number): Uint8Array {
    const block = this.#pool.lease(bytes)
    // The pool has room for one cut message of every connection: see ringPool.
    if (block === undefined) throw new Error(`the ring pool has no block of ${bytes} bytes`)
    return block
  }
}
