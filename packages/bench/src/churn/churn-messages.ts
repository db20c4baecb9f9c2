/**
 * Owns every message between the coordinator and the process that opens and closes connections.
 * Must not know: who acts on them.
 * Invariant: see messages.ts.
 */
import type { LatencySnapshot, LoadCodec, Route } from '../messages.ts'

/** How a connection ends: as clients do, or without leaving a port in TIME_WAIT behind. */
export type ChurnClose = 'fin' | 'reset'

export interface ChurnPlan {
  readonly route: Route
  readonly codec: LoadCodec
  /** Route that answers with the same bytes. */
  readonly echoRoute: number
  readonly connectionFirst: number
  /** Connections opened a second, by a plan as in an open loop. */
  readonly perSecond: number
  readonly close: ChurnClose
  /** Connects of this time are not counted. */
  readonly warmupMs: number
  readonly durationMs: number
}

/** What became of the connections that fell due in the measured time, so far. */
export interface ChurnReport {
  readonly due: number
  readonly connected: number
  readonly answered: number
  /** Came up or answered wrongly, late or not at all, by the system's code or one of ours. */
  readonly failed: number
  readonly failedBy: Readonly<Record<string, number>>
  /** Were not dialed since too many were under way. */
  readonly dropped: number
  /** From the moment a connection was due: until it was up, and until its first answer. Since the last report. */
  readonly connect: LatencySnapshot
  readonly firstAnswer: LatencySnapshot
}

export type ChurnOrder =
  | { readonly type: 'prepare'; readonly plan: ChurnPlan }
  | { readonly type: 'start' }
  | { readonly type: 'stop' }

export type ChurnMessage =
  /** It can begin. */
  | { readonly type: 'ready' }
  | { readonly type: 'churned'; readonly report: ChurnReport }
  /** Nothing is under way any more. */
  | { readonly type: 'done'; readonly report: ChurnReport }

export function isChurnOrder(value: unknown): value is ChurnOrder {
  return isOneOf(value, ['prepare', 'start', 'stop'])
}

export function isChurnMessage(value: unknown): value is ChurnMessage {
  return isOneOf(value, ['ready', 'churned', 'done'])
}

function isOneOf(value: unknown, types: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && types.includes(String(value.type))
}
