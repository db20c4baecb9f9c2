/**
 * Owns what a worker counts. Plain numbers, written in place, sent to the primary as they are.
 * Must not know: who reads them.
 * Invariant: all but `connectionsOpen`, `callsInFlight` and `handlersRunning` only grow while the worker lives.
 */
import { ERROR_TABLE } from '@shardwire/protocol'
import { CLOSE_REASONS } from '../close-reason.ts'

export interface Counters {
  connectionsOpen: number
  connectionsTotal: number
  bytesIn: number
  framesIn: number
  bytesOut: number
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
}

export function createCounters(): Counters {
  return {
    connectionsOpen: 0,
    connectionsTotal: 0,
    bytesIn: 0,
    framesIn: 0,
    bytesOut: 0,
    writes: 0,
    callsInFlight: 0,
    handlersRunning: 0,
    errors: Array.from({ length: ERROR_TABLE.length + 1 }, () => 0),
    closes: CLOSE_REASONS.map(() => 0),
    unknownIds: 0,
    messagesExpired: 0,
    ringsLeased: 0,
  }
}

/** Adds one to a counter that is kept by number. */
export function countAt(list: number[], index: number): void {
  list[index] = (list[index] ?? 0) + 1
}
