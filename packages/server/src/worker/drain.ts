/**
 * Owns the end of a worker: GOAWAY to everyone, each connection its moment, a deadline for those that are left.
 * Must not know: why the worker stops.
 * Invariant: `onDrained` is called once, when no connection is left.
 */
import { type Clock, encodeGoaway } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { Closing } from './closing.ts'
import { type Connection, STATE_OPEN } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import type { Outbound } from './outbound.ts'

/** Least time for GOAWAY to reach a client, and for what it sent before to reach us. */
const GRACE_MS = 50
/** Least time over which the ends are spread. */
const WINDOW_MS_MIN = 150
/** A worker ends about this many idle connections a second, so that a fleet does not come back all at once. */
const ENDS_PER_MS = 2
/** The part of the deadline in which idle connections are ended; the rest is for handlers in flight. */
const WINDOW_PART = 0.5
/** What clients are told to wait before they come back. */
const RETRY_AFTER_MS = 500
const RETRY_JITTER_MS = 2000

export interface DrainParts {
  readonly connections: ReadonlySet<Connection>
  readonly outbound: Outbound
  readonly closing: Closing
  readonly deadlines: Deadlines
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  /** @param forced connections that were still busy at the deadline */
  readonly onDrained: (forced: number) => void
}

export class Drain {
  readonly #parts: DrainParts
  #forced = 0
  #goaway: Uint8Array = new Uint8Array(0)
  #done = false
  #cancelDeadline: (() => void) | undefined

  constructor(parts: DrainParts) {
    this.#parts = parts
  }

  /** @param deadlineMs from now until what is left is cut off */
  begin(deadlineMs: number): void {
    const { connections, clock } = this.#parts
    const windowMs = Math.min(deadlineMs * WINDOW_PART, Math.max(WINDOW_MS_MIN, connections.size / ENDS_PER_MS))
    this.#goaway = goawayFrame(deadlineMs)
    this.#cancelDeadline = clock.after(deadlineMs, () => this.#force())
    for (const connection of connections) this.#tell(connection, windowMs)
    this.closed()
  }

  /** A socket that was on its way when the drain began is served like the others. */
  joined(connection: Connection): void {
    this.#tell(connection, WINDOW_MS_MIN)
  }

  /** To be called when a connection is gone. */
  closed(): void {
    if (this.#done || this.#parts.connections.size > 0) return
    this.#done = true
    this.#cancelDeadline?.()
    this.#parts.onDrained(this.#forced)
  }

  #tell(connection: Connection, windowMs: number): void {
    const { outbound, deadlines, clock, random } = this.#parts
    if (connection.state !== STATE_OPEN || connection.draining) return
    connection.draining = true
    outbound.sendEncoded(connection, this.#goaway)
    outbound.flush()
    const spreadMs = random() * Math.max(0, windowMs - GRACE_MS)
    deadlines.endBy(connection, clock.nowMs() + Math.min(windowMs, GRACE_MS) + spreadMs)
  }

  #force(): void {
    const { connections, closing } = this.#parts
    for (const connection of connections) {
      // One that only waits for the peer's FIN has ended well.
      if (!connection.finLeft) this.#forced++
      closing.reset(connection, CloseReason.DRAIN_DEADLINE)
    }
  }
}

function goawayFrame(deadlineMs: number): Uint8Array {
  const reason = 'shutdown'
  return encodeGoaway({ reason, retry: 'later', retryAfterMs: RETRY_AFTER_MS, jitterMs: RETRY_JITTER_MS, deadlineMs })
}
