/**
 * Owns what a client tells of itself: a snapshot, and events as they happen.
 * Must not know: how any of it comes about.
 * Invariant: every event is a member of one union, told apart by `type`; docs/client.md lists them all.
 */
import type { Goaway } from '@shardwire/protocol'
import type { BreakerState, BreakerStatus } from './breaker/breaker.ts'
import type { CloseInfo, ConnectionStatus } from './connection-api.ts'
import type { WaitReason } from './reconnect/reconnector.ts'

/**
 * Of one address. `idle` no connection, and nobody asked for one; `connecting` an attempt is under way; `connected` at
 * least one connection takes requests; `suspect` there are connections, but their server is silent; `waiting` for the
 * moment of the next attempt; `failed` given up, until somebody asks again; `stopped` the server wants no attempt
 * before `connect()` is called; `closed`.
 */
export type AddressState = 'idle' | 'connecting' | 'connected' | 'suspect' | 'waiting' | 'failed' | 'stopped' | 'closed'

/**
 * Of the client. `connected` if any address is, else `connecting` if one may become it, else `failed`; `idle` before
 * anybody asked for a connection.
 */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'failed' | 'closed'

export interface PooledConnectionStatus {
  /** The server's name of it; undefined without HELLO. */
  readonly connection: string | undefined
  /** Slot of the worker that serves it. */
  readonly shard: number | undefined
  readonly status: ConnectionStatus
  /** Requests under way on it, and leases of it. */
  readonly inFlight: number
  readonly ageMs: number
  readonly roundTripMs: number | undefined
}

export interface AddressStatus {
  /** `host:port`. */
  readonly address: string
  readonly state: AddressState
  /** Of the attempt under way or waited for, from 1; 0 where there is none. */
  readonly attempt: number
  /** Until it may begin, in milliseconds. */
  readonly waitMs: number
  /** The last attempt's error since the last success. */
  readonly error: unknown
  readonly breaker: BreakerStatus
  readonly inFlight: number
  readonly connections: readonly PooledConnectionStatus[]
}

export interface ClientStatus {
  readonly state: ClientState
  readonly addresses: readonly AddressStatus[]
  /** Requests and leases that wait for a connection. */
  readonly waiting: number
  /** Leases that were not given back. */
  readonly leases: number
  /** Requests that were made. */
  readonly requests: number
  /** Times that one of them was sent again. */
  readonly retries: number
  /** Times that one could have been, but the budget was used up. */
  readonly retriesRefused: number
  /** Retries that the budget has left. */
  readonly retryBudget: number
}

/** What a client tells without being asked; `address` is `host:port`. */
export type StatusEvent =
  | { readonly type: 'state'; readonly state: ClientState; readonly before: ClientState }
  /** An attempt begins. */
  | { readonly type: 'connecting'; readonly address: string; readonly attempt: number }
  /** An attempt failed. */
  | {
      readonly type: 'attempt-failed'
      readonly address: string
      readonly attempt: number
      readonly error: unknown
    }
  /** The next attempt begins after delayMs. */
  | {
      readonly type: 'waiting'
      readonly address: string
      readonly attempt: number
      readonly delayMs: number
      readonly reason: WaitReason
    }
  /** No further attempt by itself. */
  | {
      readonly type: 'gave-up'
      readonly address: string
      readonly attempts: number
      readonly afterMs: number
      readonly error: unknown
    }
  | {
      readonly type: 'connected'
      readonly address: string
      /** The server's name of the connection, and the slot of its worker; undefined without HELLO. */
      readonly connection: string | undefined
      readonly shard: number | undefined
    }
  | {
      readonly type: 'disconnected'
      readonly address: string
      readonly connection: string | undefined
      readonly close: CloseInfo
    }
  /** The server asked for no new requests on a connection; `retry` says when the address is dialled again. */
  | { readonly type: 'goaway'; readonly address: string; readonly goaway: Goaway }
  /** A connection's server is silent: it gets no new request. */
  | { readonly type: 'suspect'; readonly address: string }
  /** It is heard again. */
  | { readonly type: 'recovered'; readonly address: string }
  | {
      readonly type: 'breaker'
      readonly address: string
      readonly state: BreakerState
      readonly before: BreakerState
      /** Why it opened; empty where it did not. */
      readonly reason: string
    }
  /** See LeaseWarning; of leases of connections. */
  | { readonly type: 'lease-held' | 'lease-lost'; readonly heldMs: number; readonly takenAt: string }
