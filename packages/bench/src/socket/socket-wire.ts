/**
 * Owns one connection as a documented `net.Socket` (with its `onread` option), for a Node without the raw handle.
 * Must not know: frames.
 * Invariant: see Wire.
 */
import net from 'node:net'

import type { LocalPorts } from './local-ports.ts'
import { PORT_TAKEN, PORT_TRIES_MAX } from './wire.ts'
import type { Dial, Endpoint, Wire, WireEvents } from './wire.ts'

const NO_BYTES = new Uint8Array(0)

export class SocketDial implements Dial {
  readonly slab: Uint8Array
  readonly #ports: LocalPorts

  constructor(slab: Uint8Array, ports: LocalPorts) {
    this.slab = slab
    this.#ports = ports
  }

  dial(to: Endpoint, events: WireEvents): Wire {
    return new SocketWire({ slab: this.slab, ports: this.#ports, to }, events)
  }
}

interface SocketWireParts {
  readonly slab: Uint8Array
  readonly ports: LocalPorts
  readonly to: Endpoint
}

class SocketWire implements Wire {
  readonly #events: WireEvents
  #socket: net.Socket
  #isClosing = false
  #isWaiting = false

  constructor(parts: SocketWireParts, events: WireEvents) {
    this.#events = events
    this.#socket = this.#connect(parts, PORT_TRIES_MAX)
  }

  #connect(parts: SocketWireParts, triesLeft: number): net.Socket {
    const { host, port, localAddress } = parts.to
    const callback = (bytes: number): boolean => {
      if (!this.#isClosing) this.#events.onRead(bytes)
      return true
    }
    const from = localAddress === null ? {} : { localAddress, localPort: parts.ports.next(localAddress) }
    const onread = { buffer: parts.slab, callback }
    const socket = net.connect({ host, port, ...from, noDelay: true, onread })
    let code: string | null = null
    socket.once('connect', () => this.#events.onUp())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message
    })
    socket.once('close', () => {
      const isTaken = code !== null && PORT_TAKEN.has(code) && localAddress !== null
      if (isTaken && triesLeft > 0 && !this.#isClosing) this.#socket = this.#connect(parts, triesLeft - 1)
      else this.#events.onDown(code)
    })
    return socket
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
