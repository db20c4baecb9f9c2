/**
 * Owns every message between the coordinator and the process of the slow readers.
 * Must not know: who acts on them.
 * Invariant: see messages.ts.
 */
import type { Route } from '../messages.ts'

export interface SlowPlan {
  readonly route: Route
  /** Route that answers with the same bytes. */
  readonly echoRoute: number
  readonly connections: number
  /** What each of them reads. */
  readonly bytesPerSecond: number
  readonly payloadBytes: number
}

export interface SlowReport {
  readonly up: number
  readonly bytesSent: number
  readonly bytesRead: number
  /** Connections that the server ended, which is its right; they are opened anew. */
  readonly ended: number
  readonly endedBy: Readonly<Record<string, number>>
}

export type SlowOrder = { readonly type: 'prepare'; readonly plan: SlowPlan } | { readonly type: 'stop' }

export type SlowMessage =
  /** All of them are being opened. */
  | { readonly type: 'ready' }
  | { readonly type: 'slow'; readonly report: SlowReport }
  | { readonly type: 'stopped'; readonly report: SlowReport }

export function isSlowOrder(value: unknown): value is SlowOrder {
  return isOneOf(value, ['prepare', 'stop'])
}

export function isSlowMessage(value: unknown): value is SlowMessage {
  return isOneOf(value, ['ready', 'slow', 'stopped'])
}

function isOneOf(value: unknown, types: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && types.includes(String(value.type))
}
