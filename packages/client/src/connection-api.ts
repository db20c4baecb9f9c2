/**
 * Owns what a user of one connection sees: its verbs, its events, its numbers.
 * Must not know: how any of it is done.
 * Invariant: no type of the implementation shows here, so that a pool can offer the same.
 */
import type { Goaway, Metadata, ShardwireError, Welcome } from '@shardwire/protocol'
import type { ClientError, DialTry, PhaseTime } from './client-error.ts'
import type { RequestOptions, Route, SendOptions } from './request-options.ts'
import type { MsgpackHandler, RequestHandler, TypedClientRoute } from './serve/server-request.ts'
import type { TlsReport } from './tls/handshake.ts'

/** A one-way frame from the server. */
export interface Message {
  /** Over JSON 0: what comes unasked names no route. */
  readonly route: number
  /** Yours; its `buffer` may hold others' bytes beside it, as a Buffer's does. Over JSON the text of `val`. */
  readonly body: Uint8Array
  readonly meta: Metadata | undefined
  /** The body as a value: msgpack, over JSON `val`. Throws a ClientError BAD_ANSWER for one that is none. */
  value(): unknown
}

/**
 * Why a connection ended:
 * `closed` close() was called, `goaway` the server asked and the last answer came, `ended` the server sent FIN unasked,
 * `lost` it broke, `violation` the server sent no valid frames, `destroyed` destroy() was called.
 */
export type ConnectionEnd = 'closed' | 'goaway' | 'ended' | 'lost' | 'violation' | 'destroyed'

/**
 * `open` takes requests; `suspect` does too, but the server has not answered a PING for suspectMs; `draining` after a
 * GOAWAY; `closing` close() was called, or FIN is sent; `closed` everything in flight has failed.
 */
export type ConnectionStatus = 'open' | 'suspect' | 'draining' | 'closing' | 'closed'

export interface CloseInfo {
  readonly end: ConnectionEnd
  /** What requests in flight failed with; undefined for `closed` and `goaway`. */
  readonly error: ClientError | undefined
  /** Requests that failed with it. */
  readonly requestsInFlight: number
  /** Bytes that the kernel had not taken by then. */
  readonly bytesUnsent: number
}

/**
 * What a connection tells without being asked. A listener that throws does not harm the connection: its error is thrown
 * again outside, as an uncaught exception.
 */
export interface ConnectionListeners {
  readonly onMessage?: ((message: Message) => void) | undefined
  /** An ERROR that answers no request: about a MESSAGE sent to `route`, or about the connection where `route` is 0. */
  readonly onError?: ((error: ShardwireError, route: number) => void) | undefined
  /**
   * New requests fail from now on, those made in here too. MESSAGEs are taken until the connection closes: after the
   * last answer, and where none is owed as soon as this listener returns.
   */
  readonly onGoaway?: ((goaway: Goaway) => void) | undefined
  /** The server has been silent for too long (true), or is heard again (false). */
  readonly onSuspect?: ((isSuspect: boolean) => void) | undefined
  /**
   * A handler of a REQUEST of the server threw, or what it answered cannot be sent; the server was told HANDLER_FAILED
   * and no more. Where nobody listens it becomes a warning of the process.
   */
  readonly onHandlerError?: ((error: unknown, route: number) => void) | undefined
  /** Exactly once, when the socket is gone. */
  readonly onClose?: ((close: CloseInfo) => void) | undefined
}

export interface PingOptions {
  /** How long to wait for the PONG, 1 to 2147483647 ms; the connection's requestTimeoutMs unless set. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ConnectionStats {
  /** From the last answered PING to its PONG, of the heartbeat or of `ping`; undefined before the first. */
  readonly roundTripMs: number | undefined
  /** Requests that somebody waits for. */
  readonly requestsInFlight: number
  /** Requests that were given up, and whose answer is still owed by the server. */
  readonly requestsCancelled: number
  /** Answers that came after their request was given up. */
  readonly answersLate: number
  /** REQUESTs of the server that are being handled. */
  readonly requestsServed: number
  /** Answers and CANCELs with an id that is not in flight. */
  readonly answersUnknown: number
  /** MESSAGEs that came while nobody listened. */
  readonly messagesUnheard: number
  /** Bytes that wait for the kernel to take them. */
  readonly bytesUnsent: number
}

/** How a connection came about. */
export interface DialReport {
  /** `address:port` of the other end, or the path of its Unix socket. */
  readonly address: string
  /** How long each phase took, in order. */
  readonly phases: readonly PhaseTime[]
  /** The addresses that failed before. */
  readonly tries: readonly DialTry[]
  /** Undefined where there is no TLS. */
  readonly tls: TlsReport | undefined
}

export interface Connection extends AsyncDisposable {
  /** `host:port`, or the path of a Unix socket. */
  readonly target: string
  readonly codec: 'frame' | 'json'
  readonly dialed: DialReport
  /** The server's answer to HELLO; undefined where none was sent. */
  readonly welcome: Welcome | undefined
  /** The last GOAWAY. */
  readonly goaway: Goaway | undefined
  /** The last ERROR about the connection itself: most likely why the server ends it. */
  readonly serverError: ShardwireError | undefined
  /** Whether new requests are taken; also while the connection is suspect. */
  readonly isOpen: boolean
  readonly status: ConnectionStatus
  readonly stats: ConnectionStats
  /** Settles when the socket is gone; never rejects. */
  readonly closed: Promise<CloseInfo>
  /** Replaces the listener of the options. */
  onMessage: ((message: Message) => void) | undefined

  /**
   * Asks for one answer. The body is copied before this returns; the answer is the caller's, its `buffer` may hold
   * others' bytes beside it, as a Buffer's does. Over JSON both are strings, as UTF-8.
   * @param route 1 to 4095; over JSON also a name, or 0 for saying none
   * Rejects with a ShardwireError that the server sent, or a ClientError: REQUEST_TIMEOUT, ABORTED, CONNECTION_LOST,
   * CONNECTION_DESTROYED, PROTOCOL_VIOLATION; and without having sent anything: CONNECTION_CLOSED, CONNECTION_DRAINING,
   * FRAME_TOO_LARGE, BACKLOG_FULL, TOO_MANY_IN_FLIGHT, INVALID_OPTION, ABORTED.
   */
  request(route: Route, body?: Uint8Array, options?: RequestOptions): Promise<Uint8Array>

  /**
   * As `request`, with one value each way: msgpack, where an empty answer is undefined, or JSON. Rejects also with a
   * TypeError for a value that has no form, and with BAD_ANSWER for an answer that is none.
   */
  requestValue(route: Route, value: unknown, options?: RequestOptions): Promise<unknown>

  /** As `requestValue`, for frames alone. */
  requestMsgpack(route: number, value: unknown, options?: RequestOptions): Promise<unknown>

  /**
   * Sends a MESSAGE, which nobody answers. The body is copied before this returns. Throws a ClientError:
   * CONNECTION_CLOSED, FRAME_TOO_LARGE, BACKLOG_FULL, INVALID_OPTION. A GOAWAY alone is no reason to throw: MESSAGEs
   * are taken until the last answer is here and the connection closes.
   * @param route 1 to 4095
   * @returns false when the caller should wait for `drained` before the next
   */
  send(route: Route, body?: Uint8Array, options?: SendOptions): boolean

  /** As `send`, with a value: msgpack or JSON. Throws a TypeError for one that has no form. */
  sendValue(route: Route, value: unknown, options?: SendOptions): boolean

  /** As `sendValue`, for frames alone. */
  sendMsgpack(route: number, value: unknown, options?: SendOptions): boolean

  /**
   * Who answers the REQUESTs that the server sends to `route` from now on; undefined is nobody, which the server is
   * told. Those that come with the connection itself are for `handlers` of the options. Throws INVALID_OPTION.
   * @param route 1 to 4095; it has nothing to do with the service's own routes
   */
  handle(route: number, handler: RequestHandler | undefined): void

  /**
   * As `handle`, with one msgpack value each way; typed by what the service says of the route:
   * `connection.handleMsgpack<typeof readings>(40, ({ sensor }) => ({ celsius: read(sensor) }))`.
   */
  handleMsgpack<ClientRoute extends TypedClientRoute = TypedClientRoute>(
    route: number,
    handler: MsgpackHandler<ClientRoute> | undefined,
  ): void

  /**
   * Asks the server for a sign of life. @returns the time to it in milliseconds
   * Rejects with a ClientError: REQUEST_TIMEOUT, ABORTED, TOO_MANY_IN_FLIGHT (64 are on their way), INVALID_OPTION,
   * CONNECTION_CLOSED, or what the connection failed with.
   */
  ping(options?: PingOptions): Promise<number>

  /**
   * Settles once `send` would return true. Rejects when the connection fails before, and with CONNECTION_CLOSED where
   * `send` would throw that.
   */
  drained(): Promise<void>

  /**
   * Takes no new requests and no MESSAGEs, waits for those in flight, sends FIN, and settles when the socket is gone;
   * at the latest closeTimeoutMs after the last answer. Never rejects; calling it again gives the same end.
   */
  close(): Promise<void>

  /** Ends now: everything in flight fails with CONNECTION_DESTROYED, whose cause is `error`. */
  destroy(error?: unknown): void
}
