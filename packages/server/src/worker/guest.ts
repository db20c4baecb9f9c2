/**
 * Owns what is known of a socket that this worker has and does not serve yet.
 * Must not know: who waits for what.
 */
import type { Socket } from 'node:net'
import type { ExactReader } from '../transport/exact-reader.ts'
import type { RawHandle } from '../transport/raw-handle.ts'
import type { Connection } from './connection.ts'
import { Deadline } from './deadline.ts'
import type { ClientAddress } from './proxy-header.ts'

export interface Newcomer {
  readonly socket: RawHandle | Socket
  readonly listener: number
  /** Number of the ticket that it came with; without one this worker has accepted it. */
  readonly ticket?: number
}

/** A socket in the lobby. */
export class Guest extends Deadline {
  readonly socket: RawHandle | Socket
  readonly listener: number
  /** Number of its ask, below 0; 0 while it has none. */
  id = 0
  /** Of the ticket that it came with from the primary, above 0. */
  readonly ticket: number
  /** Whether it counts among those that this worker has. */
  isSeated: boolean
  /** Whom the proxy speaks for. */
  client: ClientAddress | undefined
  /** What limits go by, where it is not a proxy that says it. */
  address: string | undefined
  /** Reads the header; undefined where none comes. */
  reader: ExactReader | undefined
  /** What it became. */
  connection: Connection | undefined
  readonly #onExpired: (guest: Guest) => void

  constructor({ socket, listener, ticket = 0 }: Newcomer, isSeated: boolean, onExpired: (guest: Guest) => void) {
    super()
    this.socket = socket
    this.listener = listener
    this.ticket = ticket
    this.isSeated = isSeated
    this.#onExpired = onExpired
  }

  override expired(): void {
    this.#onExpired(this)
  }
}
