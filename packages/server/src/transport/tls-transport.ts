/**
 * Owns one TCP socket on which TLS is spoken: first nothing, then its first bytes, then a handshake, then a transport
 * like any other.
 * Must not know: who the peer may be, how long a handshake may take, how many there may be.
 * Invariant: nothing is read before `awaitHello`. OpenSSL's memory for a connection is taken only by `handshake`, once
 * bytes have come: a peer that connects and says nothing costs a socket.
 */
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { configureSocket, socketTransport } from './socket-transport.ts'
import type { SocketSettings, Transport, TransportEvents } from './transport.ts'

/** What becomes of a handshake. */
export interface HandshakeEvents<Owner> {
  /** The client's first bytes are there. */
  onHello(owner: Owner): void
  /** It is done; reading goes on with `start`. */
  onSecure(owner: Owner, socket: TLSSocket): void
  /** The peer does not speak TLS as we do; the socket is being closed. */
  onHandshakeError(owner: Owner, error: Error): void
}

export interface TlsTransportOptions<Owner> {
  readonly events: TransportEvents<Owner>
  readonly handshakes: HandshakeEvents<Owner>
  readonly settings: SocketSettings
}

export class TlsTransport<Owner> implements Transport<Owner> {
  readonly #options: TlsTransportOptions<Owner>
  readonly #socket: Socket
  #owner: Owner | undefined = undefined
  /** What drives the connection once the handshake is done. */
  #secured: Transport<Owner> | undefined = undefined
  #isClosed = false

  /** @param socket that nobody has read from */
  constructor(socket: Socket, options: TlsTransportOptions<Owner>) {
    this.#socket = socket
    this.#options = options
    configureSocket(socket, options.settings)
    // 'close' follows; without a listener the error would end the worker.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#closed())
  }

  get owner(): Owner | undefined {
    return this.#owner
  }
  set owner(owner: Owner | undefined) {
    this.#owner = owner
    if (this.#secured !== undefined) this.#secured.owner = owner
  }
  get unsentBytes(): number {
    return this.#secured?.unsentBytes ?? 0
  }
  get takenBytes(): number {
    return this.#secured?.takenBytes ?? 0
  }
  get isWritable(): boolean {
    return this.#secured?.isWritable ?? false
  }
  get isEnding(): boolean {
    return this.#secured?.isEnding ?? false
  }
  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress
  }
  get remotePort(): number | undefined {
    return this.#socket.remotePort
  }

  /** Begins to read, for the client's first bytes. */
  awaitHello(): void {
    this.#socket.once('readable', () => this.#hello())
  }

  /** Begins the handshake. @param asksForCertificate of the client */
  handshake(secureContext: SecureContext, asksForCertificate: boolean): void {
    const { handshakes, events } = this.#options
    // Certificates are judged when the handshake is done: then a client can be told what is wrong with its own.
    const options = { isServer: true, secureContext, requestCert: asksForCertificate, rejectUnauthorized: false }
    const socket = new TLSSocket(this.#socket, options)
    socket.once('error', (error) => {
      if (this.#secured === undefined && this.#owner !== undefined) handshakes.onHandshakeError(this.#owner, error)
    })
    // A FIN in the middle of it.
    socket.once('end', () => {
      if (this.#secured === undefined) this.close()
    })
    socket.once('secure', () => {
      if (this.#owner === undefined) return
      this.#secured = socketTransport(socket, events)
      this.#secured.owner = this.#owner
      handshakes.onSecure(this.#owner, socket)
    })
  }

  start(): void {
    this.#secured?.start()
  }
  write(block: Uint8Array, start: number, end: number): boolean {
    return this.#secured?.write(block, start, end) ?? true
  }
  pause(): void {
    this.#secured?.pause()
  }
  resume(): void {
    this.#secured?.resume()
  }
  end(): void {
    this.#secured?.end()
  }
  /** The TCP socket below is reset: TLS has no word for it. */
  reset(): void {
    if (this.isEnding) this.close()
    else this.#socket.resetAndDestroy()
  }
  close(): void {
    this.#socket.destroy()
  }

  #hello(): void {
    if (this.#owner === undefined) return
    if (this.#socket.readableLength > 0) this.#options.handshakes.onHello(this.#owner)
    // Its FIN was all that came: nobody is there to answer.
    else this.close()
  }

  /** The TLS socket closes with the one below, and tells by itself where it was in use. */
  #closed(): void {
    if (this.#isClosed || this.#secured !== undefined || this.#owner === undefined) return
    this.#isClosed = true
    this.#options.events.onClosed(this.#owner)
    this.#owner = undefined
  }
}
