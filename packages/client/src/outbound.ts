/**
 * Owns the way from frames to the socket: frames of one tick leave in one write, and what the kernel does not take
 * waits here, counted.
 * Must not know: what a frame is for, who waits for an answer.
 * Invariant: bytes leave in the order of the calls. What the socket still holds is never written again, nor given back.
 */
import {
  allocateMemory,
  copyBytes,
  FLAG_META,
  frameBytesOf,
  META_LENGTH_BYTES,
  openFrame,
  sealFrame,
  writeU16,
} from '@shardwire/protocol'
import type { Writable } from 'node:stream'
import { ClientError } from './client-error.ts'
import { BLOCK_BYTES, NO_BLOCK, writeBlocks } from './write-blocks.ts'
import type { WriteBlocks } from './write-blocks.ts'

export interface OutboundOptions {
  /** Who is written to, for messages. */
  readonly target: string
  /** From this many bytes on, callers are asked to wait. */
  readonly highWaterBytes: number
  /** Most bytes that may wait. */
  readonly maxBufferedBytes: number
}

const NO_BYTES: Uint8Array = new Uint8Array(0)
/**
 * Who sends little at a time writes it into a block and keeps nothing. Who sends more than that has a slab of its own,
 * which doubles up to where a write costs least.
 */
const SLAB_BYTES_MIN = 2048
const SLAB_BYTES_MAX = 65_536

export class Outbound {
  readonly #socket: Writable
  readonly #options: OutboundOptions
  readonly #blocks: WriteBlocks
  /** What is full, waiting for the next write. */
  #filled: Uint8Array[] = []
  #filledBytes = 0
  /** Frames are written to slab[slabUsed, slabEnd); slab[slabStart, slabUsed) waits for the next write. */
  #slab: Uint8Array = NO_BYTES
  #slabStart = 0
  #slabUsed = 0
  #slabEnd = 0
  #slabBytesNext = SLAB_BYTES_MIN
  /** One that is free. */
  #spareSlab: Uint8Array = NO_BYTES
  /** The block that holds what is not sent, if there is one: behind it comes a slab. */
  #held = NO_BLOCK
  /** The last write was more than a block. */
  #sendsMuch = false
  /** Bytes that the socket was given. */
  #bytesWritten = 0
  #isFlushDue = false
  #isEnded = false
  #drained: PromiseWithResolvers<void> | undefined
  readonly #onWritten: (error?: Error | null) => void

  constructor(socket: Writable, options: OutboundOptions, blocks = writeBlocks()) {
    this.#socket = socket
    this.#options = options
    this.#blocks = blocks
    // One function for all writes of the connection. An error is told by the socket's own event.
    this.#onWritten = (error) => {
      if (!(error instanceof Error)) this.#afterWrite()
    }
  }

  /** Bytes that the kernel has not taken. */
  get bytesUnsent(): number {
    return this.#bytesHere + this.#socket.writableLength
  }

  /** Bytes that the socket has not been given. */
  get #bytesHere(): number {
    return this.#filledBytes + this.#slabUsed - this.#slabStart
  }

  /** While bytes wait: a number that changes as the system takes them. Undefined while none wait. */
  get progress(): number | undefined {
    if (this.bytesUnsent === 0) return undefined
    return this.#bytesWritten - this.#socket.writableLength - queuedBelow(this.#socket)
  }

  /** Whether a caller may go on without waiting for `drained`. */
  get isBelowHighWater(): boolean {
    return this.bytesUnsent < this.#options.highWaterBytes
  }

  /** Whether frames wait for the write that ends this turn. */
  get isFlushDue(): boolean {
    return this.#isFlushDue
  }

  /** Throws a ClientError BACKLOG_FULL unless `bytes` more may wait. */
  assertRoom(bytes: number): void {
    if (this.hasRoom(bytes)) return
    throw new ClientError('BACKLOG_FULL', `${this.bytesUnsent} bytes wait for ${this.#options.target} to read`)
  }

  /** Whether `bytes` more may wait. */
  hasRoom(bytes: number): boolean {
    return this.bytesUnsent + bytes <= this.#options.maxBufferedBytes
  }

  /**
   * Writes one frame; all is copied. Behind `end` or `fail` it is dropped.
   * @param meta an encoded metadata map, or no bytes for none
   */
  frame(kind: number, route: number, id: number, meta: Uint8Array, body: Uint8Array): void {
    if (this.#isEnded) return
    const metaBytes = meta.length === 0 ? 0 : META_LENGTH_BYTES + meta.length
    const start = this.#reserve(frameBytesOf(kind, metaBytes + body.length))
    const slab = this.#slab
    let at = openFrame(slab, start, kind, route, id)
    if (metaBytes > 0) {
      writeU16(slab, start, FLAG_META | (kind << 12) | route)
      writeU16(slab, at, meta.length)
      copyBytes(meta, 0, meta.length, slab, at + META_LENGTH_BYTES)
      at += metaBytes
    }
    // Of a whole array: no view is made for it. One whose memory is gone has no bytes, and cannot be copied from.
    if (body.length > 0) slab.set(body, at)
    this.#slabUsed = sealFrame(slab, start, at + body.length)
    this.#scheduleFlush()
  }

  /**
   * Writes frames that are encoded already, and must not change any more: what is the first to be sent leaves as it is,
   * so that a connection on which nothing but HELLO is said needs no memory for it.
   */
  bytes(frames: Uint8Array): void {
    if (this.#isEnded) return
    if (this.#bytesWritten === 0 && this.#bytesHere === 0) {
      this.#filled.push(frames)
      this.#filledBytes = frames.length
      this.#scheduleFlush()
      return
    }
    const start = this.#reserve(frames.length)
    copyBytes(frames, 0, frames.length, this.#slab, start)
    this.#slabUsed = start + frames.length
    this.#scheduleFlush()
  }

  /** Settles once less than highWaterBytes wait. Rejects with what `fail` is given. */
  async drained(): Promise<void> {
    if (this.isBelowHighWater) return
    this.#drained ??= Promise.withResolvers()
    await this.#drained.promise
  }

  /** Hands over everything that waits, then FIN. */
  end(): void {
    if (this.#isEnded) return
    this.#writeAll()
    this.#isEnded = true
    this.#socket.end()
  }

  /** Nothing more is sent; what waits is given up. */
  fail(error: Error): void {
    this.#isEnded = true
    this.#filled = []
    this.#filledBytes = 0
    this.#spareSlab = NO_BYTES
    this.#leaveSlab()
    this.#drained?.reject(error)
    this.#drained = undefined
  }

  /** The socket holds nothing any more. The block is another's from here: what was not sent must not stand in it. */
  release(): void {
    if (this.#held === NO_BLOCK) return
    if (this.#slab === this.#blocks.memory) this.#leaveSlab()
    this.#blocks.give(this.#held)
    this.#held = NO_BLOCK
  }

  /** Room for `bytes` in the slab. @returns the offset to write at */
  #reserve(bytes: number): number {
    if (this.#slabUsed + bytes > this.#slabEnd) {
      this.#retireSlab()
      const isForBlock = bytes <= BLOCK_BYTES && !this.#sendsMuch && this.#held === NO_BLOCK
      const block = isForBlock ? this.#blocks.take() : NO_BLOCK
      if (block === NO_BLOCK) this.#useSlab(bytes)
      else {
        this.#held = block
        this.#slab = this.#blocks.memory
        this.#slabStart = this.#slabUsed = block
        this.#slabEnd = block + BLOCK_BYTES
      }
    }
    return this.#slabUsed
  }

  #useSlab(bytes: number): void {
    let slab = this.#spareSlab
    if (slab.length < bytes) {
      slab = allocateMemory(Math.max(bytes, this.#slabBytesNext))
      this.#slabBytesNext = Math.min(SLAB_BYTES_MAX, this.#slabBytesNext * 2)
    }
    this.#spareSlab = NO_BYTES
    this.#slab = slab
    this.#slabStart = this.#slabUsed = 0
    this.#slabEnd = slab.length
  }

  #retireSlab(): void {
    const bytes = this.#slabUsed - this.#slabStart
    if (bytes > 0) {
      this.#filled.push(this.#slab.subarray(this.#slabStart, this.#slabUsed))
      this.#filledBytes += bytes
    }
    this.#leaveSlab()
  }

  #leaveSlab(): void {
    this.#slab = NO_BYTES
    this.#slabStart = this.#slabUsed = this.#slabEnd = 0
  }

  #scheduleFlush(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    // Not a microtask: the continuations of all answers of one read add to the same write.
    process.nextTick(flush, this)
  }

  /** For `flush` alone. */
  flushDue(): void {
    this.#isFlushDue = false
    // While the kernel is full frames gather here, and leave together once it takes more.
    if (this.#socket.writableLength === 0) this.#writeAll()
  }

  #writeAll(): void {
    const bytes = this.#bytesHere
    if (this.#isEnded || bytes === 0) return
    const socket = this.#socket
    this.#bytesWritten += bytes
    this.#sendsMuch = bytes > BLOCK_BYTES
    const slab = this.#slab
    const rest = this.#slabUsed > this.#slabStart ? slab.subarray(this.#slabStart, this.#slabUsed) : undefined
    this.#leaveSlab()
    const filled = this.#filled
    if (filled.length === 0 && rest !== undefined) socket.write(rest, this.#onWritten)
    else {
      this.#filled = []
      this.#filledBytes = 0
      if (rest !== undefined) filled.push(rest)
      if (filled.length > 1) socket.cork()
      for (const part of filled) socket.write(part, this.#onWritten)
      if (filled.length > 1) socket.uncork()
    }
    // Taken whole, all of it is free at once; else it is the socket's. A slab made for a large frame is not kept.
    if (socket.writableLength > 0) return
    this.release()
    if (slab === this.#blocks.memory || slab.length > SLAB_BYTES_MAX) return
    if (slab.length > this.#spareSlab.length) this.#spareSlab = slab
  }

  #afterWrite(): void {
    if (this.#socket.writableLength === 0) {
      // What waits here stands in blocks too, and leaves now.
      if (this.#bytesHere === 0) this.release()
      else this.#writeAll()
    }
    if (this.#drained !== undefined && this.isBelowHighWater) {
      this.#drained.resolve()
      this.#drained = undefined
    }
  }
}

/**
 * Bytes of the write under way that the system has not taken. A socket tells of a write only when it is done, and one
 * may be megabytes; what Node keeps below it is not documented, and counts as nothing where it is not there.
 */
function queuedBelow(socket: Writable): number {
  const handle: unknown = Reflect.get(socket, '_handle')
  const queued: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'writeQueueSize') : 0
  return typeof queued === 'number' ? queued : 0
}

function flush(outbound: Outbound): void {
  outbound.flushDue()
}
