/**
 * Owns what a worker finds out about its connections for an operator, and ending one of them.
 * Must not know: who asks, how the answer travels.
 * Invariant: whatever is asked, the loop is held for about a millisecond at a time, and no more than a page is kept.
 */
import { encodeGoaway } from '@shardwire/protocol'
import type { Clock } from '@shardwire/protocol'
import { CLOSE_CLASSES, CloseReason } from '../../close-reason.ts'
import { heldBytes } from '../../worker/budget.ts'
import type { Closing } from '../../worker/closing.ts'
import { type Connection, STATE_CLOSED, STATE_ENDING, STATE_HANDSHAKE } from '../../worker/connection.ts'
import type { Outbound } from '../../worker/outbound.ts'
import type { ClosedHistory } from './closed-history.ts'
import { closedTest, connectionTest } from './filters.ts'
import type { FrameTrail } from './frame-trail.ts'
import type { ClosedQuery, ConnectionQuery, Cursor, Finding, Inquiry, SortKey, Talkers, WorkerPage } from './inquiry.ts'
import { type ClosedRow, type ConnectionDetails, connectionRow } from './rows.ts'
import { Selection } from './selection.ts'
import { walk, type WalkParts } from './walk.ts'

export interface InspectorParts extends WalkParts {
  readonly slot: number
  readonly epoch: string
  readonly clock: Clock
  readonly trail: FrameTrail
  readonly history: ClosedHistory
  readonly closing: Closing
  readonly outbound: Outbound
  /** From GOAWAY to the end of what is still in flight. */
  readonly drainTimeoutMs: number
}

/** A connection, and where it stands. */
interface Place extends Cursor {
  readonly connection: Connection
}

const TALKERS = 10
/** Looks that lie further apart say nothing of who talks now. */
const TALK_WINDOW_MS = 10_000
const MS_PER_S = 1000
const RETRY_AFTER_MS = 1000
/** Ends of connections that a worker leaves behind. */
const REMEMBERED = 100

export class Inspector {
  readonly #parts: InspectorParts
  #talkedAtMs = -Infinity

  constructor(parts: InspectorParts) {
    this.#parts = parts
  }

  async find(inquiry: Inquiry): Promise<Finding> {
    switch (inquiry.about) {
      case 'connections':
        return { about: 'connections', finding: await this.#page(inquiry.query) }
      case 'connection':
        return { about: 'connection', finding: this.#details(await this.#connection(inquiry.sequence)) }
      case 'closed':
        return { about: 'closed', finding: this.closed(inquiry.query) }
      case 'talkers':
        return { about: 'talkers', finding: await this.#talkers() }
      case 'close':
        return { about: 'close', finding: this.#close(await this.#connection(inquiry.sequence), inquiry.isReset) }
    }
  }

  /** Connections that ended, newest first. */
  closed(query: ClosedQuery): ClosedRow[] {
    const { history, epoch, slot } = this.#parts
    return history.rows(epoch, slot).filter(closedTest(query)).slice(0, query.limit)
  }

  /** What outlives this worker: connections that did not end well first, newest first. */
  remembered(): ClosedRow[] {
    const { history, epoch, slot } = this.#parts
    const rows = history.rows(epoch, slot)
    const isWell = ({ reason }: ClosedRow): boolean => CLOSE_CLASSES[reason] === 'normal'
    return [...rows.filter((row) => !isWell(row)), ...rows.filter(isWell)].slice(0, REMEMBERED)
  }

  async #page({ filter, sort, ascending, limit, after }: ConnectionQuery): Promise<WorkerPage> {
    const { connections, slot, nowMs } = this.#parts
    const selection = new Selection<Place>(limit, ascending, after)
    const isIn = connectionTest(filter, nowMs())
    let matched = 0
    await walk(this.#parts, (connection) => {
      if (!isIn(connection)) return true
      matched++
      const place = { key: keyOf(connection, sort), worker: slot, sequence: connection.sequence, connection }
      if (selection.wants(place)) selection.add(place)
      return true
    })
    const now = nowMs()
    const rows = selection.take().map(({ connection, ...cursor }) => {
      return { ...cursor, row: connection.state === STATE_CLOSED ? null : connectionRow(connection, now) }
    })
    return { rows, matched, total: connections.size }
  }

  async #talkers(): Promise<Talkers> {
    const { slot, nowMs } = this.#parts
    const beganMs = nowMs()
    const elapsedMs = beganMs - this.#talkedAtMs
    this.#talkedAtMs = beganMs
    const isFirst = elapsedMs > TALK_WINDOW_MS
    const talkers = new Selection<Place>(TALKERS, false)
    const slow = new Selection<Place>(TALKERS, false)
    const offer = (to: Selection<Place>, connection: Connection, key: number): void => {
      const place = { key, worker: slot, sequence: connection.sequence, connection }
      if (key > 0 && to.wants(place)) to.add(place)
    }
    await walk(this.#parts, (connection) => {
      const before = connection.talkedBytes
      // Modulo 2^32: what a connection does between two looks is less.
      connection.talkedBytes = (connection.bytesIn + connection.transport.takenBytes) | 0
      if (!isFirst) offer(talkers, connection, (connection.talkedBytes - before) | 0)
      offer(slow, connection, connection.transport.unsentBytes)
      return true
    })
    const now = nowMs()
    return {
      talkers: talkers.take().map(({ connection, key }) => ({
        row: connectionRow(connection, now),
        bytesPerSecond: Math.round((key * MS_PER_S) / Math.max(1, elapsedMs)),
      })),
      slow: slow.take().map(({ connection }) => connectionRow(connection, now)),
    }
  }

  async #connection(sequence: number): Promise<Connection | undefined> {
    let found: Connection | undefined
    await walk(this.#parts, (connection) => {
      if (connection.sequence === sequence) found = connection
      return found === undefined
    })
    return found
  }

  #details(connection: Connection | undefined): ConnectionDetails | null {
    if (connection === undefined || connection.state === STATE_CLOSED) return null
    const { nowMs, trail } = this.#parts
    return {
      ...connectionRow(connection, nowMs()),
      lastFrames: trail.headers(connection.trail, connection.framesIn),
      tlsProtocol: connection.tls?.protocol ?? null,
      pingsUnanswered: connection.pingsUnanswered,
      partialBytes: connection.ring?.readableBytes ?? 0,
    }
  }

  #close(connection: Connection | undefined, isReset: boolean): boolean {
    if (connection === undefined || connection.state === STATE_CLOSED) return false
    const { closing, clock, drainTimeoutMs } = this.#parts
    const detail = 'closed by the operator'
    if (isReset || connection.state === STATE_HANDSHAKE) closing.reset(connection, CloseReason.ADMIN_CLOSED, detail)
    else if (connection.state < STATE_ENDING) {
      this.#sayGoaway(connection)
      closing.endAfterAnswers(connection, CloseReason.ADMIN_CLOSED, detail)
      clock.after(drainTimeoutMs, () => closing.reset(connection, CloseReason.ADMIN_CLOSED, detail))
    }
    return true
  }

  #sayGoaway(connection: Connection): void {
    const { outbound, drainTimeoutMs: deadlineMs } = this.#parts
    // Other codecs have no word for it.
    if (connection.listener.codec !== null || connection.draining) return
    const [reason, retryAfterMs] = ['closed by the operator', RETRY_AFTER_MS]
    const goaway = encodeGoaway({ reason, retry: 'later', retryAfterMs, jitterMs: RETRY_AFTER_MS, deadlineMs })
    connection.draining = true
    outbound.sendEncoded(connection, goaway)
    outbound.flush()
  }
}

/** What a connection is sorted by: the most is first unless the order is turned round. */
function keyOf(connection: Connection, sort: SortKey): number {
  switch (sort) {
    // Moments instead of ages: they stay, and all processes have one clock.
    case 'age':
      return -connection.openedAtMs
    case 'idle':
      return -connection.lastReadMs
    case 'bytes-in':
      return connection.bytesIn
    case 'bytes-out':
      return connection.transport.takenBytes
    case 'frames-in':
      return connection.framesIn
    case 'unsent':
      return connection.transport.unsentBytes
    case 'held':
      return heldBytes(connection)
    case 'in-flight':
      return connection.callsInFlight
    case 'round-trip':
      return connection.roundTripUs
  }
}
