/**
 * Owns what a service sees of a connection.
 * Must not know: sockets, frames, how any of it is done.
 * Invariant: one object for the life of a connection, made when a service first asks for it; what it tells holds also
 * after the connection has ended.
 */
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
  /** What the service keeps with it, from `authenticate` on: empty at first, and gone with the connection. */
  readonly attributes: Attributes & Record<string, unknown>
}
