/**
 * Owns one connection as a raw handle: the fast and small way, without a `net.Socket`.
 * Must not know: frames; how a handle is called is `raw-handle.ts`.
 * Invariant: see Wire; after `close` or `reset` nothing but `onDown` comes.
 */
import type { LocalPorts } from './local-ports.ts'
import { errorNameOf, RawHandles } from './raw-handle.ts'
import type { HandleSink, RawBinding, RawHandle } from './raw-handle.ts'
import type { Dial, Endpoint, Wire, WireEvents } from './wire.ts'

export class RawDial implements Dial {
  readonly slab: Uint8Array
  readonly #handles: RawHandles

  constructor(binding: RawBinding, slab: Uint8Array, ports: LocalPorts) {
    this.slab = slab
    this.#handles = new RawHandles(binding, slab, ports)
  }

  dial(to: Endpoint, events: WireEvents): Wire {
    return new RawWire(this.#handles, to, events)
  }
}

class RawWire implements Wire, HandleSink {
  readonly #handles: RawHandles
  #handle: RawHandle
  readonly #events: WireEvents
  /** Writes that have not finished. */
  #pendingWrites = 0
  #isClosing = false
  #code: string | null = null

  constructor(handles: RawHandles, to: Endpoint, events: WireEvents) {
    this.#handles = handles
    this.#events = events
    const { handle, status } = handles.connect(to, this)
    this.#handle = handle
    if (status !== 0) this.#fail(status)
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing) return true
    const status = this.#handles.write(this.#handle, bytes)
    if (status < 0) this.#fail(status)
    if (status === 1) this.#pendingWrites++
    return this.#pendingWrites === 0
  }

  pause(): void {
    if (!this.#isClosing) this.#handles.pause(this.#handle)
  }

  resume(): void {
    if (!this.#isClosing) this.#handles.resume(this.#handle)
  }

  close(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#handles.close(this.#handle)
  }

  reset(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#handles.reset(this.#handle)
  }

  onHandle(handle: RawHandle): void {
    this.#handle = handle
  }

  onConnected(status: number): void {
    if (this.#isClosing) return
    const started = status === 0 ? this.#handles.start(this.#handle) : status
    if (started === 0) this.#events.onUp()
    else this.#fail(started)
  }

  onRead(bytes: number): void {
    if (!this.#isClosing) this.#events.onRead(bytes)
  }

  onEnd(status: number): void {
    if (status < 0) this.#fail(status)
    else this.close()
  }

  onWritten(status: number): void {
    this.#pendingWrites--
    if (status < 0) this.#fail(status)
    else if (this.#pendingWrites === 0 && !this.#isClosing) this.#events.onDrained()
  }

  onClosed(): void {
    this.#events.onDown(this.#code)
  }

  #fail(status: number): void {
    if (this.#isClosing) return
    this.#code = errorNameOf(status)
    this.close()
  }
}
