/**
 * Owns making a connection of a raw handle: socket, state, events, first deadline, first read.
 * Must not know: frames.
 * Invariant: the four event listeners are shared by all sockets of the worker; nothing is created for a connection but
 * its socket and its state.
 */
import type { Socket } from 'node:net'
import { CloseReason } from '../close-reason.ts'
import { type RawHandle, socketOptions, startReading } from '../raw-handle.ts'
import type { Closing } from './closing.ts'
import { Connection, HOLD_WRITE, type Listener, type ShardIdentity, STATE_FINISHED } from './connection.ts'
import type { Counters } from './counters.ts'
import type { Deadlines } from './deadlines.ts'
import type { Outbound } from './outbound.ts'
import type { ReadPath } from './read-path.ts'
import { ShardSocket } from './shard-socket.ts'

export interface SocketSettings {
  readonly nodelay: boolean
  /** Milliseconds of silence before the first TCP keepalive probe; 0 is off. */
  readonly keepaliveMs: number
  readonly keepaliveIntervalMs: number
  readonly keepaliveProbes: number
}

export interface AdoptParts {
  readonly identity: ShardIdentity
  readonly readPath: ReadPath
  readonly outbound: Outbound
  readonly closing: Closing
  readonly deadlines: Deadlines
  readonly counters: Counters
  readonly settings: SocketSettings
  readonly nowMs: () => number
}

export class Adopt {
  readonly #parts: AdoptParts
  readonly #onExpired: (connection: Connection, nowMs: number) => void
  #sequence = 0

  constructor(parts: AdoptParts) {
    this.#parts = parts
    this.#onExpired = (connection, nowMs) => parts.deadlines.expired(connection, nowMs)
  }

  /** Takes a handle that nobody has read from; it does not read yet: see `open`. */
  adopt(handle: RawHandle, listener: Listener): Connection {
    const { identity, readPath, counters, settings, nowMs } = this.#parts
    const create = (socket: Socket): Connection =>
      new Connection(identity, ++this.#sequence, listener, socket, nowMs(), this.#onExpired)
    const socket = new ShardSocket(socketOptions(handle, readPath.readInto), create)
    counters.connectionsOpen++
    counters.connectionsTotal++
    this.#listen(socket)
    applySettings(socket, settings)
    return socket.connection
  }

  /** Begins to read. */
  open(connection: Connection): void {
    this.#parts.deadlines.begin(connection)
    startReading(connection.socket)
  }

  #listen(socket: ShardSocket): void {
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrain)
    socket.on('error', onError)
    socket.on('close', this.#onClose)
  }

  readonly #onEnd = eventOf((connection) => {
    connection.peerEnded = true
    if (connection.state >= STATE_FINISHED) return
    const cut = connection.ring !== null && connection.ring.readableBytes > 0
    this.#parts.closing.endAfterAnswers(connection, cut ? CloseReason.TRUNCATED : CloseReason.PEER_ENDED)
  })

  readonly #onDrain = eventOf((connection) => {
    if (connection.parked === null) return
    this.#parts.outbound.reclaim(connection)
    this.#parts.deadlines.sent(connection)
    this.#parts.closing.sent(connection)
    this.#parts.readPath.release(connection, HOLD_WRITE)
  })

  readonly #onClose = eventOf((connection) => this.#parts.closing.closed(connection, CloseReason.PEER_RESET))
}

/** A listener for all sockets: Node calls it with the socket as `this`. */
function eventOf(listener: (connection: Connection) => void): (this: Socket) => void {
  return function (this: Socket): void {
    listener((this as ShardSocket).connection)
  }
}

/** 'close' follows and ends the connection; without a listener the error would end the worker. */
function onError(): void {
  return undefined
}

function applySettings(socket: Socket, settings: SocketSettings): void {
  if (settings.nodelay) socket.setNoDelay(true)
  if (settings.keepaliveMs > 0) socket.setKeepAlive(true, settings.keepaliveMs)
}
