/**
 * Owns what is told of a connection, while it lives and after.
 * Must not know: who asks, how rows are found.
 * Invariant: rows are plain data; nothing of what a client sent is in them but headers of frames.
 */
import type { CloseReasonName } from '../../close-reason.ts'
import { heldBytes } from '../../worker/budget.ts'
import {
  type Connection,
  HOLD_TURN,
  HOLD_WRITE,
  STATE_ENDING,
  STATE_FINISHED,
  STATE_HANDSHAKE,
  STATE_OPEN,
} from '../../worker/connection.ts'
import type { FrameHeader } from './frame-trail.ts'

export type ConnectionState = 'handshake' | 'open' | 'draining' | 'ending' | 'finished'

/** A connection as it is now. Times in milliseconds. */
export interface ConnectionRow {
  readonly id: string
  readonly worker: number
  /** Its place in SHARDWIRE_LISTEN. */
  readonly listener: number
  /** `address:port` of the client; null where it has none (Unix sockets), or no more. */
  readonly peer: string | null
  readonly state: ConnectionState
  readonly ageMs: number
  /** Since a byte came. */
  readonly idleMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly framesIn: number
  /** Written, and not taken by the kernel. */
  readonly unsentBytes: number
  /** Buffers that it holds. */
  readonly heldBytes: number
  readonly callsInFlight: number
  /** Of the last PING; null before there was one. */
  readonly roundTripMs: number | null
  /** Why nothing is read from it now: it has too much unsent, had its share of this turn, or something else. */
  readonly hold: 'unsent' | 'turn' | 'other' | null
  /** SPIFFE ID or subject of its certificate. */
  readonly identity: string | null
}

/** The same, with what is looked at for one only. */
export interface ConnectionDetails extends ConnectionRow {
  /** Oldest first. */
  readonly lastFrames: readonly FrameHeader[]
  readonly tlsProtocol: string | null
  readonly pingsUnanswered: number
  /** Bytes of a frame that is cut. */
  readonly partialBytes: number
}

/** A connection that ended. */
export interface ClosedRow {
  readonly id: string
  readonly worker: number
  readonly listener: number
  /** Null where it was gone already, or too many ended at once to ask. */
  readonly peer: string | null
  readonly reason: CloseReasonName
  /** What it was told, or what is known beside the reason. */
  readonly detail: string | null
  /** Milliseconds since 1970. */
  readonly closedAt: number
  readonly livedMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly framesIn: number
  /** Oldest first. */
  readonly lastFrames: readonly FrameHeader[]
}

const US_PER_MS = 1000

export function connectionRow(connection: Connection, nowMs: number): ConnectionRow {
  const { transport, roundTripUs, tls } = connection
  return {
    id: connection.id,
    worker: connection.shard,
    listener: connection.listener.index,
    peer: peerText(connection) ?? null,
    state: stateOf(connection),
    ageMs: Math.max(0, Math.round(nowMs - connection.openedAtMs)),
    idleMs: Math.max(0, Math.round(nowMs - connection.lastReadMs)),
    bytesIn: connection.bytesIn,
    bytesOut: transport.takenBytes,
    framesIn: connection.framesIn,
    unsentBytes: transport.unsentBytes,
    heldBytes: heldBytes(connection),
    callsInFlight: connection.callsInFlight,
    roundTripMs: roundTripUs < 0 ? null : roundTripUs / US_PER_MS,
    hold: holdOf(connection),
    identity: tls?.spiffeId ?? tls?.subject ?? null,
  }
}

/** @returns undefined where it has no address, or no more */
export function peerText({ remoteAddress, remotePort }: Connection): string | undefined {
  if (remoteAddress === undefined) return undefined
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
}

export function stateOf({ state, draining }: Connection): ConnectionState {
  switch (state) {
    case STATE_HANDSHAKE:
      return 'handshake'
    case STATE_OPEN:
      return draining ? 'draining' : 'open'
    case STATE_ENDING:
      return 'ending'
    case STATE_FINISHED:
    default:
      return 'finished'
  }
}

function holdOf({ hold }: Connection): ConnectionRow['hold'] {
  if (hold === 0) return null
  if ((hold & HOLD_WRITE) !== 0) return 'unsent'
  return hold === HOLD_TURN ? 'turn' : 'other'
}
