/**
 * Owns a server that gives back every byte it gets, but for the time that a test lets it stall.
 * Must not know: frames, load generators.
 * Invariant: bytes of a connection come back whole and in order. While it stalls nothing does, on any connection; what
 * came meanwhile comes back at once when the stall ends. It keeps reading, so that no sender is held back by the
 * kernel.
 */
import type { Clock } from '@shardwire/protocol'
import { once } from 'node:events'
import net from 'node:net'
import { systemClock } from './clock.ts'

interface Held {
  readonly socket: net.Socket
  readonly bytes: Buffer
}

export class StallingEcho implements AsyncDisposable {
  bytesReceived = 0
  readonly #server: net.Server
  readonly #clock: Clock
  readonly #sockets = new Set<net.Socket>()
  readonly #held: Held[] = []
  #isStalled = false
  #stallAfterBytes = Infinity
  #stallMs = 0
  #cancel = (): void => {}

  private constructor(clock: Clock) {
    this.#clock = clock
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket))
  }

  /** Listens on a free port of 127.0.0.1. */
  static async listen(clock: Clock = systemClock): Promise<StallingEcho> {
    const echo = new StallingEcho(clock)
    echo.#server.listen({ port: 0, host: '127.0.0.1' })
    await once(echo.#server, 'listening')
    return echo
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the echo does not listen')
    return address.port
  }

  /** Stalls for so long, once so many bytes have come over all connections. */
  stallAfter(bytes: number, stallMs: number): void {
    this.#stallAfterBytes = bytes
    this.#stallMs = stallMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel()
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (bytes: Buffer) => this.#take(socket, bytes))
  }

  #take(socket: net.Socket, bytes: Buffer): void {
    this.bytesReceived += bytes.length
    if (this.bytesReceived >= this.#stallAfterBytes) this.#stall()
    if (this.#isStalled) this.#held.push({ socket, bytes: Buffer.from(bytes) })
    else socket.write(bytes)
  }

  #stall(): void {
    this.#stallAfterBytes = Infinity
    this.#isStalled = true
    this.#cancel = this.#clock.after(this.#stallMs, () => {
      this.#isStalled = false
      for (const { socket, bytes } of this.#held.splice(0)) if (!socket.destroyed) socket.write(bytes)
    })
  }
}
