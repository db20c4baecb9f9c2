/**
 * Owns what a connection needs of its codec: how requests and messages are said, and what comes is understood.
 * Must not know: sockets, when a connection ends.
 */
import type { Goaway, MetadataFields, ShardwireError, Welcome } from '@shardwire/protocol'
import type { ConnectionStats, Message } from '../connection-api.ts'
import type { PingRequest } from '../heartbeat.ts'
import type { Receiver } from '../receiver.ts'
import type { RequestOptions, Route, SendOptions } from '../request-options.ts'
import type { RequestHandler } from '../serve/server-request.ts'

export type WireStats = Omit<ConnectionStats, 'bytesUnsent' | 'messagesUnheard'>

/** Says what it is asked to say. A call that throws or rejects before anything was written has changed nothing. */
export interface Wire {
  request(route: Route, body: Uint8Array, options: RequestOptions): Promise<Uint8Array>
  /**
   * As `request`, told to a receiver, where the codec can do without a promise.
   * @returns the clock, not older than this turn of the loop, from which the timeout is counted
   */
  requestFor?(
    receiver: Receiver<Uint8Array>,
    route: Route,
    body: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    meta: MetadataFields | undefined,
  ): number
  requestValue(route: Route, value: unknown, options: RequestOptions): Promise<unknown>
  send(route: Route, body: Uint8Array, options: SendOptions): void
  sendValue(route: Route, value: unknown, options: SendOptions): void
  /** Throws a ClientError INVALID_OPTION where the codec has no such thing; so does `handle`. */
  ping(request: PingRequest): void
  handle(route: number, handler: RequestHandler | undefined): void

  /** The connection is ready: from now on silence counts. @param welcome what the server answered to HELLO */
  start(welcome: Welcome | undefined): void
  /** Takes what was read, memory[0, bytes), and keeps none of it. */
  feed(memory: Uint8Array, bytes: number): void
  /** Takes nothing any more, also from the bytes under way; everything in flight fails with `error`. */
  stop(error: Error): void

  /** Whether somebody waits for an answer, here or there. */
  readonly isIdle: boolean
  readonly isSuspect: boolean
  /** Bytes of something that is not whole yet. */
  readonly bytesCut: number
  readonly stats: WireStats
}

/** What the connection does about what came. */
export interface WireEvents {
  onMessage(message: Message): void
  /** An error that answers no request. */
  onServerError(error: ShardwireError, route: number): void
  onWelcome(welcome: Welcome): void
  onGoaway(goaway: Goaway): void
  onSuspect(isSuspect: boolean): void
  onHandlerError(error: unknown, route: number): void
  /** The last answer that somebody waited for is here, or there. */
  onIdle(): void
  /** The server sent what it must not; nothing behind it is looked at. */
  onViolation(error: ShardwireError): void
  /** The server asks and asks, but does not read the answers. */
  onFlooded(): void
  /** The server was silent for too long. */
  onSilent(why: string): void
  /** Whether REQUESTs of the server are begun. */
  takesRequests(): boolean
}
