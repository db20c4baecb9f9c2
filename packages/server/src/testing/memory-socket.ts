/**
 * Owns a socket in memory: what a worker takes for a documented one, with a test at its other end.
 * Must not know: frames.
 * Invariant: what is written is copied before the write is told to be done, since its memory is used again then.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

export interface MemorySocketParts {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  /** The worker has sent bytes. */
  readonly onBytes: (bytes: Uint8Array) => void
  /** The worker has sent its FIN. */
  readonly onEnd: () => void
  /** Nothing goes either way any more. */
  readonly onClosed: () => void
}

export class MemorySocket extends Duplex {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  /** What a socket that can be reset has. */
  readonly localAddress = 'memory'
  bytesWritten = 0
  readonly #parts: MemorySocketParts

  constructor(parts: MemorySocketParts) {
    super({ allowHalfOpen: true })
    const { remoteAddress, remotePort, onClosed } = parts
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
    this.#parts = parts
    this.once('close', onClosed)
  }

  /** As a worker takes it: of a `net.Socket` it uses what is here. */
  get asSocket(): Socket {
    return this as unknown as Socket
  }

  /** The other end sends bytes. */
  arrive(bytes: Uint8Array): void {
    if (!this.destroyed) this.push(bytes)
  }

  /** The other end sends its FIN. */
  arriveEnd(): void {
    if (!this.destroyed) this.push(null)
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  resetAndDestroy(): this {
    return this.destroy()
  }

  override _read(): void {
    // Bytes come when the other end sends them.
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.bytesWritten += chunk.length
    this.#parts.onBytes(new Uint8Array(chunk))
    done()
  }

  override _final(done: (error?: Error) => void): void {
    this.#parts.onEnd()
    done()
  }
}
