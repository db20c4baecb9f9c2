/**
 * Owns every message between the coordinator and its load processes.
 * Must not know: who acts on them, or how they travel (plain data; the IPC channel's JSON is enough).
 * Invariant: both ends import this file and nothing is sent that is not in one of its two unions.
 */

export type LoadMode = 'message' | 'request'

/** What one load process is to do: its part of the run. */
export interface LoadPlan {
  /** Address after name resolution. */
  readonly host: string
  readonly port: number
  /** Number of its first connection, counted over all processes from 0. */
  readonly connectionFirst: number
  readonly connections: number
  /** Frames that each connection keeps in flight. */
  readonly depth: number
  readonly payloadBytes: number
  readonly mode: LoadMode
  readonly route: number
  readonly warmupMs: number
  readonly durationMs: number
  /** Connects that may be under way at once. */
  readonly connectingMax: number
}

/** Why a connection could not be made. */
export interface ConnectFailure {
  /** The system's code, or one of ours: CLOSED_EARLY, CONNECT_STALLED. */
  readonly code: string
  readonly message: string
  /** Connections of this process that were up by then. */
  readonly connected: number
}

/** What can go wrong under load, by kind. */
export const ERROR_KINDS = [
  'wrong-answer',
  'unexpected-frame',
  'error-frame',
  'broken-stream',
  'goaway',
  'lost-connection',
  'unanswered',
] as const

export type ErrorKind = (typeof ERROR_KINDS)[number]
export type ErrorCounts = Readonly<Record<ErrorKind, number>>

/** The first error of a process, told so that it can be looked for in a packet capture. */
export interface ErrorExample {
  readonly kind: ErrorKind
  /** Number of the connection, counted over all processes from 0. */
  readonly connection: number
  /** Sequence number of the frame concerned; 0 when there is none. */
  readonly sequence: number
  /** Offset in the frame of the first wrong byte; -1 when no byte is to blame. */
  readonly offset: number
  /** Up to 16 bytes from that offset on, as hex: what had to come, and what came. */
  readonly expected: string
  readonly got: string
  readonly sentence: string
}

/** Latencies of one interval: whole microseconds, exact but for the histogram's three digits. */
export interface LatencySnapshot {
  readonly samples: number
  readonly sumUs: number
  readonly minUs: number
  readonly maxUs: number
  /** Samples above the histogram's range: in every number here, but in no percentile. */
  readonly aboveRange: number
  /** HDR V2, compressed, base64; empty without samples. */
  readonly histogram: string
}

/** In their order. */
export const PHASES = ['warm-up', 'measured', 'drain'] as const
export type Phase = (typeof PHASES)[number]

/** What a process saw since its last report; an interval never spans two phases. */
export interface IntervalReport {
  readonly phase: Phase
  readonly lengthUs: number
  readonly answers: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Connections that are up at its end. */
  readonly connections: number
  /** Errors since the beginning. */
  readonly errors: number
  readonly latency: LatencySnapshot
}

/** What a process used of its core while it measured. */
export interface SelfReport {
  readonly lengthUs: number
  /** CPU of the thread that makes the load, and of the whole process, with the threads of its runtime. */
  readonly threadCpuUs: number
  readonly processCpuUs: number
  /** Share of the time that the event loop was not waiting, 0 to 1. */
  readonly loopBusy: number
  readonly loopDelayP50Us: number
  readonly loopDelayP99Us: number
  readonly loopDelayMaxUs: number
}

/** The same with the number of the process, from 0, which it keeps when others are gone. */
export interface ProcessReport extends SelfReport {
  readonly process: number
}

export interface LoadSummary {
  /** Whether it was told to stop before its time. */
  readonly cutShort: boolean
  readonly measuredUs: number
  readonly self: SelfReport
  readonly errors: ErrorCounts
  readonly example: ErrorExample | null
}

export type CoordinatorMessage =
  | { readonly type: 'prepare'; readonly plan: LoadPlan }
  | { readonly type: 'start' }
  | { readonly type: 'stop' }

export type LoadMessage =
  | { readonly type: 'connecting'; readonly connected: number }
  | { readonly type: 'connect-failed'; readonly failure: ConnectFailure }
  | { readonly type: 'ready' }
  | { readonly type: 'interval'; readonly interval: IntervalReport }
  | { readonly type: 'done'; readonly summary: LoadSummary }

const COORDINATOR_TYPES: ReadonlySet<string> = new Set<CoordinatorMessage['type']>(['prepare', 'start', 'stop'])
const LOAD_TYPES: ReadonlySet<string> = new Set<LoadMessage['type']>([
  'connecting',
  'connect-failed',
  'ready',
  'interval',
  'done',
])

/** Narrows what came over the channel; both ends are one build, so the type field is all there is to check. */
export function isCoordinatorMessage(value: unknown): value is CoordinatorMessage {
  return COORDINATOR_TYPES.has(typeOf(value))
}

export function isLoadMessage(value: unknown): value is LoadMessage {
  return LOAD_TYPES.has(typeOf(value))
}

function typeOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('type' in value)) return ''
  return typeof value.type === 'string' ? value.type : ''
}
