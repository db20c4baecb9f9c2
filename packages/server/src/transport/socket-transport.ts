/**
 * Owns one connected socket as a documented `net.Socket`: the way for a Node without the raw handle, and for TLS
 * once its handshake is done.
 * Must not know: frames.
 * Invariant: only documented parts of Node are used here. Bytes come in memory of their own.
 */
import type { Socket } from 'node:net'
import type { SocketSettings, Transport, TransportEvents } from './transport.ts'

/** A transport over a socket whose events nobody listens to yet, and that is configured. */
export function socketTransport<Owner>(socket: Socket, events: TransportEvents<Owner>): Transport<Owner> {
  return new SocketTransport(socket, events)
}

/** Gives a socket the options of its listener. */
export function configureSocket(socket: Socket, settings: SocketSettings): void {
  const { nodelay, keepaliveMs, keepaliveIntervalMs, keepaliveProbes } = settings
  // As the peer may end its side and still wait for answers.
  socket.allowHalfOpen = true
  if (nodelay) socket.setNoDelay(true)
  if (keepaliveMs > 0) socket.setKeepAlive(true, keepaliveMs, keepaliveIntervalMs, keepaliveProbes)
}

class SocketTransport<Owner> implements Transport<Owner> {
  owner: Owner | undefined = undefined
  readonly #socket: Socket
  readonly #events: TransportEvents<Owner>
  /** Blocks that a write still reads from. */
  #isPending = false

  constructor(socket: Socket, events: TransportEvents<Owner>) {
    this.#socket = socket
    this.#events = events
    socket.on('end', () => this.#tell((owner) => events.onEnd(owner)))
    socket.on('finish', () => this.#tell((owner) => events.onFinished(owner)))
    // 'close' follows; without a listener the error would end the worker.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#tell((owner) => events.onClosed(owner))
      this.owner = undefined
    })
  }

  get unsentBytes(): number {
    return this.#socket.writableLength
  }
  get takenBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength
  }
  get isWritable(): boolean {
    return this.#socket.writable
  }
  get isEnding(): boolean {
    return this.#socket.writableEnded
  }
  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress
  }
  get remotePort(): number | undefined {
    return this.#socket.remotePort
  }

  start(): void {
    this.#socket.on('data', (chunk: Uint8Array) => this.#tell((owner) => this.#events.onChunk(owner, chunk)))
  }

  write(block: Uint8Array, start: number, end: number): boolean {
    this.#socket.write(block.subarray(start, end), this.#onWritten)
    if (this.#socket.writableLength === 0) return true
    this.#isPending = true
    return false
  }

  pause(): void {
    this.#socket.pause()
  }
  resume(): void {
    this.#socket.resume()
  }
  end(): void {
    this.#socket.end()
  }
  reset(): void {
    // Node loses the descriptor when a socket is reset between its end() and 'finish'. A Unix socket, which Node does
    // not reset, has no address.
    const isEnding = this.#socket.writableEnded && !this.#socket.writableFinished
    if (isEnding || this.#socket.localAddress === undefined) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }
  close(): void {
    this.#socket.destroy()
  }

  readonly #onWritten = (error?: Error | null): void => {
    // After an error 'close' follows: what failed has not left.
    if (error instanceof Error || !this.#isPending || this.#socket.destroyed || this.#socket.writableLength > 0) return
    this.#isPending = false
    this.#tell((owner) => this.#events.onDrain(owner))
  }

  #tell(event: (owner: Owner) => void): void {
    if (this.owner !== undefined) event(this.owner)
  }
}
