/**
 * Owns what a user of a client sees: its verbs.
 * Must not know: how any of it is done.
 * Invariant: no type of the implementation shows here.
 */
import type { ClientStatus } from './client-status.ts'
import type { Connection, Message } from './connection-api.ts'
import type { Lease } from './pool/lease.ts'
import type { AcquireOptions } from './pool/pool.ts'
import type { RequestOptions, Route, SendOptions } from './request-options.ts'

export interface ClientRequestOptions extends RequestOptions {
  /** The request does no harm twice: it is sent again also where its handler may have run. As idempotentRoutes says. */
  readonly idempotent?: boolean | undefined
}

/**
 * Connections to one address or several, made and kept as they are needed. A request waits while there is none, goes to
 * one that is well, and is sent again where that is safe; it ends once, within its timeoutMs.
 */
export interface Client extends AsyncDisposable {
  readonly status: ClientStatus
  /** What the connections speak. */
  readonly codec: 'frame' | 'json'
  /** MESSAGEs of all connections. Replaces the listener of the options. */
  onMessage: ((message: Message) => void) | undefined

  /**
   * Settles as soon as there is a connection; begins anew where all was given up, or where the server said `never`.
   * Rejects with a ClientError: NO_CONNECTION, TOO_MANY_WAITING, ABORTED, CLIENT_CLOSED. By default it waits until the
   * addresses are given up.
   */
  connect(options?: AcquireOptions): Promise<void>

  /**
   * Asks for one answer. The body is copied before this returns.
   * @param route 1 to 4095; over JSON also a name, or 0 for saying none
   * Rejects with a ShardwireError that the server sent, or a ClientError: those of `Connection.request`, and without
   * having sent anything NO_CONNECTION, BREAKER_OPEN, TOO_MANY_WAITING, CLIENT_CLOSED.
   */
  request(route: Route, body?: Uint8Array, options?: ClientRequestOptions): Promise<Uint8Array>

  /**
   * As `request`, with one value each way, by msgpack or JSON as the connections speak; an empty answer is undefined.
   * Rejects also with a TypeError for a value that has no form, and with BAD_ANSWER for an answer that has none. Over
   * JSON the value is not copied: it must not change until this settles.
   */
  requestValue(route: Route, value: unknown, options?: ClientRequestOptions): Promise<unknown>

  /** As `requestValue`, of connections that speak frames; else INVALID_OPTION. */
  requestMsgpack(route: number, value: unknown, options?: ClientRequestOptions): Promise<unknown>

  /**
   * Sends a MESSAGE, which nobody answers, on any connection that is there: two may overtake each other, unless they
   * are sent on one lease. Throws a ClientError: NO_CONNECTION, BREAKER_OPEN, CLIENT_CLOSED, FRAME_TOO_LARGE,
   * BACKLOG_FULL, INVALID_OPTION.
   * @param route 1 to 4095
   * @returns false when the caller should wait for `drained` before the next
   */
  send(route: Route, body?: Uint8Array, options?: SendOptions): boolean

  /** As `send`, with one value; throws a TypeError for one that has no form. */
  sendValue(route: Route, value: unknown, options?: SendOptions): boolean

  /** As `sendValue`, on connections that speak frames; else INVALID_OPTION. */
  sendMsgpack(route: number, value: unknown, options?: SendOptions): boolean

  /** Settles once the connection that made `send` return false takes more, or is gone. Never rejects. */
  drained(): Promise<void>

  /**
   * One connection to stay on: for an order between messages, or for what the server keeps with a connection. Others
   * use it too. It is not closed for being idle meanwhile, but may be lost. Waits for one where there is none,
   * requestTimeoutMs unless told otherwise. Rejects with a ClientError: NO_CONNECTION, BREAKER_OPEN, TOO_MANY_WAITING,
   * ABORTED, CLIENT_CLOSED.
   */
  acquire(options?: AcquireOptions): Promise<Lease<Connection>>

  /**
   * Takes nothing new, fails what waits for a connection or a retry, waits for the answers in flight, and settles when
   * all connections are gone. Leases get closeTimeoutMs. Never rejects; calling it again gives the same end.
   */
  close(): Promise<void>

  /** Ends now: everything in flight fails with CONNECTION_DESTROYED. Settles when all connections are gone. */
  destroy(): Promise<void>
}
