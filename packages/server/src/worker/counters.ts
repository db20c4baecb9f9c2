/**
 * Owns what a worker counts. Plain numbers, written in place, sent to the primary as they are.
 * Must not know: who reads them.
 * Invariant: all but what `forgetLevels` names only grow while the worker lives.
 */
import { ERROR_TABLE } from '@shardwire/protocol'
import { CLOSE_REASONS } from '../close-reason.ts'
import { createHistogram, DURATION_BOUNDS, type Histogram } from '../metrics/histogram.ts'
import { createMirrorCounters, type MirrorCounters } from './mirror/mirror-counters.ts'

export interface Counters {
  connectionsOpen: number
  connectionsTotal: number
  /** The same by listener, in the order of SHARDWIRE_LISTEN. */
  openByListener: number[]
  totalByListener: number[]
  bytesIn: number
  /** Frames, and messages of other codecs. */
  framesIn: number
  /** What other codecs know to be no message, but that the peer lives. */
  lifeSigns: number
  bytesOut: number
  framesOut: number
  /** write() calls: one per read batch when all is well. */
  writes: number
  /** Asynchronous handlers whose answer is still owed. */
  callsInFlight: number
  /** Asynchronous handlers that have not ended, answered or not. */
  handlersRunning: number
  /** ERROR frames sent, by code. */
  errors: number[]
  /** Connections ended, by close reason. */
  closes: number[]
  /** RESPONSE, ERROR and CANCEL frames for an id that is not in flight. */
  unknownIds: number
  /** MESSAGEs whose deadline passed, which nobody is told of. */
  messagesExpired: number
  ringsLeased: number
  /** Frames refused for their connection's rate, answered or not. */
  rateLimited: number
  /** MESSAGEs and REQUESTs refused because the worker was overloaded, answered or not. */
  shed: number
  /** Exceptions that nobody caught; with the first the worker is on its way out. */
  uncaughtExceptions: number
  /** Promises that rejected and that nobody awaits. */
  strayRejections: number
  /** PINGs sent. */
  pings: number
  /** Seconds from a PING to its PONG. */
  readonly heartbeatRoundTrip: Histogram
  /** Level of overload now: 0 none, 1 sheds new connections, 2 requests too, 3 the largest holders as well. */
  overload: number
  /** All zero where nothing is mirrored. */
  readonly mirror: MirrorCounters
}

export function createCounters(): Counters {
  return {
    connectionsOpen: 0,
    connectionsTotal: 0,
    openByListener: [],
    totalByListener: [],
    bytesIn: 0,
    framesIn: 0,
    lifeSigns: 0,
    bytesOut: 0,
    framesOut: 0,
    writes: 0,
    callsInFlight: 0,
    handlersRunning: 0,
    errors: Array.from({ length: ERROR_TABLE.length + 1 }, () => 0),
    closes: CLOSE_REASONS.map(() => 0),
    unknownIds: 0,
    messagesExpired: 0,
    ringsLeased: 0,
    rateLimited: 0,
    shed: 0,
    uncaughtExceptions: 0,
    strayRejections: 0,
    pings: 0,
    heartbeatRoundTrip: createHistogram(DURATION_BOUNDS),
    overload: 0,
    mirror: createMirrorCounters(),
  }
}

/** Sets to 0 what is so now, and not counted: of a worker that is gone none of it is left. */
export function forgetLevels(counters: Counters): void {
  counters.connectionsOpen = 0
  counters.openByListener.fill(0)
  counters.callsInFlight = 0
  counters.handlersRunning = 0
  counters.overload = 0
  counters.mirror.waiting = 0
}

/** Adds to a counter that is kept by number. */
export function countAt(list: number[], index: number, count = 1): void {
  list[index] = (list[index] ?? 0) + count
}
