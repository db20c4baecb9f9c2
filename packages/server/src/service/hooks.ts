/**
 * Owns the hooks of a service: what it may do at the beginning and the end of a worker and of a connection.
 * Must not know: who calls them, when.
 */
import type { CloseReasonName } from '../close-reason.ts'
import type { ServiceLog } from '../log.ts'
import type { MaybePromise } from './body.ts'
import type { Attributes, Connection, SessionClient } from './connection.ts'

/** The worker that a service runs in; each has its own copy of the service. */
export interface ServiceWorker {
  /** Its slot, from 0, kept when it is replaced. */
  readonly shard: number
  readonly log: ServiceLog
}

/** Who wants to be let in. */
export interface Caller {
  /** What HELLO carried; undefined where it carried none, and where the connection's codec has no HELLO. */
  readonly token: string | undefined
  /** What the client calls itself. */
  readonly client: SessionClient
  readonly connection: Connection
}

/** An object is kept as the connection's attributes; `true` lets in without any; anything else does not let in. */
export type Credentials = (Partial<Attributes> & Record<string, unknown>) | boolean | null | undefined

/** How a connection ended. */
export interface Disconnection {
  readonly reason: CloseReasonName
}

export interface ServiceHooks {
  /** Once a worker, before it serves. What it throws stops the start. */
  readonly onStart?: ((worker: ServiceWorker) => MaybePromise<void>) | undefined
  /** Once a worker, when its last connection has ended and every onDisconnect is done. */
  readonly onStop?: ((worker: ServiceWorker) => MaybePromise<void>) | undefined
  /**
   * Says who may come in. Where there is one, HELLO must be the first frame, and nothing else is read until this is
   * done. A ShardwireError that it throws is what the client is told; it is told UNAUTHENTICATED when it is not let in.
   */
  readonly authenticate?: ((caller: Caller) => MaybePromise<Credentials>) | undefined
  /**
   * A connection is there, and let in: nothing of it is served before this is done. What it throws ends the connection:
   * a ShardwireError is what the client is told.
   */
  readonly onConnect?: ((connection: Connection) => MaybePromise<void>) | undefined
  /** A connection has ended whose onConnect was done; once for each. Nothing can be sent to it any more. */
  readonly onDisconnect?: ((connection: Connection, end: Disconnection) => MaybePromise<void>) | undefined
}

export const HOOK_NAMES = ['onStart', 'onStop', 'authenticate', 'onConnect', 'onDisconnect'] as const
export type HookName = (typeof HOOK_NAMES)[number]
