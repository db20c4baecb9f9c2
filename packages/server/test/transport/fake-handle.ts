/** Owns a raw handle in memory: a kernel with as much room as a test gives it, and a log of what was asked of it. */
import type { RawBinding, RawHandle } from '../../src/transport/raw-handle.ts'

const UV_EOF = -4095
const UV_ECONNRESET = -104

interface FakeWrite {
  readonly memory: Uint8Array
  /** Bytes of it that the kernel has. */
  taken: number
  oncomplete: (this: FakeWrite, status: number) => void
  writeStatus: number | null
}

interface FakeShutdown {
  oncomplete: (this: FakeShutdown, status: number) => void
}

/** The binding that the handles below report through. */
export const fakeBinding = {
  ShutdownWrap: class {
    oncomplete = (): void => undefined
  },
  streamBaseState: new Int32Array(2),
  kReadBytesOrError: 0,
  kLastWriteErr: 1,
} as unknown as RawBinding

export class FakeHandle {
  /** What was called, in order; arguments only where a test wants to see them. */
  readonly log: string[] = []
  /** Bytes that the kernel takes without a pause. */
  room = Number.POSITIVE_INFINITY
  /** What `writeBuffer` reports instead of writing. */
  writeError = 0
  /** What the next `shutdown` answers at once. */
  shutdownStatus = 0
  reading = false
  onread: (this: unknown) => Uint8Array | undefined = () => undefined
  #landing = new Uint8Array(0)
  readonly #sent: Uint8Array[] = []
  #writes: FakeWrite[] = []
  #shutdown: FakeShutdown | undefined
  #onClosed: ((this: unknown) => void) | undefined

  /** As the code under test takes it. */
  get asRaw(): RawHandle {
    return this as unknown as RawHandle
  }
  /** All that the kernel took. */
  get sent(): Buffer {
    return Buffer.concat(this.#sent)
  }
  /** Writes that were made in all. */
  writes = 0
  /** Writes that have not finished. */
  get pendingWrites(): number {
    return this.#writes.length
  }
  get writeQueueSize(): number {
    return this.#writes.reduce((sum, { memory, taken }) => sum + memory.length - taken, 0)
  }

  useUserBuffer(memory: Uint8Array<ArrayBuffer>): void {
    this.#landing = memory
  }
  readStart(): number {
    this.reading = true
    return 0
  }
  readStop(): number {
    this.reading = false
    return 0
  }
  writeBuffer(_request: null, memory: Uint8Array): number | FakeWrite {
    this.writes++
    fakeBinding.streamBaseState[fakeBinding.kLastWriteErr] = this.writeError
    if (this.writeError !== 0) return this.writeError
    const write: FakeWrite = { memory, taken: 0, oncomplete: () => undefined, writeStatus: null }
    if (this.#writes.length === 0) this.#takeOf(write)
    if (write.taken === memory.length) return 0
    this.#writes.push(write)
    return write
  }
  shutdown(request: FakeShutdown): number {
    this.log.push('shutdown')
    if (this.shutdownStatus === 0) this.#shutdown = request
    return this.shutdownStatus
  }
  reset(onClosed: (this: unknown) => void): number {
    this.log.push('reset')
    return this.#closing(onClosed)
  }
  close(onClosed: (this: unknown) => void): void {
    this.log.push('close')
    this.#closing(onClosed)
  }
  setNoDelay(on: boolean): number {
    this.log.push(`nodelay ${on}`)
    return 0
  }
  setKeepAlive(on: boolean, delayS: number, intervalS: number, probes: number): number {
    this.log.push(`keepalive ${on} ${delayS} ${intervalS} ${probes}`)
    return 0
  }
  getpeername(out: { address?: string; port?: number }): number {
    out.address = '192.0.2.1'
    out.port = 4711
    return 0
  }

  /** Bytes come from the peer, in as many reads as the memory for them asks for. Throws when nobody reads. */
  arrive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (!this.reading) throw new Error(`nobody reads: ${bytes.length - at} bytes are left`)
      const part = bytes.subarray(at, at + this.#landing.length)
      if (part.length === 0) throw new Error('a read has nowhere to land')
      this.#landing.set(part)
      at += part.length
      this.#report(part.length)
    }
  }
  /** FIN comes. */
  arriveEnd(): void {
    this.reading = false
    this.#report(UV_EOF)
  }
  /** A reset comes. */
  arriveReset(): void {
    this.#report(UV_ECONNRESET)
  }
  /** The kernel has room for more: what waits is taken, and its writers are told. */
  take(bytes = Number.POSITIVE_INFINITY): void {
    this.room += bytes
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      this.#takeOf(write)
      if (write.taken < write.memory.length) return
      this.#writes.shift()
      write.oncomplete(0)
    }
  }
  /** Every write that waits fails. */
  failWrites(status = UV_ECONNRESET): void {
    for (const write of this.#writes.splice(0)) write.oncomplete(status)
  }
  /** Our FIN leaves. */
  finLeaves(status = 0): void {
    const shutdown = this.#shutdown
    this.#shutdown = undefined
    shutdown?.oncomplete(status)
  }
  /** The close that was asked for is done; writes that wait are cancelled before, as libuv does. */
  closes(): void {
    const onClosed = this.#onClosed
    if (onClosed === undefined) throw new Error('nobody asked to close')
    this.#onClosed = undefined
    this.failWrites()
    onClosed.call(this)
  }

  #closing(onClosed: (this: unknown) => void): number {
    if (this.#onClosed !== undefined) throw new Error('closed twice')
    this.reading = false
    this.#onClosed = onClosed
    return 0
  }
  #report(status: number): void {
    fakeBinding.streamBaseState[fakeBinding.kReadBytesOrError] = status
    const next = this.onread.call(this)
    if (next !== undefined) this.#landing = next as Uint8Array<ArrayBuffer>
  }
  #takeOf(write: FakeWrite): void {
    const bytes = Math.min(this.room, write.memory.length - write.taken)
    // Copied now, not when it was written: memory that was overwritten meanwhile shows.
    this.#sent.push(new Uint8Array(write.memory.subarray(write.taken, write.taken + bytes)))
    write.taken += bytes
    this.room -= bytes
  }
}
