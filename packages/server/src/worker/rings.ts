/**
 * Owns the rings of a worker: who has one, how large it is, and when it goes back.
 * Must not know: frames, why bytes wait.
 * Invariant: libuv already points behind a ring's last byte when a read callback returns. So a ring is taken, moved,
 * grown and given back only inside a read callback of its own connection (or after the socket is closed); outside, its
 * bytes may be consumed and nothing else. A ring grows when bytes have filled it, towards its frame's end but never by
 * what a header announces alone: a peer holds at most four times what it really sent, or the smallest block.
 */
import { RingBuffer } from '@shardwire/protocol'
import type { Budget } from './budget.ts'
import type { Connection } from './connection.ts'
import type { Counters } from './counters.ts'

/** The smallest ring, in bytes: what a connection costs that is stuck behind the first byte of a frame. */
export const RING_BYTES_MIN = 512
/** A full ring grows fourfold where its frame needs it: half the reads of doubling. */
const GROWTH = 4

export class Rings {
  readonly #budget: Budget
  /** Largest ring, in bytes. */
  readonly #blockBytesMax: number
  readonly #counters: Counters

  constructor(budget: Budget, blockBytesMax: number, counters: Counters) {
    this.#budget = budget
    this.#blockBytesMax = blockBytesMax
    this.#counters = counters
  }

  /**
   * Keeps memory[start, end), which could not be decoded yet, in a ring with room for more.
   * @returns false when the budget allows it no more: then it has been reset
   */
  keep(connection: Connection, memory: Uint8Array, start: number, end: number): boolean {
    const block = this.#budget.lease(
      connection,
      Math.min(this.#blockBytesMax, Math.max(RING_BYTES_MIN, (end - start) * 2)),
    )
    if (block === undefined) return false
    this.#counters.ringsLeased++
    const ring = new RingBuffer(block)
    ring.append(memory, start, end)
    connection.ring = ring
    return true
  }

  /**
   * Makes room behind the waiting bytes of a frame that has `frameBytes` in all (6 until that is known).
   * @returns false when the budget allows it no more: then it has been reset
   */
  makeRoom(connection: Connection, ring: RingBuffer, frameBytes: number): boolean {
    const wanted = Math.min(frameBytes, ring.memory.length)
    if (ring.makeRoom(Math.max(wanted, ring.readableBytes + 1)) && ring.writableBytes > 0) return true
    const { length } = ring.memory
    const grown = Math.max(length * 2, Math.min(frameBytes, length * GROWTH))
    const larger = this.#budget.lease(connection, Math.min(this.#blockBytesMax, grown))
    if (larger === undefined) return false
    this.#budget.release(connection, ring.moveTo(larger))
    return ring.writableBytes > 0
  }

  /**
   * Makes room in the ring of a stream whose messages end where nobody knows: a read has filled it, and the next may
   * bring as much, so it grows towards `bytesMax`.
   */
  widen(connection: Connection, ring: RingBuffer, bytesMax: number): void {
    const { length } = ring.memory
    if (length >= bytesMax) {
      this.makeRoom(connection, ring, 0)
      return
    }
    const larger = this.#budget.lease(connection, Math.min(bytesMax, length * GROWTH))
    if (larger !== undefined) this.#budget.release(connection, ring.moveTo(larger))
  }

  /** Makes the ring hold `bytes` more, whatever it takes. @returns false when it has been reset */
  makeRoomFor(connection: Connection, ring: RingBuffer, bytes: number): boolean {
    const needed = ring.readableBytes + bytes
    if (ring.makeRoom(needed)) return true
    const larger = this.#budget.lease(connection, needed)
    if (larger === undefined) return false
    this.#budget.release(connection, ring.moveTo(larger))
    return true
  }

  /** Gives the ring back, if the connection has one. */
  release(connection: Connection): void {
    const { ring } = connection
    if (ring === null) return
    connection.ring = null
    this.#budget.release(connection, ring.memory)
  }
}
