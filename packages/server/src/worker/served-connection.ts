/**
 * Owns what a service sees of a connection: facts about it, and what the service keeps with it.
 * Must not know: frames, how bytes travel.
 * Invariant: made once a connection, when a service first asks; what is inside the worker's own connection shows
 * nowhere. What may be gone later (the peer's address) is remembered when it is asked for.
 */
import type { Attributes, Connection as ConnectionOfService, ConnectionListener } from '../service/connection.ts'
import type { TlsPeer } from '../service/tls-peer.ts'
import type { Connection } from './connection.ts'

export interface ServedConnectionParts {
  /** By the number of the listener. */
  readonly listeners: readonly ConnectionListener[]
  readonly nowMs: () => number
  readonly wallMs: () => number
}

export class ServedConnection implements ConnectionOfService {
  readonly #connection: Connection
  readonly #parts: ServedConnectionParts
  #attributes: (Attributes & Record<string, unknown>) | undefined = undefined
  #remoteAddress: string | undefined = undefined
  #remotePort: number | undefined = undefined

  constructor(connection: Connection, parts: ServedConnectionParts) {
    this.#connection = connection
    this.#parts = parts
  }

  get id(): string {
    return this.#connection.id
  }
  get shard(): number {
    return this.#connection.shard
  }
  get listener(): ConnectionListener {
    const { index } = this.#connection.listener
    return this.#parts.listeners[index] ?? { index, address: '' }
  }
  get remoteAddress(): string | undefined {
    return (this.#remoteAddress ??= this.#connection.remoteAddress)
  }
  get remotePort(): number | undefined {
    return (this.#remotePort ??= this.#connection.remotePort)
  }
  get tls(): TlsPeer | undefined {
    return this.#connection.tls
  }
  get openedAt(): Date {
    const { nowMs, wallMs } = this.#parts
    return new Date(wallMs() - (nowMs() - this.#connection.openedAtMs))
  }
  get attributes(): Attributes & Record<string, unknown> {
    return (this.#attributes ??= {})
  }
}
