/**
 * Owns every message between the coordinator and the control process.
 * Must not know: who acts on them.
 * Invariant: see messages.ts.
 */
import type { LatencySnapshot } from '../messages.ts'

export interface ControlOrder {
  readonly type: 'tell'
}

/** What it says when it is asked, and forgets. */
export interface ControlMessage {
  readonly type: 'hiccups'
  /** By how much it woke too late, in microseconds. */
  readonly hiccups: LatencySnapshot
}

export function isControlMessage(value: unknown): value is ControlMessage {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'hiccups'
}
