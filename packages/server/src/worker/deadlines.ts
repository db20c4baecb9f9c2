/**
 * Owns what a connection's one wheel entry wakes up for: silence, an unfinished frame, idleness, bytes that do not
 * leave, and the end of lingering.
 * Must not know: frames beyond the PING it sends.
 * Invariant: the entry of a connection stands at the nearest of its deadlines or earlier; what is really due is looked
 * up when it wakes. Reading a byte costs two stores. While we ourselves pause a connection its clocks stand still.
 */
import { encodeFrame, KIND_CONTROL, OPCODE_PING, ShardwireError, TIMEOUT } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import { DURATION_BOUNDS, observe } from '../metrics/histogram.ts'
import type { Closing } from './closing.ts'
import { type Connection, STATE_CLOSED, STATE_FINISHED, STATE_OPEN } from './connection.ts'
import type { Counters } from './counters.ts'
import type { DeadlineWheel } from './deadline.ts'
import type { MaxAge } from './max-age.ts'
import type { Outbound } from './outbound.ts'

/** When a held connection whose moment to end has come is looked at again. */
const HELD_RETRY_MS = 50

const US_PER_MS = 1000
const MS_PER_S = 1000
/** Half an hour: as much as fits into a small integer. */
const ROUND_TRIP_US_MAX = 2 ** 30

const PING = encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PING })

export interface DeadlinesParts {
  readonly wheel: DeadlineWheel
  readonly outbound: Outbound
  readonly closing: Closing
  readonly slowConsumerMs: number
  /** Unsent bytes above which a peer counts as slow. */
  readonly writeBufferBytes: number
  readonly writeTimeoutMs: number
  /** Undefined where connections may become as old as they like. */
  readonly maxAge?: MaxAge | undefined
  readonly counters: Counters
  /** The time as of this tick: it is not asked for anew with every read. */
  readonly nowMs: () => number
  /** The time itself. */
  readonly exactNowMs: () => number
}

export class Deadlines {
  readonly #parts: DeadlinesParts

  constructor(parts: DeadlinesParts) {
    this.#parts = parts
  }

  /** A connection opens: its first deadline is set. */
  begin(connection: Connection): void {
    this.#parts.maxAge?.begin(connection, this.#parts.nowMs())
    this.#scheduleNext(connection)
  }

  /** Any byte is life. */
  heard(connection: Connection): void {
    connection.lastReadMs = this.#parts.nowMs()
    connection.pingsUnanswered = 0
  }

  /** A PONG came: the last one that is due is the last PING's. */
  ponged(connection: Connection): void {
    if (connection.pongsDue === 0 || --connection.pongsDue > 0) return
    const { counters, exactNowMs } = this.#parts
    const ms = Math.max(0, exactNowMs() - connection.lastPingMs)
    connection.roundTripUs = Math.min(ROUND_TRIP_US_MAX, Math.round(ms * US_PER_MS))
    observe(counters.heartbeatRoundTrip, DURATION_BOUNDS, ms / MS_PER_S)
  }

  /** A whole frame came. */
  frameEnded(connection: Connection): void {
    connection.frameStartedMs = 0
  }

  /** A frame is cut: from now on its end is waited for. */
  frameBegan(connection: Connection): void {
    if (connection.frameStartedMs !== 0) return
    connection.frameStartedMs = this.#parts.nowMs()
    this.#wakeBy(connection, connection.frameStartedMs + connection.listener.frameTimeoutMs)
  }

  /** A write left bytes pending. */
  unsent(connection: Connection, aboveMark: boolean): void {
    const nowMs = this.#parts.nowMs()
    if (connection.flushedAtMs === 0) {
      connection.flushedAtMs = nowMs
      connection.flushedBytes = connection.transport.takenBytes
      this.#wakeBy(connection, nowMs + this.#parts.writeTimeoutMs)
    }
    if (!aboveMark || connection.aboveMarkSinceMs !== 0) return
    connection.aboveMarkSinceMs = nowMs
    this.#wakeBy(connection, nowMs + this.#parts.slowConsumerMs)
  }

  /** Everything has left. */
  sent(connection: Connection): void {
    connection.flushedAtMs = 0
    connection.aboveMarkSinceMs = 0
  }

  /** Ends a drained connection at `endByMs`, whatever it does. */
  endBy(connection: Connection, endByMs: number): void {
    connection.endByMs = endByMs
    this.#wakeBy(connection, endByMs)
  }

  /** After a pause of our own making: the peer's clocks begin anew. */
  clockRuns(connection: Connection): void {
    this.heard(connection)
    connection.lastMessageMs = connection.lastReadMs
    if (connection.frameStartedMs !== 0) connection.frameStartedMs = connection.lastReadMs
    // What came meanwhile is read and answered before a drain ends it.
    if (connection.endByMs !== 0) {
      connection.endByMs = Math.max(connection.endByMs, connection.lastReadMs + HELD_RETRY_MS)
    }
    this.#scheduleNext(connection)
  }

  /** The wheel's call. */
  expired(connection: Connection, nowMs: number): void {
    if (connection.state === STATE_CLOSED) return
    if (connection.state === STATE_FINISHED) this.#lingered(connection, nowMs)
    else if (connection.ageByMs !== 0 && nowMs >= Math.abs(connection.ageByMs)) this.#aged(connection, nowMs)
    else if (connection.endByMs !== 0 && nowMs >= connection.endByMs) this.#drained(connection)
    else if (!this.#writeDue(connection, nowMs) && hearsPeer(connection)) this.#readDue(connection, nowMs)
    if (connection.state !== STATE_CLOSED) this.#scheduleNext(connection)
  }

  /** Deadlines of what we send. @returns whether the connection ended by one */
  #writeDue(connection: Connection, nowMs: number): boolean {
    const { closing, slowConsumerMs, writeTimeoutMs, writeBufferBytes } = this.#parts
    if (connection.transport.unsentBytes < writeBufferBytes) connection.aboveMarkSinceMs = 0
    const above = connection.aboveMarkSinceMs
    if (above !== 0 && nowMs - above >= slowConsumerMs) {
      closing.reset(connection, CloseReason.SLOW_CONSUMER)
      return true
    }
    if (connection.flushedAtMs === 0 || nowMs - connection.flushedAtMs < writeTimeoutMs) return false
    if (connection.transport.takenBytes === connection.flushedBytes) {
      closing.reset(connection, CloseReason.WRITE_TIMEOUT)
      return true
    }
    connection.flushedBytes = connection.transport.takenBytes
    connection.flushedAtMs = nowMs
    return false
  }

  /** Deadlines of what the peer sends. */
  #readDue(connection: Connection, nowMs: number): void {
    const { frameTimeoutMs, idleTimeoutMs } = connection.listener
    const { closing } = this.#parts
    if (connection.frameStartedMs !== 0 && nowMs - connection.frameStartedMs >= frameTimeoutMs) {
      const text = `a frame was not finished within ${frameTimeoutMs} ms`
      closing.failWith(connection, CloseReason.FRAME_TIMEOUT, new ShardwireError(TIMEOUT, text))
    } else if (idleTimeoutMs > 0 && nowMs - connection.lastMessageMs >= idleTimeoutMs) {
      this.#idle(connection, nowMs)
    } else {
      this.#heartbeat(connection, nowMs)
    }
  }

  #idle(connection: Connection, nowMs: number): void {
    if (connection.callsInFlight > 0 || connection.served?.isAsking === true) {
      // Whoever waits for an answer is not idle.
      connection.lastMessageMs = nowMs
      return
    }
    // Nothing is said unasked to who speaks no frames.
    if (connection.listener.codec !== null) {
      return this.#parts.closing.endAfterAnswers(connection, CloseReason.IDLE_TIMEOUT)
    }
    const text = `no message within ${connection.listener.idleTimeoutMs} ms`
    this.#parts.closing.failWith(connection, CloseReason.IDLE_TIMEOUT, new ShardwireError(TIMEOUT, text))
  }

  /** The moment that a drain gave this connection: what is in flight is still answered. */
  #drained(connection: Connection): void {
    if (connection.hold !== 0) {
      // Frames that came wait to be served; the drain's own deadline bounds how long.
      connection.endByMs = this.#parts.nowMs() + HELD_RETRY_MS
      return
    }
    connection.endByMs = 0
    const reason = connection.ageByMs < 0 ? CloseReason.MAX_AGE : CloseReason.DRAINED
    this.#parts.closing.endAfterAnswers(connection, reason)
  }

  /** First it is told to connect anew; if it is here still when the time it was given is over, it is cut off. */
  #aged(connection: Connection, nowMs: number): void {
    const { maxAge, outbound, closing } = this.#parts
    if (maxAge === undefined) return
    if (connection.ageByMs < 0) closing.reset(connection, CloseReason.MAX_AGE)
    else if (connection.draining || connection.state !== STATE_OPEN) connection.ageByMs = 0
    else {
      connection.ageByMs = -(nowMs + maxAge.graceMs)
      connection.endByMs = maxAge.endByMs(connection, nowMs)
      if (connection.listener.codec !== null) return
      connection.draining = true
      outbound.sendEncoded(connection, maxAge.goaway)
      outbound.flush()
    }
  }

  #heartbeat(connection: Connection, nowMs: number): void {
    const { heartbeatMs, heartbeatMisses } = connection.listener
    const { counters, exactNowMs } = this.#parts
    if (heartbeatMs === 0 || nowMs < pingDueMs(connection)) return
    if (connection.pingsUnanswered >= heartbeatMisses) {
      // A peer held dead is reset, so that the kernel keeps no orphan.
      this.#parts.closing.reset(connection, CloseReason.HEARTBEAT_TIMEOUT)
      return
    }
    connection.pingsUnanswered++
    connection.pongsDue++
    connection.lastPingMs = exactNowMs()
    counters.pings++
    this.#parts.outbound.sendEncoded(connection, PING)
    this.#parts.outbound.flush()
  }

  /**
   * FINISHED: before our FIN went out the bytes before it have the write deadlines; after it the peer has its moment.
   */
  #lingered(connection: Connection, nowMs: number): void {
    if (!connection.transport.isEnding) this.#writeDue(connection, nowMs)
    else if (nowMs >= connection.endByMs) this.#parts.closing.lingered(connection)
  }

  #wakeBy(connection: Connection, dueMs: number): void {
    const due = this.#parts.wheel.dueMs(connection)
    if (due === undefined || due > dueMs) this.#parts.wheel.schedule(connection, dueMs)
  }

  #scheduleNext(connection: Connection): void {
    const dueMs = this.#nextDueMs(connection)
    if (dueMs !== Infinity) this.#parts.wheel.schedule(connection, dueMs)
  }

  #nextDueMs(connection: Connection): number {
    if (connection.state === STATE_FINISHED && connection.transport.isEnding) return connection.endByMs
    const { frameTimeoutMs, idleTimeoutMs, heartbeatMs } = connection.listener
    const { slowConsumerMs, writeTimeoutMs } = this.#parts
    let due = Infinity
    if (connection.flushedAtMs !== 0) due = Math.min(due, connection.flushedAtMs + writeTimeoutMs)
    if (connection.aboveMarkSinceMs !== 0) due = Math.min(due, connection.aboveMarkSinceMs + slowConsumerMs)
    if (connection.endByMs !== 0) due = Math.min(due, connection.endByMs)
    if (connection.ageByMs !== 0) due = Math.min(due, Math.abs(connection.ageByMs))
    // On hold the peer's clocks stand still, and whoever let it go schedules anew.
    if (!hearsPeer(connection)) return due
    if (connection.frameStartedMs !== 0) due = Math.min(due, connection.frameStartedMs + frameTimeoutMs)
    if (idleTimeoutMs > 0) due = Math.min(due, connection.lastMessageMs + idleTimeoutMs)
    if (heartbeatMs > 0) due = Math.min(due, pingDueMs(connection))
    return due
  }
}

/** Whether what the peer sends reaches us: not while we hold it, and not after its FIN. */
function hearsPeer(connection: Connection): boolean {
  return connection.hold === 0 && !connection.peerEnded
}

/** An interval after the last byte came or, if that is later, after the last PING was sent: none is due in a bunch. */
function pingDueMs(connection: Connection): number {
  return Math.max(connection.lastReadMs, connection.lastPingMs) + connection.listener.heartbeatMs
}
