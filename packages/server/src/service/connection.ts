/**
 * Owns what a service sees of a connection, and what it may do with it.
 * Must not know: sockets, frames, how any of it is done.
 * Invariant: one object for the life of a connection, made when a service first asks for it; what it tells holds also
 * after the connection has ended.
 */
import type { CloseReasonName } from '../close-reason.ts'
import type { ServiceLog } from '../log.ts'
import type { ClientRoute } from './client-route.ts'
import type { TlsPeer } from './tls-peer.ts'

/**
 * What a service keeps with a connection. Declare yours once, and every handler knows their types:
 *
 *     declare module '@shardwire/server' {
 *       interface Attributes { user?: string }
 *     }
 */
export interface Attributes {}

/** The address that a connection came to. */
export interface ConnectionListener {
  /** Its place in SHARDWIRE_LISTEN, from 0. */
  readonly index: number
  /** As configured, without parameters: `tcp://0.0.0.0:7400`. */
  readonly address: string
  /** What is spoken there: `frame`, `json`, `line`, `raw`, or the path of a module. */
  readonly codec: string
}

/** What a client calls itself, at most 256 characters each; undefined where it does not say. */
export interface SessionClient {
  readonly name: string | undefined
  readonly version: string | undefined
}

/** What client and server agreed on by HELLO and WELCOME. */
export interface Session {
  /** Version of the wire protocol. */
  readonly protocol: number
  readonly client: SessionClient
  /** Whether the service's `authenticate` let it in; as whom stands in the connection's attributes. */
  readonly isAuthenticated: boolean
  /** Largest payload, both ways, in bytes. */
  readonly maxFrameBytes: number
  /** After so much silence of the client it is sent a PING; 0 is never. */
  readonly heartbeatMs: number
}

/** What is asked of a client: how long to wait, and what goes along. `request.callOptions` is one. */
export interface AskOptions {
  /** Milliseconds above 0, SHARDWIRE_REQUEST_TIMEOUT_MS unless set; also sent along as `deadlineMs`. */
  readonly timeoutMs?: number | undefined
  /** Gives up waiting, and tells the client so. */
  readonly signal?: AbortSignal | undefined
  readonly meta?: { readonly traceparent?: string | undefined } | undefined
}

/** What a client is told when its connection is closed. */
export interface CloseOptions {
  /** Whether, and when, it may come back; 'later' unless set. */
  readonly retry?: 'now' | 'later' | 'never' | undefined
  /** Its first new attempt comes after this and at most as much again by chance; 1000, and 0 for 'now'. */
  readonly retryAfterMs?: number | undefined
}

/** What whoever waits for a connection gets when it ends. No ERROR of the table: it is no caller's to see as it is. */
export class ConnectionEndedError extends Error {
  override readonly name = 'ConnectionEndedError'
  readonly reason: CloseReasonName

  constructor(connection: string, reason: CloseReasonName) {
    super(`connection ${connection} has ended: ${reason}`)
    this.reason = reason
  }
}

export interface Connection {
  /** Unique over restarts. */
  readonly id: string
  /** The slot of the worker that serves it, from 0. */
  readonly shard: number
  readonly listener: ConnectionListener
  /**
   * Address of the peer: of the client, where a proxy says for whom it connects. Undefined for a Unix socket, and once
   * the peer has gone unless it was asked for before.
   */
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  /** Who the peer is by its certificate; undefined where the connection has no TLS. */
  readonly tls: TlsPeer | undefined
  readonly openedAt: Date
  /**
   * What was agreed on by HELLO: there from WELCOME on, so in `onConnect` where the service authenticates, but not in
   * `authenticate` itself. Undefined for a client that says no HELLO, and where the codec has none.
   */
  readonly session: Session | undefined
  /** What the service keeps with it, from `authenticate` on: empty at first, and gone with the connection. */
  readonly attributes: Attributes & Record<string, unknown>
  /** The worker's log; each line names this connection. */
  readonly log: ServiceLog
  /** Whether something can be sent. */
  readonly isOpen: boolean
  /**
   * Whether a MESSAGE may be sent: it is open, keeps up (less than SHARDWIRE_WRITE_BUFFER_BYTES wait to be sent), and
   * its codec has MESSAGEs.
   */
  readonly isWritable: boolean
  /** Aborted when the connection ends, with a ConnectionEndedError. */
  readonly signal: AbortSignal

  /**
   * Pushes a MESSAGE. The body is copied before this returns: for a number a Uint8Array as it is, anything else as
   * msgpack. Throws a RangeError for a body above `maxFrameBytes`, and a TypeError for one that cannot be encoded.
   * @returns true when the next may follow at once. False when the peer does not keep up: the MESSAGE is on its way,
   * and the next should wait for `drained()`; or when the connection has ended. Whoever goes on all the same loses the
   * connection: it is reset as SLOW_CONSUMER once four times SHARDWIRE_WRITE_BUFFER_BYTES are unsent.
   */
  send(route: number, body?: unknown): boolean
  send<Body>(route: ClientRoute<Body>, body: Body): boolean

  /** Settles when everything has been sent. Rejects with a ConnectionEndedError when the connection ends before. */
  drained(): Promise<void>

  /**
   * Asks the client, and waits for its answer. The body is copied before this returns. For a number a Uint8Array goes
   * and comes as it is, anything else as msgpack.
   * Rejects with the ShardwireError that the client answered; with DEADLINE_EXCEEDED; with OVERLOADED, without having
   * sent anything, where SHARDWIRE_MAX_IN_FLIGHT are asked already or the peer does not keep up; with a
   * ConnectionEndedError; with the signal's reason; and with an Error for an answer that cannot be read.
   */
  // The last one is what the compiler explains when none fits.
  request(route: number, body?: unknown, options?: AskOptions): Promise<unknown>
  request<Body, Answer>(route: ClientRoute<Body, Answer>, body: Body, options?: AskOptions): Promise<Answer>

  /**
   * Ends it in order: GOAWAY says `reason` (at most 256 characters) and whether to come back, no new REQUEST is taken,
   * and once those in flight have been answered it is closed.
   */
  close(reason?: string, options?: CloseOptions): void

  /** Ends it now: what is in flight is aborted, what is unsent is lost. */
  reset(): void
}
