/**
 * Owns the end of a worker: GOAWAY to everyone, each connection its moment, a deadline for those that are left.
 * Must not know: why the worker stops.
 * Invariant: `onDrained` is called once, when no connection is left, and nobody who may become one. It may be ordered
 * again: then the earlier of the deadlines counts.
 */
import { type CancelTimer, type Clock, DRAINING, encodeGoaway, ShardwireError } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { Closing } from './closing.ts'
import { type Connection, STATE_HANDSHAKE, STATE_OPEN } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import type { DrainReport } from './drain-report.ts'
import { ACTIVE_GRACE_MS, GRACE_MS, graceMs } from './grace.ts'
import type { Outbound } from './outbound.ts'

/** Least time over which the ends are spread. */
const WINDOW_MS_MIN = 150
/** A worker ends about this many idle connections a second, so that a fleet does not come back all at once. */
const ENDS_PER_MS = 2
/** The part of the deadline in which idle connections are ended; the rest is for handlers in flight. */
const WINDOW_PART = 0.5
/** What clients are told to wait before they come back. */
const RETRY_AFTER_MS = 500
const RETRY_JITTER_MS_MIN = 2000
const RETRY_JITTER_MS_MAX = 60_000
/** So many of a worker's clients come back a millisecond: what it takes also where each costs a TLS handshake. */
const COMES_PER_MS = 1
/** The same where the other workers, and the next one of this slot, are there already. */
const RETRY_NOW_JITTER_MS = 500

export interface DrainParts {
  readonly connections: ReadonlySet<Connection>
  readonly outbound: Outbound
  readonly closing: Closing
  readonly deadlines: Deadlines
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  /** Asynchronous handlers whose answer is owed. */
  readonly callsInFlight: () => number
  /** Sockets that are here and may still be let in. */
  readonly guests: () => number
  /** From now on none of those is. */
  readonly dismissGuests: () => void
  readonly onDrained: (report: DrainReport) => void
}

export interface DrainOrder {
  /** From now until what is left is cut off. */
  readonly deadlineMs: number
  /** Others serve on: clients may come back at once. */
  readonly rolling: boolean
  /** Clients are in this process, and nothing of theirs is on its way: nobody is waited for but handlers in flight. */
  readonly isLocal?: boolean
}

export class Drain {
  readonly #parts: DrainParts
  #hasBegun = false
  #beganMs = 0
  #endByMs = Infinity
  /** Nobody is waited for any longer who may be about to send. */
  #graceByMs = 0
  #calls = 0
  #closed = 0
  #forced = 0
  /** Calls that got no answer. */
  #lost = 0
  #goaway: Uint8Array = new Uint8Array(0)
  #done = false
  #cancelDeadline: CancelTimer | undefined
  #cancelNewcomers: CancelTimer | undefined

  constructor(parts: DrainParts) {
    this.#parts = parts
  }

  /** Begins it, or brings the deadline of one that is under way forward. */
  order(order: DrainOrder): void {
    const { clock } = this.#parts
    if (this.#done) return
    if (!order.rolling) this.#boundNewcomers(order)
    const nowMs = clock.nowMs()
    const endByMs = nowMs + order.deadlineMs
    if (endByMs >= this.#endByMs) return
    this.#endByMs = endByMs
    this.#cancelDeadline?.()
    this.#cancelDeadline = clock.after(order.deadlineMs, () => this.#force())
    if (!this.#hasBegun) this.#begin(order, nowMs)
  }

  /** A socket that was on its way when the drain began is served like the others. */
  joined(connection: Connection): void {
    this.#tell(connection, WINDOW_MS_MIN)
  }

  /** To be called when a connection is gone. */
  closed(): void {
    this.#closed++
    this.#check()
  }

  /** To be called when somebody left who was not let in. */
  guestLeft(): void {
    this.#check()
  }

  #begin({ deadlineMs, rolling, isLocal = false }: DrainOrder, nowMs: number): void {
    const { connections, callsInFlight } = this.#parts
    const spreadMs = Math.min(deadlineMs * WINDOW_PART, Math.max(WINDOW_MS_MIN, connections.size / ENDS_PER_MS))
    const windowMs = isLocal ? 0 : spreadMs
    const graceMsMax = isLocal ? 0 : deadlineMs * WINDOW_PART
    this.#hasBegun = true
    this.#goaway = goawayFrame(deadlineMs, rolling, connections.size)
    this.#beganMs = nowMs
    this.#graceByMs = this.#beganMs + graceMsMax
    this.#calls = callsInFlight()
    for (const connection of connections) this.#tell(connection, windowMs)
    this.#check()
  }

  #check(): void {
    if (this.#done || this.#parts.connections.size > 0 || this.#parts.guests() > 0) return
    this.#done = true
    this.#cancelDeadline?.()
    this.#cancelNewcomers?.()
    const longestMs = this.#closed === 0 ? 0 : Math.round(this.#parts.clock.nowMs() - this.#beganMs)
    this.#parts.onDrained({
      answered: Math.max(0, this.#calls - this.#lost),
      closed: this.#closed - this.#forced,
      forced: this.#forced,
      longestMs,
    })
  }

  #tell(connection: Connection, windowMs: number): void {
    const { outbound, deadlines, clock, random } = this.#parts
    if (connection.state !== STATE_OPEN || connection.draining) return
    // Without a word for it a client is served until its moment comes.
    if (connection.listener.codec === null) {
      connection.draining = true
      outbound.sendEncoded(connection, this.#goaway)
      outbound.flush()
    }
    const nowMs = clock.nowMs()
    const spreadMs = random() * Math.max(0, windowMs - GRACE_MS)
    const soonestMs = Math.min(nowMs + graceMs(connection, nowMs), Math.max(this.#graceByMs, nowMs))
    deadlines.endBy(connection, Math.max(soonestMs, nowMs + Math.min(windowMs, GRACE_MS) + spreadMs))
  }

  /**
   * Where nobody serves on, who is being let in has as long as who has just connected, and not the handshake timeout:
   * a client that connects and says nothing must not hold up the end.
   */
  #boundNewcomers({ deadlineMs, isLocal = false }: DrainOrder): void {
    const ms = isLocal ? 0 : Math.min(ACTIVE_GRACE_MS, deadlineMs * WINDOW_PART)
    this.#cancelNewcomers ??= this.#parts.clock.after(ms, () => this.#dismissNewcomers())
  }

  #dismissNewcomers(): void {
    const { connections, closing } = this.#parts
    const text = 'the server stops, and has not let this client in yet'
    for (const connection of connections) {
      if (connection.state === STATE_HANDSHAKE) closing.letGo(connection, CloseReason.DRAINED, text)
      else if (connection.greeting !== null) {
        closing.failWith(connection, CloseReason.DRAINED, new ShardwireError(DRAINING, text))
      }
    }
  }

  #force(): void {
    const { connections, closing, callsInFlight, dismissGuests } = this.#parts
    dismissGuests()
    this.#lost = callsInFlight()
    for (const connection of connections) {
      // One that only waits for the peer's FIN has ended well.
      if (!connection.finLeft) this.#forced++
      closing.reset(connection, CloseReason.DRAIN_DEADLINE)
    }
  }
}

function goawayFrame(deadlineMs: number, rolling: boolean, connections: number): Uint8Array {
  if (rolling) {
    const jitterMs = Math.min(deadlineMs, RETRY_NOW_JITTER_MS)
    return encodeGoaway({ reason: 'this worker is replaced', retry: 'now', retryAfterMs: 0, jitterMs, deadlineMs })
  }
  const reason = 'shutdown'
  const fleetMs = Math.min(RETRY_JITTER_MS_MAX, Math.ceil(connections / COMES_PER_MS))
  const jitterMs = Math.max(RETRY_JITTER_MS_MIN, fleetMs)
  return encodeGoaway({ reason, retry: 'later', retryAfterMs: RETRY_AFTER_MS, jitterMs, deadlineMs })
}
