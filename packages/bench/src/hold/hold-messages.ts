/**
 * Owns every message between the coordinator and a process that holds idle connections.
 * Must not know: who acts on them.
 * Invariant: see messages.ts.
 */
import type { ConnectFailure, LoadCodec, Route } from '../messages.ts'

/** What one holder is for. */
export interface HoldPlan {
  readonly route: Route
  readonly codec: LoadCodec
  /** Route that answers with the same bytes: how a sweep asks whether a connection is alive. */
  readonly echoRoute: number
  /** Number of its first connection, counted over all processes from 0. */
  readonly connectionFirst: number
  /** Most connections that it will ever be told to hold. */
  readonly connectionsMax: number
  /** Connects that may be under way at once. */
  readonly connectingMax: number
  /**
   * Whether a connection is up only when it has answered a first question. The kernel lets clients connect that no
   * server has accepted: without the question a holder fills the accept queue, which then drops connects.
   */
  readonly asksFirst: boolean
  /** Questions of a sweep that may be unanswered at once. */
  readonly askedMax: number
}

/** What a holder has, and what it saw since its last report. */
export interface HoldReport {
  readonly up: number
  readonly connecting: number
  /** Connections that ended without being told to, since the beginning. */
  readonly lost: number
  /** Of these, by the system's code; CLOSED is a plain end by the server. */
  readonly lostBy: Readonly<Record<string, number>>
  /** PINGs answered since the beginning. */
  readonly pings: number
  /** Questions of sweeps answered since the beginning. */
  readonly answered: number
  /** How long connects took, in whole microseconds: those of this interval. */
  readonly connectUs: readonly number[]
  readonly memory: HolderMemory
}

/** Bytes of the holder's own. */
export interface HolderMemory {
  readonly residentBytes: number
  readonly heapBytes: number
  readonly externalBytes: number
}

/** What came of asking every connection for one echo. */
export interface SweepReport {
  readonly asked: number
  readonly alive: number
  /** Answered, but with other bytes than were sent. */
  readonly wrong: number
  /** How long answers took, in whole microseconds. */
  readonly answerUs: readonly number[]
}

export type HolderOrder =
  | { readonly type: 'prepare'; readonly plan: HoldPlan }
  /** Opens or closes connections until there are so many, at most `perSecond` a second; null is as fast as can be. */
  | { readonly type: 'resize'; readonly connections: number; readonly perSecond: number | null }
  | { readonly type: 'sweep' }
  /** Says at once what there is. */
  | { readonly type: 'report' }

export type HolderMessage =
  | { readonly type: 'held'; readonly report: HoldReport }
  /** What `resize` asked for is there, or cannot be had. */
  | { readonly type: 'resized'; readonly failure: ConnectFailure | null; readonly report: HoldReport }
  | { readonly type: 'swept'; readonly sweep: SweepReport }
  | { readonly type: 'reported'; readonly report: HoldReport }

const ORDERS: ReadonlySet<string> = new Set<HolderOrder['type']>(['prepare', 'resize', 'sweep', 'report'])
const MESSAGES: ReadonlySet<string> = new Set<HolderMessage['type']>(['held', 'resized', 'swept', 'reported'])

export function isHolderOrder(value: unknown): value is HolderOrder {
  return ORDERS.has(typeOf(value))
}

export function isHolderMessage(value: unknown): value is HolderMessage {
  return MESSAGES.has(typeOf(value))
}

function typeOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('type' in value)) return ''
  return typeof value.type === 'string' ? value.type : ''
}
