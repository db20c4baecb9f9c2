/**
 * Owns the way of TLS connections from their adoption to their first frame: whose turn it is, how long it may take, who
 * may come in.
 * Must not know: frames; how certificates are read and held against patterns is `identity.ts`.
 * Invariant: at most `max` have the turn; the others wait in the order in which their first bytes came. A turn ends
 * when the connection is open or closed, and after TURN_MS_MAX at the latest: who goes on from there does so without
 * one, so that those who say a word and then nothing do not keep out the rest. Each has until its deadline, waiting
 * included.
 */
import type { SecureContext, TLSSocket } from 'node:tls'
import { ShardwireError, UNAUTHENTICATED } from '@shardwire/protocol'
import { CloseReason } from '../../close-reason.ts'
import { verifyErrorOf } from '../../transport/raw-handle.ts'
import { createTlsContext, reasonOf, type TlsMaterial } from '../../transport/tls-context.ts'
import { type HandshakeEvents, TlsTransport } from '../../transport/tls-transport.ts'
import type { Closing } from '../closing.ts'
import { type Connection, STATE_OPEN } from '../connection.ts'
import type { DeadlineWheel } from '../deadline.ts'
import { type IdentityRules, identify } from './identity.ts'

/** Several round trips of a slow network. */
const TURN_MS_MAX = 1000
/** So that those who wait have the greater part of their time left. */
const TURN_PART = 0.25

export interface HandshakesParts {
  readonly closing: Closing
  readonly wheel: DeadlineWheel
  readonly rules: IdentityRules
  readonly max: number
  readonly timeoutMs: number
  readonly nowMs: () => number
  readonly wallMs: () => number
  /** The peer is known: the connection begins. */
  readonly onOpen: (connection: Connection) => void
}

export class Handshakes implements HandshakeEvents<Connection> {
  readonly #parts: HandshakesParts
  #context: SecureContext | undefined
  /** Those whose turn it is: their handshake has begun. */
  readonly #running = new Set<Connection>()
  /** Those whose first bytes are there, in order. */
  readonly #waiting = new Set<Connection>()

  constructor(parts: HandshakesParts) {
    this.#parts = parts
  }

  /** From now on handshakes are made with this; those under way, and connections, keep what they began with. */
  use(material: TlsMaterial): void {
    // A session that was made without asking for a certificate is not resumed where one is asked for.
    this.#context = createTlsContext(material, `shardwire ${this.#parts.rules.clientAuth}`)
  }

  /** A connection may be read. */
  begin(connection: Connection): void {
    const { wheel, timeoutMs, nowMs } = this.#parts
    connection.endByMs = nowMs() + timeoutMs
    wheel.schedule(connection, connection.endByMs)
    transportOf(connection).awaitHello()
  }

  onHello(connection: Connection): void {
    this.#waiting.add(connection)
    this.#next()
  }

  onSecure(connection: Connection, socket: TLSSocket): void {
    const { rules, closing, onOpen, wallMs } = this.#parts
    const peer = identify(
      {
        protocol: socket.getProtocol() ?? '',
        resumed: socket.isSessionReused(),
        certificate: rules.clientAuth === 'none' ? undefined : socket.getPeerX509Certificate(),
        verifyError: rules.clientAuth === 'none' ? undefined : verifyErrorOf(socket),
      },
      rules,
      wallMs(),
    )
    this.#parts.wheel.cancel(connection)
    connection.endByMs = 0
    connection.state = STATE_OPEN
    if (typeof peer === 'string') {
      connection.transport.start()
      closing.failWith(connection, CloseReason.PEER_NOT_ALLOWED, new ShardwireError(UNAUTHENTICATED, peer))
    } else {
      connection.tls = peer
      onOpen(connection)
    }
    this.#left(connection)
  }

  onHandshakeError(connection: Connection, error: Error): void {
    const code = 'code' in error ? String(error.code) : ''
    const isGone = code === 'ECONNRESET' || code === 'EPIPE'
    const reason = isGone ? CloseReason.HANDSHAKE_ABANDONED : CloseReason.HANDSHAKE_FAILED
    this.#parts.closing.letGo(connection, reason, reasonOf(error))
  }

  /** The wheel's call, for a connection whose handshake is not done. */
  expired(connection: Connection, nowMs: number): void {
    const { closing, wheel, timeoutMs } = this.#parts
    if (nowMs < connection.endByMs) {
      wheel.schedule(connection, connection.endByMs)
      return this.#left(connection)
    }
    const detail = `its TLS handshake was not done after ${timeoutMs} ms`
    closing.letGo(connection, CloseReason.HANDSHAKE_TIMEOUT, detail)
  }

  /** A connection is gone, in whatever state it was. */
  closed(connection: Connection): void {
    this.#waiting.delete(connection)
    this.#left(connection)
  }

  #left(connection: Connection): void {
    if (this.#running.delete(connection)) this.#next()
  }

  #next(): void {
    const { rules, max, wheel, timeoutMs, nowMs } = this.#parts
    for (const connection of this.#waiting) {
      if (this.#running.size >= max || this.#context === undefined) return
      this.#waiting.delete(connection)
      this.#running.add(connection)
      const turnMs = Math.min(TURN_MS_MAX, timeoutMs * TURN_PART)
      wheel.schedule(connection, Math.min(connection.endByMs, nowMs() + turnMs))
      transportOf(connection).handshake(this.#context, rules.clientAuth !== 'none')
    }
  }
}

function transportOf({ transport }: Connection): TlsTransport<Connection> {
  if (transport instanceof TlsTransport) return transport
  throw new Error('a connection without TLS has no handshake')
}
