/**
 * Owns making a connection of a socket that came from the primary, and the way of its events to the parts they concern.
 * Must not know: frames, what a socket is made of.
 * Invariant: one object takes the events of all connections; nothing is created for a connection but its transport and
 * its state.
 */
import type { Socket } from 'node:net'
import { CloseReason } from '../close-reason.ts'
import { type RawBinding, type RawHandle } from '../transport/raw-handle.ts'
import { RawTransports } from '../transport/raw-transport.ts'
import { socketTransport } from '../transport/socket-transport.ts'
import type { SocketSettings, Transport, TransportEvents } from '../transport/transport.ts'
import type { Closing } from './closing.ts'
import { Connection, HOLD_WRITE, type Listener, type ShardIdentity } from './connection.ts'
import type { Counters } from './counters.ts'
import type { Deadlines } from './deadlines.ts'
import type { Outbound } from './outbound.ts'
import type { ReadPath } from './read-path.ts'

export interface AdoptParts {
  readonly identity: ShardIdentity
  readonly readPath: ReadPath
  readonly outbound: Outbound
  readonly closing: Closing
  readonly deadlines: Deadlines
  readonly counters: Counters
  readonly settings: SocketSettings
  /** Undefined where sockets come as documented ones. */
  readonly rawBinding: RawBinding | undefined
  readonly nowMs: () => number
}

export class Adopt implements TransportEvents<Connection> {
  readonly #parts: AdoptParts
  readonly #raw: RawTransports<Connection> | undefined
  readonly #onExpired: (connection: Connection, nowMs: number) => void
  #sequence = 0

  constructor(parts: AdoptParts) {
    const { rawBinding, readPath, settings, deadlines } = parts
    this.#parts = parts
    this.#raw = rawBinding === undefined ? undefined : new RawTransports(rawBinding, this, readPath.slab, settings)
    this.#onExpired = (connection, nowMs) => deadlines.expired(connection, nowMs)
  }

  /** Takes a raw handle that nobody has read from; it is not read yet: see `open`. */
  adoptHandle(handle: RawHandle, listener: Listener): Connection {
    if (this.#raw === undefined) throw new Error('this worker takes documented sockets only')
    return this.#connect(this.#raw.adopt(handle), listener)
  }

  /** Takes a documented socket; what Node read from it meanwhile waits in it. */
  adoptSocket(socket: Socket, listener: Listener): Connection {
    return this.#connect(socketTransport(socket, this, this.#parts.settings), listener)
  }

  /** Begins to read. */
  open(connection: Connection): void {
    this.#parts.deadlines.begin(connection)
    connection.transport.start()
  }

  onLanded(connection: Connection, bytes: number): Uint8Array | undefined {
    return this.#parts.readPath.landed(connection, bytes)
  }

  onChunk(connection: Connection, chunk: Uint8Array): void {
    this.#parts.readPath.chunk(connection, chunk)
  }

  onEnd(connection: Connection): void {
    const cut = connection.ring !== null && connection.ring.readableBytes > 0
    this.#parts.closing.peerEnded(connection, cut ? CloseReason.TRUNCATED : CloseReason.PEER_ENDED)
  }

  onDrain(connection: Connection): void {
    const { outbound, deadlines, closing, readPath } = this.#parts
    outbound.reclaim(connection)
    deadlines.sent(connection)
    closing.sent(connection)
    readPath.release(connection, HOLD_WRITE)
  }

  onFinished(connection: Connection): void {
    this.#parts.closing.finished(connection)
  }

  onClosed(connection: Connection): void {
    this.#parts.closing.closed(connection, CloseReason.PEER_RESET)
  }

  #connect(transport: Transport<Connection>, listener: Listener): Connection {
    const { identity, counters, nowMs } = this.#parts
    const connection = new Connection(identity, ++this.#sequence, listener, transport, nowMs(), this.#onExpired)
    transport.owner = connection
    counters.connectionsOpen++
    counters.connectionsTotal++
    return connection
  }
}
