/**
 * Owns the bytes of one stream while a frame of it is cut: what came so far, and where the next read may land.
 * Must not know: frames, sockets, where its memory came from.
 * Invariant: 0 <= head <= tail <= memory.length, and [head, tail) is always one contiguous run. The ring wraps by
 * carrying the unread run to the front, so a frame never straddles the seam and is decoded and handed on in place; at
 * most one cut frame moves per lap.
 */
import { copyBytes } from './bytes.ts'

export class RingBuffer {
  #memory: Uint8Array
  #head = 0
  #tail = 0

  /** @param memory leased for the life of the ring; the ring never frees it */
  constructor(memory: Uint8Array) {
    this.#memory = memory
  }

  get memory(): Uint8Array {
    return this.#memory
  }
  /** Offset of the first unread byte. */
  get head(): number {
    return this.#head
  }
  /** Offset behind the last unread byte: here the next read lands. */
  get tail(): number {
    return this.#tail
  }
  get readableBytes(): number {
    return this.#tail - this.#head
  }
  /** Bytes that the next read may write at `tail`. */
  get writableBytes(): number {
    return this.#memory.length - this.#tail
  }

  /** Copies source[start, end) behind the unread bytes. Throws a RangeError when they do not fit: see `makeRoom`. */
  append(source: Uint8Array, start: number, end: number): void {
    if (end - start > this.writableBytes) {
      throw new RangeError(`ring: ${end - start} bytes do not fit into the ${this.writableBytes} that are writable`)
    }
    copyBytes(source, start, end, this.#memory, this.#tail)
    this.#tail += end - start
  }

  /** Counts `bytes` that somebody else wrote at `tail`. */
  commit(bytes: number): void {
    if (bytes < 0 || bytes > this.writableBytes) throw new RangeError(`ring: cannot commit ${bytes} bytes`)
    this.#tail += bytes
  }

  /** Gives up the first `bytes` unread bytes. Nothing moves: a read under way still lands at `tail`. */
  consume(bytes: number): void {
    if (bytes < 0 || bytes > this.readableBytes) throw new RangeError(`ring: cannot consume ${bytes} bytes`)
    this.#head += bytes
  }

  /**
   * Makes `bytes` unread bytes, counted from `head`, fit into the memory, by carrying what is there to the front.
   * @returns false when the memory is smaller than `bytes`: the owner then moves to a larger one (`moveTo`)
   */
  makeRoom(bytes: number): boolean {
    if (this.#head + bytes <= this.#memory.length) return true
    if (bytes > this.#memory.length) return false
    this.#memory.copyWithin(0, this.#head, this.#tail)
    this.#tail -= this.#head
    this.#head = 0
    return true
  }

  /** Carries the unread bytes to the front of other memory and goes on there. @returns the memory it had */
  moveTo(memory: Uint8Array): Uint8Array {
    if (memory.length < this.readableBytes) {
      throw new RangeError(`ring: ${this.readableBytes} unread bytes do not fit into ${memory.length}`)
    }
    const before = this.#memory
    copyBytes(before, this.#head, this.#tail, memory, 0)
    this.#memory = memory
    this.#tail -= this.#head
    this.#head = 0
    return before
  }
}
