/**
 * Owns every message between the coordinator and the processes that it starts.
 * Must not know: who acts on them, or how they travel (plain data; the IPC channel's JSON is enough).
 * Invariant: both ends import this file and nothing is sent that is not in one of its unions.
 */
import type { Arrivals, RateStage } from './load/pace/schedule.ts'

export type LoadMode = 'message' | 'request'
export type LoadCodec = 'frame' | 'json' | 'line' | 'raw'
/** How a load process waits for the next moment at which something is due. */
export type Pacing = 'spin' | 'timer'

/** One form of message of a load. */
export interface TrafficShape {
  /** Index of the class whose latencies it belongs to. */
  readonly classIndex: number
  readonly route: number
  readonly payloadBytes: number
  /** A fixed body as hex instead of numbers and letters. */
  readonly body: string | null
  /** What must come back: `echo` is the same bytes, `any` whatever has the right id; else these bytes as hex. */
  readonly answer: string
}

/** What is sent. */
export interface Traffic {
  /** Names of the classes whose latencies are told apart. */
  readonly classes: readonly string[]
  readonly shapes: readonly TrafficShape[]
  /** How often each shape comes, relative to the others. */
  readonly weights: readonly number[]
}

/** When frames are due; without it the loop is closed. */
export interface OpenPlan {
  /** Warm-up first, if there is one. */
  readonly stages: readonly RateStage[]
  readonly arrivals: Arrivals
  readonly part: number
  readonly parts: number
  readonly pacing: Pacing
}

/** Where connections of a process go to, and from where. */
export interface Route {
  /** Addresses after name resolution: connections take turns over them. */
  readonly hosts: readonly string[]
  readonly port: number
  /** Address of ours to connect from; null leaves it to the system. */
  readonly localAddress: string | null
}

/** What one load process is to do: its part of the run. */
export interface LoadPlan {
  readonly route: Route
  readonly codec: LoadCodec
  readonly mode: LoadMode
  readonly traffic: Traffic
  /** Null for a closed loop. */
  readonly open: OpenPlan | null
  /** Number of its first connection, counted over all processes from 0. */
  readonly connectionFirst: number
  readonly connections: number
  /** Frames that each connection keeps, or in an open loop may have, in flight. */
  readonly depth: number
  readonly warmupMs: number
  readonly durationMs: number
  /** How often it reports. */
  readonly intervalMs: number
  /** How long answers are waited for after that. */
  readonly drainMs: number
  /** Connects that may be under way at once. */
  readonly connectingMax: number
  readonly seed: number
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
  'refused',
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
  /** HDR V2, base64, not compressed; empty without samples. */
  readonly histogram: string
}

/** The histograms of a load; those of an open loop are empty in a closed one. */
export const LATENCY_KINDS = ['response', 'service', 'sendLag', 'ownLag'] as const
/**
 * response: from the moment a frame was due (in a closed loop: was written) to the moment its answer was read.
 * service: from the moment it was written to the answer; what a generator without a plan would report.
 * sendLag: from due to written, whatever the cause. ownLag: the part of it that the generator itself is to blame for.
 */
export type LatencyKind = (typeof LATENCY_KINDS)[number]
export type LatencySet = Readonly<Record<LatencyKind, LatencySnapshot>> & {
  /** Response times by class of message; empty where there is only one. */
  readonly classes: readonly LatencySnapshot[]
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
  /** Frames that fell due in an open loop, and frames written. */
  readonly due: number
  readonly sent: number
  /** Frames that are due and not written, at its end. */
  readonly waiting: number
  /** Connections that are up at its end. */
  readonly connections: number
  /** Errors since the beginning. */
  readonly errors: number
  readonly latency: LatencySet
}

/** What a process used of its core while it measured. */
export interface SelfReport {
  readonly lengthUs: number
  /** CPU of the thread that makes the load, and of the whole process, with the threads of its runtime. */
  readonly threadCpuUs: number
  readonly processCpuUs: number
  /** Share of the time that the event loop was not waiting, 0 to 1; waiting by spinning counts as waiting. */
  readonly loopBusy: number
  /** Time spent spinning for the next due moment. */
  readonly spinUs: number
  readonly loopDelayP50Us: number
  readonly loopDelayP99Us: number
  readonly loopDelayMaxUs: number
  /** Garbage collections: how many, how long in all and at most. */
  readonly gcCount: number
  readonly gcUs: number
  readonly gcMaxUs: number
}

/** The same with the number of the process, from 0, which it keeps when others are gone. */
export interface ProcessReport extends SelfReport {
  readonly process: number
}

/** What became of the frames of an open loop's measured time. */
export interface OpenCounts {
  /** Fell due. */
  readonly due: number
  /** Waited because their connection had its window, or the kernel's buffer, full. */
  readonly held: number
  /** Were written more than LATE_US after they were due, through the generator's own fault. */
  readonly late: number
  /** Were not written by the end of the drain. */
  readonly unsent: number
  /** Found no room to wait, or no connection; they are in no histogram. */
  readonly dropped: number
  /** Had no answer by the end of the drain: they enter the histograms with the time that they had waited by then. */
  readonly censored: number
}

export interface LoadSummary {
  /** Whether it was told to stop before its time. */
  readonly cutShort: boolean
  readonly measuredUs: number
  readonly self: SelfReport
  readonly open: OpenCounts | null
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
  | { readonly type: 'ready'; readonly connects: LatencySnapshot }
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
