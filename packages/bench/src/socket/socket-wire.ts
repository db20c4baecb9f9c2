/**
 * Owns one connection as a documented `net.Socket` (with its `onread` option), for a Node without the raw handle.
 * Must not know: frames.
 * Invariant: see Wire.
 */
import net from 'node:net'

import type { Dial, Endpoint, Wire, WireEvents } from './wire.ts'

const NO_BYTES = new Uint8Array(0)

export class SocketDial implements Dial {
  readonly slab: Uint8Array

  constructor(slab: Uint8Array) {
    this.slab = slab
  }

  dial(to: Endpoint, events: WireEvents): Wire {
    return new SocketWire(this.slab, to, events)
  }
}

class SocketWire implements Wire {
  readonly #socket: net.Socket
  readonly #events: WireEvents
  #isClosing = false
  #isWaiting = false

  constructor(slab: Uint8Array, { host, port, localAddress }: Endpoint, events: WireEvents) {
    this.#events = events
    const callback = (bytes: number): boolean => {
      if (!this.#isClosing) events.onRead(bytes)
      return true
    }
    const from = localAddress === null ? {} : { localAddress }
    this.#socket = net.connect({ host, port, ...from, noDelay: true, onread: { buffer: slab, callback } })
    let code: string | null = null
    this.#socket.once('connect', () => events.onUp())
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message
    })
    this.#socket.once('close', () => events.onDown(code))
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing) return true
    this.#socket.write(bytes)
    if (this.#socket.writableLength === 0) return true
    this.#wait()
    return false
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#isClosing = true
    this.#socket.destroy()
  }

  reset(): void {
    this.#isClosing = true
    this.#socket.resetAndDestroy()
  }

  /** Only a write tells when the ones before it are through; an empty one costs no byte. */
  #wait(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#socket.write(NO_BYTES, (error) => {
      this.#isWaiting = false
      if (error || this.#isClosing) return
      if (this.#socket.writableLength > 0) this.#wait()
      else this.#events.onDrained()
    })
  }
}
