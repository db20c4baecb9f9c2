/**
 * Owns two connected streams in memory: what is written to one is read from the other, in pieces that a test chooses.
 * Must not know: frames, sockets.
 * Invariant: bytes arrive whole and in order, never in the turn in which they were written; a write is not done before
 * the other end has room for all of it, so backpressure reaches the writer.
 */
import { Duplex } from 'node:stream'
import type { Random } from './random.ts'
import { randomChunks } from './splits.ts'

export interface DuplexPairOptions {
  /** How a write is cut into reads; uncut by default. */
  readonly chunking?: (bytes: Uint8Array) => readonly Uint8Array[]
  /** Bytes that each end buffers before its writer must wait. */
  readonly highWaterMark?: number
}

/** Cuts of 1 to `bytesMax` bytes, for `DuplexPairOptions.chunking`. */
export function randomChunking(random: Random, bytesMax: number): (bytes: Uint8Array) => Uint8Array[] {
  return (bytes) => randomChunks(bytes, random, bytesMax)
}

/** One end of a pair. */
export class DuplexEnd extends Duplex {
  readonly #chunking: (bytes: Uint8Array) => readonly Uint8Array[]
  #other: DuplexEnd | undefined
  /** Continues the other end's write once this one is read from. */
  #continueWriter: (() => void) | undefined
  #hasEnded = false

  constructor(options: DuplexPairOptions) {
    const { highWaterMark } = options
    super({ allowHalfOpen: true, ...(highWaterMark === undefined ? {} : { highWaterMark }) })
    this.#chunking = options.chunking ?? ((bytes) => [bytes])
  }

  /** Connects two ends; called once for each. */
  attach(other: DuplexEnd): void {
    this.#other = other
  }

  /** Ends both at once; the other end sees ECONNRESET. A plain `destroy` is a FIN to it, as with a socket. */
  reset(): void {
    this.destroy()
    process.nextTick(() => this.#other?.destroy(resetError()))
  }

  override _read(): void {
    const continueWriter = this.#continueWriter
    this.#continueWriter = undefined
    if (continueWriter !== undefined) process.nextTick(continueWriter)
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const parts = this.#chunking(new Uint8Array(chunk)).values()
    const writeNext = (): void => {
      const other = this.#other
      const part = parts.next()
      if (other === undefined || other.destroyed) done(resetError())
      else if (part.done === true) done()
      else other.receive(part.value, writeNext)
    }
    process.nextTick(writeNext)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#other?.receiveEnd()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#continueWriter?.()
    process.nextTick(() => this.#other?.receiveEnd())
    done(error)
  }

  /** What the other end sends; for the pair alone. */
  receive(part: Uint8Array, continueWriter: () => void): void {
    if (this.push(Buffer.from(part))) process.nextTick(continueWriter)
    else this.#continueWriter = continueWriter
  }

  /** The other end sends no more; for the pair alone. */
  receiveEnd(): void {
    if (!this.#hasEnded && !this.destroyed) this.push(null)
    this.#hasEnded = true
  }
}

/** Two connected ends. */
export function duplexPair(options: DuplexPairOptions = {}): [DuplexEnd, DuplexEnd] {
  const near = new DuplexEnd(options)
  const far = new DuplexEnd(options)
  near.attach(far)
  far.attach(near)
  return [near, far]
}

function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
}
