/**
 * Owns the way out: answers are encoded into the write slab and leave in one write per batch.
 * Must not know: what the frames mean.
 * Invariant: a block that an unfinished write still reads from is *parked* with its connection until the socket has
 * sent everything ('drain') or is closed; the slab is reused only after a write that left nothing pending. The read
 * slab is never written: a run of frames that is forwarded is copied here first.
 */
import { type BufferPool, copyBytes, frameBytesOf, openFrame, sealFrame, writeFrame } from '@shardwire/protocol'
import { type Connection, STATE_CLOSED } from './connection.ts'
import type { Counters } from './counters.ts'

/** Room for the answers of one read batch, in bytes: as much as the read slab brings, and the ids' answers. */
export const WRITE_SLAB_BYTES = 65_536

export interface OutboundHooks {
  /** A write left bytes pending. */
  onPending(connection: Connection): void
  /** The pool allows no block for what must be sent. */
  onNoMemory(connection: Connection): void
}

const NO_MEMORY: Uint8Array = new Uint8Array(0)

export class Outbound {
  readonly #pool: BufferPool
  readonly #counters: Counters
  readonly #hooks: OutboundHooks
  /** NO_MEMORY while none is leased: at the beginning, and after one was parked. */
  #slab = NO_MEMORY
  /** Bytes of the slab that are written and not yet flushed. */
  #at = 0
  /** Whose they are; null while the slab is empty. */
  #owner: Connection | null = null
  /** Whole frames that will leave as they came, not copied yet. */
  #runMemory = NO_MEMORY
  #runStart = 0
  #runEnd = 0

  constructor(pool: BufferPool, counters: Counters, hooks: OutboundHooks) {
    this.#pool = pool
    this.#counters = counters
    this.#hooks = hooks
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
    if (bytes > WRITE_SLAB_BYTES) return this.#sendLarge(connection, kind, route, id, source, start, end, bytes)
    this.#at = writeFrame(this.#slab, this.#at, kind, route, id, source, start, end)
  }

  /** Sends bytes that are frames already. */
  sendEncoded(connection: Connection, frames: Uint8Array): void {
    this.forward(connection, frames, 0, frames.length)
    this.#copyRun()
  }

  /**
   * Sends the frame memory[start, end) as it came. Frames that follow one another are copied as one run, at the latest
   * by the `flush` that ends the batch, before the memory is read into again.
   */
  forward(connection: Connection, memory: Uint8Array, start: number, end: number): void {
    if (this.#owner === connection && this.#runMemory === memory && this.#runEnd === start) {
      this.#runEnd = end
      return
    }
    if (this.#owner !== connection && !this.#own(connection)) return
    this.#copyRun()
    this.#runMemory = memory
    this.#runStart = start
    this.#runEnd = end
  }

  /** Writes what the batch has gathered. */
  flush(): void {
    if (this.#owner === null) return
    this.#copyRun()
    this.#writeOut()
    this.#owner = null
  }

  /** Takes back the blocks of a connection whose writes have all finished, or that is closed. */
  reclaim(connection: Connection): void {
    const { parked } = connection
    if (parked === null) return
    connection.parked = null
    for (const block of parked) this.#pool.release(block)
  }

  /** Makes the slab this connection's, with room for `bytes` unless they are more than a slab holds. */
  #open(connection: Connection, bytes: number): boolean {
    if (this.#owner !== connection && !this.#own(connection)) return false
    this.#copyRun()
    if (this.#at + bytes > WRITE_SLAB_BYTES) this.#writeOut()
    return this.#ready(connection)
  }

  #own(connection: Connection): boolean {
    this.flush()
    if (connection.state === STATE_CLOSED || !connection.transport.isWritable) return false
    this.#owner = connection
    return this.#ready(connection)
  }

  /** Sees to it that there is a slab. */
  #ready(connection: Connection): boolean {
    if (this.#owner !== connection) return false
    if (this.#slab.length > 0) return true
    this.#slab = this.#pool.lease(WRITE_SLAB_BYTES) ?? NO_MEMORY
    if (this.#slab.length > 0) return true
    this.#owner = null
    this.#hooks.onNoMemory(connection)
    return false
  }

  #copyRun(): void {
    const bytes = this.#runEnd - this.#runStart
    if (bytes === 0) return
    const memory = this.#runMemory
    const start = this.#runStart
    this.#runMemory = NO_MEMORY
    this.#runStart = this.#runEnd = 0
    if (this.#at + bytes > WRITE_SLAB_BYTES) this.#writeOut()
    if (bytes > WRITE_SLAB_BYTES) return this.#copyLarge(memory, start, start + bytes)
    if (this.#owner === null || !this.#ready(this.#owner)) return
    copyBytes(memory, start, start + bytes, this.#slab, this.#at)
    this.#at += bytes
  }

  #copyLarge(memory: Uint8Array, start: number, end: number): void {
    const connection = this.#owner
    const block = connection === null ? undefined : this.#leaseLarge(connection, end - start)
    if (connection === null || block === undefined) return
    copyBytes(memory, start, end, block, 0)
    this.#write(connection, block, end - start)
  }

  #sendLarge(
    connection: Connection,
    kind: number,
    route: number,
    id: number,
    source: Uint8Array,
    start: number,
    end: number,
    bytes: number,
  ): void {
    this.#writeOut()
    const block = this.#leaseLarge(connection, bytes)
    if (block === undefined) return
    const body = openFrame(block, 0, kind, route, id)
    copyBytes(source, start, end, block, body)
    sealFrame(block, 0, body + end - start)
    this.#write(connection, block, bytes)
  }

  #leaseLarge(connection: Connection, bytes: number): Uint8Array | undefined {
    const block = this.#pool.lease(bytes)
    if (block === undefined) this.#hooks.onNoMemory(connection)
    return block
  }

  /** Writes the slab out; a slab that is still being read from is parked, and another taken. */
  #writeOut(): void {
    const connection = this.#owner
    const bytes = this.#at
    if (connection === null || bytes === 0) return
    this.#at = 0
    const slab = this.#slab
    if (this.#write(connection, slab, bytes, false)) this.#slab = NO_MEMORY
  }

  /** @returns whether the block is parked now */
  #write(connection: Connection, block: Uint8Array, bytes: number, leased = true): boolean {
    const { transport } = connection
    if (!transport.isWritable) {
      if (leased) this.#pool.release(block)
      return false
    }
    this.#counters.writes++
    this.#counters.bytesOut += bytes
    if (transport.write(block, bytes)) {
      if (leased) this.#pool.release(block)
      return false
    }
    connection.parked ??= []
    connection.parked.push(block)
    this.#hooks.onPending(connection)
    return true
  }
}
