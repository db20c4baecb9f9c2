/**
 * Owns the way out: answers are encoded into the write slab and leave in one write per batch.
 * Must not know: what the frames mean.
 * Invariant: a block that an unfinished write still reads from is *parked* with its connection until the transport has
 * sent everything or is closed. While anything is parked, further answers are copied behind it, so that a peer that
 * does not read holds about as much as is unsent. The read slab is never written: frames that are forwarded are copied
 * first. The slab is `#home`, but while that is parked it is the block that the budget has in reserve for it.
 */
import {
  allocateKernelMemory,
  allocateMemory,
  copyBytes,
  copyInKernel,
  frameBytesOf,
  openFrame,
  sealFrame,
  writeFrame,
} from '@shardwire/protocol'
import type { Budget } from './budget.ts'
import { type Connection, STATE_CLOSED } from './connection.ts'
import type { Counters } from './counters.ts'

/** Room for the answers of one read batch, in bytes. */
export const WRITE_SLAB_BYTES = 131_072
/** Smallest block for answers behind unfinished writes. */
const TAIL_BYTES_MIN = 16_384

const NO_MEMORY: Uint8Array = new Uint8Array(0)

export class Outbound {
  readonly #budget: Budget
  readonly #counters: Counters
  /** A write left bytes pending. */
  readonly #onPending: (connection: Connection) => void
  /** Where forwarded frames are copied to without a view, and checksums computed in place. */
  readonly #home: Uint8Array
  #homeIsParked = false
  #slab: Uint8Array
  /** Bytes of the slab that are written and not yet flushed. */
  #at = 0
  /** Whose they are, and whose the run is; null while there is neither. */
  #owner: Connection | null = null
  /** Whole frames that will leave as they came, not copied yet. */
  #runMemory = NO_MEMORY
  #runStart = 0
  #runEnd = 0

  constructor(budget: Budget, counters: Counters, onPending: (connection: Connection) => void) {
    this.#budget = budget
    this.#counters = counters
    this.#onPending = onPending
    this.#home = allocateKernelMemory(WRITE_SLAB_BYTES) ?? allocateMemory(WRITE_SLAB_BYTES)
    this.#slab = this.#home
  }

  /** Sends one frame, its body copied from source[start, end). */
  send(
    connection: Connection,
    kind: number,
    route: number,
    id: number,
    source: Uint8Array,
    start = 0,
    end = source.length,
  ): void {
    const bytes = frameBytesOf(kind, end - start)
    if (!this.#open(connection, bytes)) return
    this.#counters.framesOut++
    if (bytes <= WRITE_SLAB_BYTES) {
      this.#at = writeFrame(this.#slab, this.#at, kind, route, id, source, start, end)
      return
    }
    const block = this.#budget.lease(connection, bytes)
    if (block === undefined) return
    const body = openFrame(block, 0, kind, route, id)
    copyBytes(source, start, end, block, body)
    sealFrame(block, 0, body + end - start)
    this.#writeBlock(connection, block, bytes)
  }

  /** Sends bytes that are frames already. */
  sendEncoded(connection: Connection, frames: Uint8Array): void {
    this.sendBytes(connection, frames, 0, frames.length)
  }

  /** Sends memory[start, end), which the caller may use again at once. */
  sendBytes(connection: Connection, memory: Uint8Array, start: number, end: number): void {
    this.forward(connection, memory, start, end)
    this.#copyRun()
  }

  /**
   * Sends the frame memory[start, end) as it came. Frames that follow one another are copied as one run, at the latest
   * by the `flush` that ends the batch, before the memory is read into again.
   */
  forward(connection: Connection, memory: Uint8Array, start: number, end: number): void {
    if (this.#owner === connection && this.#runMemory === memory && this.#runEnd === start) {
      this.#runEnd = end
      this.#counters.framesOut++
      return
    }
    if (!this.#own(connection)) return
    this.#counters.framesOut++
    this.#runMemory = memory
    this.#runStart = start
    this.#runEnd = end
  }

  /** Writes what the batch has gathered. */
  flush(): void {
    if (this.#owner === null) return
    this.#copyRun()
    this.#writeSlab()
    this.#owner = null
    this.#goHome()
  }

  /** Takes back the blocks of a connection whose writes have all finished, or that is closed. */
  reclaim(connection: Connection): void {
    const { parked } = connection
    if (parked === null) return
    connection.parked = null
    for (const block of parked.blocks) {
      if (block === this.#home) this.#homeIsParked = false
      else this.#budget.release(connection, block)
    }
    this.#goHome()
  }

  /** Gives back the reserve that stood in for the slab, once that is free again and nothing stands in the other. */
  #goHome(): void {
    if (this.#slab === this.#home || this.#homeIsParked || this.#owner !== null) return
    this.#budget.releaseReserve(this.#slab)
    this.#slab = this.#home
  }

  /** Makes the slab this connection's, with room for `bytes`, or empty where a slab cannot hold so many. */
  #open(connection: Connection, bytes: number): boolean {
    if (!this.#own(connection)) return false
    if (this.#at + bytes > WRITE_SLAB_BYTES) this.#writeSlab()
    return true
  }

  /** Makes slab and run this connection's, the run copied. @returns false when nothing can be sent to it */
  #own(connection: Connection): boolean {
    if (this.#owner !== connection) this.flush()
    else this.#copyRun()
    if (connection.state === STATE_CLOSED || !connection.transport.isWritable) return false
    this.#owner = connection
    return true
  }

  #copyRun(): void {
    const connection = this.#owner
    const memory = this.#runMemory
    const start = this.#runStart
    const end = this.#runEnd
    if (connection === null || start === end) return
    this.#runMemory = NO_MEMORY
    this.#runStart = this.#runEnd = 0
    if (!connection.transport.isWritable) return
    const bytes = end - start
    if (this.#at + bytes > WRITE_SLAB_BYTES) this.#writeSlab()
    if (bytes <= WRITE_SLAB_BYTES) {
      if (!copyInKernel(memory, start, end, this.#slab, this.#at)) copyBytes(memory, start, end, this.#slab, this.#at)
      this.#at += bytes
      return
    }
    const block = this.#budget.lease(connection, bytes)
    if (block === undefined) return
    copyBytes(memory, start, end, block, 0)
    this.#writeBlock(connection, block, bytes)
  }

  /** Writes the slab out. One that is still read from is parked, and another taken. */
  #writeSlab(): void {
    const connection = this.#owner
    const bytes = this.#at
    this.#at = 0
    // One that was reset meanwhile gets nothing, and no block that another would be shed for.
    if (connection === null || bytes === 0 || !connection.transport.isWritable) return
    if (connection.parked !== null) return this.#writeBehind(connection, connection.parked, bytes)
    const slab = this.#slab
    if (!this.#write(connection, slab, 0, bytes)) return
    connection.parked = { blocks: [slab], tailBytes: bytes }
    if (slab === this.#home) {
      this.#homeIsParked = true
      this.#slab = this.#budget.leaseReserve()
    } else this.#slab = this.#budget.swapReserve(connection)
    this.#onPending(connection)
  }

  /** Copies the slab behind what is parked, and writes it from there: the slab stays. */
  #writeBehind(connection: Connection, parked: { blocks: Uint8Array[]; tailBytes: number }, bytes: number): void {
    let tail = parked.blocks.at(-1)
    if (tail === undefined || tail.length - parked.tailBytes < bytes) {
      tail = this.#budget.lease(connection, Math.max(bytes, TAIL_BYTES_MIN))
      if (tail === undefined) return
      parked.blocks.push(tail)
      parked.tailBytes = 0
    }
    const start = parked.tailBytes
    parked.tailBytes += bytes
    copyBytes(this.#slab, 0, bytes, tail, start)
    this.#write(connection, tail, start, parked.tailBytes)
    this.#onPending(connection)
  }

  /** Writes a block of its own: given back at once, or parked. */
  #writeBlock(connection: Connection, block: Uint8Array, bytes: number): void {
    if (!this.#write(connection, block, 0, bytes)) return this.#budget.release(connection, block)
    connection.parked ??= { blocks: [], tailBytes: 0 }
    connection.parked.blocks.push(block)
    connection.parked.tailBytes = bytes
    this.#onPending(connection)
  }

  /** @returns whether the memory is still read from */
  #write(connection: Connection, block: Uint8Array, start: number, end: number): boolean {
    const { transport } = connection
    if (!transport.isWritable) return false
    this.#counters.writes++
    this.#counters.bytesOut += end - start
    return !transport.write(block, start, end)
  }
}
