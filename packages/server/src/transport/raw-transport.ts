/**
 * Owns one connected socket as a raw handle: the fast way, without a `net.Socket`.
 * Must not know: frames; how a handle is called is `raw-handle.ts`.
 * Invariant: reads land where the last `onLanded` said; a block is free when every write before it has finished.
 */
import { viewOf } from '@shardwire/protocol'
import { type HandleSink, RawHandles, type RawBinding, type RawHandle } from './raw-handle.ts'
import type { SocketSettings, Transport, TransportEvents } from './transport.ts'

const OPEN = 0
/** FIN was asked for. */
const ENDING = 1
const FINISHED = 2
/** The handle is being closed. */
const CLOSING = 3

/** What all raw transports of a worker share. */
export class RawTransports<Owner> {
  readonly handles: RawHandles
  readonly events: TransportEvents<Owner>
  /** Where reads land unless told otherwise. */
  readonly #slab: Uint8Array
  /** The view made last, and what of. */
  #view: Uint8Array = new Uint8Array(0)
  #viewed: Uint8Array | null = null
  #viewStart = 0
  #viewEnd = 0

  constructor(binding: RawBinding, events: TransportEvents<Owner>, slab: Uint8Array) {
    this.handles = new RawHandles(binding)
    this.events = events
    this.#slab = slab
  }

  /** block[start, end). Answers of one size follow one another: the last view often serves again. */
  view(block: Uint8Array, start: number, end: number): Uint8Array {
    if (block !== this.#viewed || start !== this.#viewStart || end !== this.#viewEnd) {
      this.#viewed = block
      this.#viewStart = start
      this.#viewEnd = end
      this.#view = viewOf(block, start, end)
    }
    return this.#view
  }

  /** A transport over a handle that nobody has read from. */
  adopt(handle: RawHandle, settings: SocketSettings): Transport<Owner> {
    const transport = new RawTransport(this, handle)
    const { nodelay, keepaliveMs, keepaliveIntervalMs, keepaliveProbes } = settings
    this.handles.attach(handle, transport, this.#slab)
    this.handles.configure(handle, nodelay, keepaliveMs, keepaliveIntervalMs, keepaliveProbes)
    return transport
  }
}

class RawTransport<Owner> implements Transport<Owner>, HandleSink {
  owner: Owner | undefined = undefined
  readonly #shared: RawTransports<Owner>
  readonly #handle: RawHandle
  #state = OPEN
  #reads = false
  #peerEnded = false
  /** Writes that have not finished. */
  #pendingWrites = 0
  #writtenBytes = 0

  constructor(shared: RawTransports<Owner>, handle: RawHandle) {
    this.#shared = shared
    this.#handle = handle
  }

  get unsentBytes(): number {
    return this.#pendingWrites === 0 ? 0 : this.#handle.writeQueueSize
  }
  get takenBytes(): number {
    return this.#writtenBytes - this.unsentBytes
  }
  get isWritable(): boolean {
    return this.#state === OPEN
  }
  get isEnding(): boolean {
    return this.#state !== OPEN
  }
  get remoteAddress(): string | undefined {
    return this.#peer().address
  }
  get remotePort(): number | undefined {
    return this.#peer().port
  }

  start(): void {
    this.resume()
  }

  write(block: Uint8Array, start: number, end: number): boolean {
    this.#writtenBytes += end - start
    this.#pendingWrites++
    const isFree = this.#shared.handles.write(this.#handle, this.#shared.view(block, start, end))
    if (isFree) this.#pendingWrites--
    return isFree && this.#pendingWrites === 0
  }

  pause(): void {
    if (!this.#reads) return
    this.#reads = false
    if (this.#state !== CLOSING) this.#handle.readStop()
  }

  resume(): void {
    if (this.#reads || this.#peerEnded || this.#state === CLOSING) return
    this.#reads = true
    if (this.#handle.readStart() !== 0) this.onBroken()
  }

  end(): void {
    if (this.#state !== OPEN) return
    this.#state = ENDING
    this.#shared.handles.end(this.#handle)
  }

  reset(): void {
    // libuv does not reset what is shutting down.
    if (this.#state === ENDING) return this.close()
    if (this.#state === CLOSING) return
    this.#state = CLOSING
    this.#shared.handles.reset(this.#handle)
  }

  close(): void {
    if (this.#state === CLOSING) return
    this.#state = CLOSING
    this.#shared.handles.close(this.#handle)
  }

  onRead(bytes: number): Uint8Array | undefined {
    return this.owner === undefined ? undefined : this.#shared.events.onLanded(this.owner, bytes)
  }

  onEnd(): void {
    this.#peerEnded = true
    this.#reads = false
    if (this.owner !== undefined) this.#shared.events.onEnd(this.owner)
  }

  onBroken(): void {
    this.close()
  }

  onWritten(): void {
    this.#pendingWrites--
    if (this.#pendingWrites > 0 || this.#state === CLOSING || this.owner === undefined) return
    this.#shared.events.onDrain(this.owner)
  }

  onFinished(): void {
    if (this.#state !== ENDING) return
    this.#state = FINISHED
    if (this.owner !== undefined) this.#shared.events.onFinished(this.owner)
  }

  onClosed(): void {
    const { owner } = this
    this.owner = undefined
    if (owner !== undefined) this.#shared.events.onClosed(owner)
  }

  #peer(): { address?: string; port?: number } {
    const peer: { address?: string; port?: number } = {}
    if (this.#state !== CLOSING) this.#handle.getpeername?.(peer)
    return peer
  }
}
