/**
 * Owns the errors that arise in the client itself: one class, one table of codes.
 * Must not know: errors that the server sends; those are ShardwireError.
 * Invariant: a code is a stable name and never gets another meaning; programs look at `name`, as with the errors of a
 * server, people at `message`.
 */
import type { HandlerRan } from '@shardwire/protocol'

export interface ClientErrorRow {
  readonly meaning: string
  /** Whether the same call may succeed later, perhaps on another connection. */
  readonly retryable: boolean
  /** Whether the server's handler can have run: if so, only what is idempotent may be repeated. */
  readonly handler: HandlerRan
}

function row(meaning: string, retryable: boolean, handler: HandlerRan): ClientErrorRow {
  return Object.freeze({ meaning, retryable, handler })
}

/** The table, by code. */
export const CLIENT_ERROR_TABLE = Object.freeze({
  INVALID_OPTION: row('an option or argument is out of its range', false, 'did not run'),
  CONNECT_FAILED: row('the name could not be resolved, or nobody took the connection', true, 'did not run'),
  TLS_FAILED: row('one side refused the other: a certificate, a name, a version of TLS', false, 'did not run'),
  CONNECT_TIMEOUT: row('resolving, connecting, TLS and HELLO took longer than timeoutMs together', true, 'did not run'),
  ABORTED: row('the AbortSignal of the call fired; its reason is the cause', false, 'may have run'),
  REQUEST_TIMEOUT: row('no answer came within timeoutMs', true, 'may have run'),
  CONNECTION_LOST: row('the connection ended while it was in use', true, 'may have run'),
  CONNECTION_CLOSED: row('close() or destroy() was called, or the connection ended before', true, 'did not run'),
  CONNECTION_DESTROYED: row('destroy() was called while the request was in flight', false, 'may have run'),
  CONNECTION_DRAINING: row('the server sent GOAWAY and takes no new requests here', true, 'did not run'),
  PROTOCOL_VIOLATION: row('the server sent what is no valid frame; the cause names its error', false, 'may have run'),
  FRAME_TOO_LARGE: row('the frame would be larger than both ends allow', false, 'did not run'),
  BACKLOG_FULL: row('maxBufferedBytes wait for a server that does not read', true, 'did not run'),
  TOO_MANY_IN_FLIGHT: row('maxInFlight requests wait for their answers', true, 'did not run'),
  NO_CONNECTION: row('no address had a connection in time, or every one was given up', true, 'did not run'),
  BREAKER_OPEN: row('the servers failed too often of late, and are left alone for a while', true, 'did not run'),
  CLIENT_CLOSED: row('close() or destroy() of the client was called', false, 'did not run'),
  ACQUIRE_TIMEOUT: row('nothing of the pool came free within timeoutMs', true, 'did not run'),
  TOO_MANY_WAITING: row('waitersMax calls wait already', true, 'did not run'),
  POOL_CLOSED: row('close() or destroy() of the pool was called', false, 'did not run'),
  LEASE_ENDED: row('the lease was given back before', false, 'did not run'),
  BAD_ANSWER: row('the answer came, but its body is not valid msgpack', false, 'ran'),
} satisfies Record<string, ClientErrorRow>)

export type ClientErrorCode = keyof typeof CLIENT_ERROR_TABLE

/** What was under way when an attempt to connect failed. */
export type ConnectPhase = 'resolve' | 'connect' | 'tls' | 'hello'

export interface PhaseTime {
  readonly phase: ConnectPhase
  readonly tookMs: number
}

/** An address that did not take the connection. */
export interface DialTry {
  readonly address: string
  readonly tookMs: number
  readonly error: Error
}

export interface ClientErrorExtras {
  readonly cause?: unknown
  /** `host:port`, or the path of a Unix socket. */
  readonly target?: string | undefined
  readonly phase?: ConnectPhase | undefined
  readonly phases?: readonly PhaseTime[] | undefined
  readonly tries?: readonly DialTry[] | undefined
  readonly requestsInFlight?: number | undefined
  readonly bytesUnsent?: number | undefined
  readonly retryAfterMs?: number | undefined
}

export class ClientError extends Error {
  /** What happened. A ShardwireError has its name here too, and on the wire a number, which is its `code`. */
  override readonly name: ClientErrorCode
  /** The same as `name`. */
  readonly code: ClientErrorCode
  readonly retryable: boolean
  readonly handler: HandlerRan
  /** `host:port` or the path of a Unix socket, where the error is about a connection. */
  readonly target: string | undefined
  /** The phase in which an attempt to connect ended. */
  readonly phase: ConnectPhase | undefined
  /** How long each phase of that attempt took, in order; the last is the one that failed. */
  readonly phases: readonly PhaseTime[] | undefined
  /** The addresses that did not take the connection, in the order in which they said so. */
  readonly tries: readonly DialTry[] | undefined
  /** Requests that failed together with the connection, where it was one that failed. */
  readonly requestsInFlight: number | undefined
  /** Bytes that the kernel had not taken yet, where a connection failed. */
  readonly bytesUnsent: number | undefined
  /** For BREAKER_OPEN: when a request may be let through. */
  readonly retryAfterMs: number | undefined

  constructor(code: ClientErrorCode, message: string, extras: ClientErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.name = code
    this.code = code
    this.retryable = CLIENT_ERROR_TABLE[code].retryable
    this.handler = CLIENT_ERROR_TABLE[code].handler
    this.target = extras.target
    this.phase = extras.phase
    this.phases = extras.phases
    this.tries = extras.tries
    this.requestsInFlight = extras.requestsInFlight
    this.bytesUnsent = extras.bytesUnsent
    this.retryAfterMs = extras.retryAfterMs
  }
}

/** The few words of a cause that fit into another message: the system's code, or what it says. */
export function briefly(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (cause instanceof ClientError) return cause.message
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}
