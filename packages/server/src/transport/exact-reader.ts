/**
 * Owns reading the first bytes of a socket, exactly as many as are asked for: what follows them stays where it is, for
 * whoever takes the socket next.
 * Must not know: what the bytes mean.
 * Invariant: after `stop`, or an event that ends it, nothing more is told, and a socket that is handed on is as if
 * nobody had read from it.
 */
import type { Socket } from 'node:net'
import { type HandleSink, type RawBinding, type RawHandle, RawHandles } from './raw-handle.ts'

export interface ExactEvents {
  /** memory[0, bytes) came, no more than was wanted. @returns how many are wanted next; 0 ends it */
  onBytes(memory: Uint8Array, bytes: number): number
  /** The peer sent FIN, or is gone. */
  onEnded(): void
}

export interface ExactReader {
  /** Asks for this many bytes. */
  start(wanted: number): void
  stop(): void
}

/** Where raw reads land: each is taken before the next, of whichever socket, begins. */
const CHUNK_BYTES = 512

export class ExactReaders {
  readonly handles: RawHandles | undefined
  readonly chunk = new Uint8Array(CHUNK_BYTES)

  constructor(rawBinding: RawBinding | undefined) {
    this.handles = rawBinding === undefined ? undefined : new RawHandles(rawBinding)
  }

  of(socket: RawHandle | Socket, events: ExactEvents): ExactReader {
    if ('destroy' in socket) return new SocketReader(socket, events)
    if (this.handles === undefined) throw new Error('this process takes documented sockets only')
    return new HandleReader(this.handles, this.chunk, socket, events)
  }
}

class HandleReader implements ExactReader, HandleSink {
  readonly #handles: RawHandles
  readonly #chunk: Uint8Array
  readonly #handle: RawHandle
  readonly #events: ExactEvents
  #reads = false

  constructor(handles: RawHandles, chunk: Uint8Array, handle: RawHandle, events: ExactEvents) {
    this.#handles = handles
    this.#chunk = chunk
    this.#handle = handle
    this.#events = events
  }

  start(wanted: number): void {
    this.#reads = true
    this.#handles.attach(this.#handle, this, this.#room(wanted))
    if (this.#handles.startReading(this.#handle)) return
    this.stop()
    this.#events.onEnded()
  }

  stop(): void {
    if (!this.#reads) return
    this.#reads = false
    this.#handles.stopReading(this.#handle)
  }

  onRead(bytes: number): Uint8Array | undefined {
    if (!this.#reads) return undefined
    const wanted = this.#events.onBytes(this.#chunk, bytes)
    if (wanted > 0) return this.#room(wanted)
    this.stop()
    return undefined
  }
  onEnd(): void {
    this.onBroken()
  }
  onBroken(): void {
    if (!this.#reads) return
    this.stop()
    this.#events.onEnded()
  }
  onWritten(): void {
    // Nothing is written here.
  }
  onFinished(): void {
    // Nothing is written here.
  }
  onClosed(): void {
    // Whoever closed it knows.
  }

  #room(wanted: number): Uint8Array {
    return this.#chunk.subarray(0, Math.min(wanted, CHUNK_BYTES))
  }
}

class SocketReader implements ExactReader {
  readonly #socket: Socket
  readonly #events: ExactEvents
  #wanted = 0

  constructor(socket: Socket, events: ExactEvents) {
    this.#socket = socket
    this.#events = events
    // 'close' follows; without a listener the error would end the process.
    socket.on('error', () => undefined)
  }

  start(wanted: number): void {
    this.#wanted = wanted
    this.#socket.on('readable', this.#readable)
    this.#socket.on('end', this.#ended)
    this.#socket.on('close', this.#ended)
  }

  stop(): void {
    this.#wanted = 0
    this.#socket.off('readable', this.#readable)
    this.#socket.off('end', this.#ended)
    this.#socket.off('close', this.#ended)
  }

  readonly #readable = (): void => {
    while (this.#wanted > 0) {
      const chunk: unknown = this.#socket.read()
      if (!(chunk instanceof Uint8Array)) return
      const taken = this.#feed(chunk)
      // At once, and not when the socket is taken over: Node forgets who listened only in the next tick.
      if (this.#wanted === 0) this.stop()
      if (taken < chunk.length) this.#socket.unshift(chunk.subarray(taken))
    }
  }

  /** @returns how many bytes of the chunk were wanted */
  #feed(chunk: Uint8Array): number {
    let taken = 0
    while (taken < chunk.length && this.#wanted > 0) {
      const part = chunk.subarray(taken, taken + this.#wanted)
      taken += part.length
      this.#wanted = this.#events.onBytes(part, part.length)
    }
    return taken
  }

  readonly #ended = (): void => {
    if (this.#wanted === 0) return
    this.stop()
    this.#events.onEnded()
  }
}
