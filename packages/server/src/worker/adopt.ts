/**
 * Owns making a connection of a socket that came from the primary, and the way of its events to the parts they concern.
 * Must not know: frames, what a socket is made of.
 * Invariant: one object takes the events of all connections; nothing is created for a connection but its transport and
 * its state.
 */
import type { Socket } from 'node:net'
import { CloseReason } from '../close-reason.ts'
import { type RawBinding, type RawHandle, socketOverHandle } from '../transport/raw-handle.ts'
import { RawTransports } from '../transport/raw-transport.ts'
import { configureSocket, socketTransport } from '../transport/socket-transport.ts'
import { TlsTransport } from '../transport/tls-transport.ts'
import type { Transport, TransportEvents } from '../transport/transport.ts'
import type { CloseLog } from './close-log.ts'
import type { Closing } from './closing.ts'
import { Connection, HOLD_WRITE, type Listener, type ShardIdentity, STATE_HANDSHAKE } from './connection.ts'
import { type Counters, countAt } from './counters.ts'
import type { Deadlines } from './deadlines.ts'
import type { Greetings } from './greetings.ts'
import type { Outbound } from './outbound.ts'
import type { ReadPath } from './read-path.ts'
import type { Handshakes } from './tls/handshakes.ts'

export interface AdoptParts {
  readonly identity: ShardIdentity
  readonly readPath: ReadPath
  readonly outbound: Outbound
  readonly closing: Closing
  readonly deadlines: Deadlines
  readonly counters: Counters
  /** Undefined where no listener has TLS. */
  readonly handshakes: Handshakes | undefined
  /** Undefined where the service has no say in who is served. */
  readonly greetings: Greetings | undefined
  /** Undefined where sockets come as documented ones. */
  readonly rawBinding: RawBinding | undefined
  readonly closeLog: CloseLog | undefined
  readonly nowMs: () => number
}

export class Adopt implements TransportEvents<Connection> {
  readonly #parts: AdoptParts
  readonly #raw: RawTransports<Connection> | undefined
  readonly #onExpired: (connection: Connection, nowMs: number) => void
  #sequence = 0

  constructor(parts: AdoptParts) {
    const { rawBinding, readPath, deadlines, handshakes } = parts
    this.#parts = parts
    this.#raw = rawBinding === undefined ? undefined : new RawTransports(rawBinding, this, readPath.slab)
    this.#onExpired = (connection, nowMs) => {
      if (connection.state === STATE_HANDSHAKE) handshakes?.expired(connection, nowMs)
      else deadlines.expired(connection, nowMs)
    }
  }

  /** Takes a raw handle that nobody has read from; it is not read yet: see `open`. */
  adoptHandle(handle: RawHandle, listener: Listener): Connection {
    if (this.#raw === undefined) throw new Error('this worker takes documented sockets only')
    if (listener.isTls) return this.adoptSocket(socketOverHandle(handle), listener)
    return this.#connect(this.#raw.adopt(handle, listener.settings), listener)
  }

  /** Takes a documented socket; what Node read from it meanwhile waits in it. */
  adoptSocket(socket: Socket, listener: Listener): Connection {
    const { settings, isTls } = listener
    if (isTls) return this.#adoptTls(socket, listener)
    configureSocket(socket, settings)
    return this.#connect(socketTransport(socket, this), listener)
  }

  /** Begins to read: what comes is a frame, or a TLS handshake. @returns whether the connection is open now */
  open(connection: Connection): boolean {
    if (connection.state === STATE_HANDSHAKE) {
      this.#parts.handshakes?.begin(connection)
      return false
    }
    this.#parts.deadlines.begin(connection)
    connection.transport.start()
    this.#parts.greetings?.open(connection)
    return true
  }

  onLanded(connection: Connection, bytes: number): Uint8Array | undefined {
    return this.#parts.readPath.landed(connection, bytes)
  }

  onChunk(connection: Connection, chunk: Uint8Array): void {
    this.#parts.readPath.chunk(connection, chunk)
  }

  onEnd(connection: Connection): void {
    this.#parts.readPath.ended(connection)
  }

  onDrain(connection: Connection): void {
    const { outbound, deadlines, closing, readPath } = this.#parts
    outbound.reclaim(connection)
    deadlines.sent(connection)
    closing.sent(connection)
    connection.served?.drainedNow()
    readPath.release(connection, HOLD_WRITE)
  }

  onFinished(connection: Connection): void {
    this.#parts.closing.finished(connection)
  }

  onClosed(connection: Connection): void {
    const inHandshake = connection.state === STATE_HANDSHAKE
    this.#parts.closing.closed(connection, inHandshake ? CloseReason.HANDSHAKE_ABANDONED : CloseReason.PEER_RESET)
  }

  #adoptTls(socket: Socket, listener: Listener): Connection {
    const { handshakes } = this.#parts
    if (handshakes === undefined) throw new Error('this worker was given nothing to speak TLS with')
    const transport = new TlsTransport<Connection>(socket, { events: this, handshakes, settings: listener.settings })
    const connection = this.#connect(transport, listener)
    connection.state = STATE_HANDSHAKE
    return connection
  }

  #connect(transport: Transport<Connection>, listener: Listener): Connection {
    const { identity, counters, closeLog, nowMs } = this.#parts
    const connection = new Connection(identity, ++this.#sequence, listener, transport, nowMs(), this.#onExpired)
    transport.owner = connection
    closeLog?.opened(connection)
    counters.connectionsOpen++
    counters.connectionsTotal++
    countAt(counters.openByListener, listener.index)
    countAt(counters.totalByListener, listener.index)
    return connection
  }
}
