/**
 * Owns what is told of the daemon as a whole: one object, by which shell, dashboard and doctor show it.
 * Must not know: HTTP, who looks.
 * Invariant: what is counted is told as a total: who shows rates subtracts two of these, and misses nothing between.
 */
import type { Clock } from '@shardwire/protocol'
import type { Talker } from './inspect/inquiry.ts'
import type { ConnectionRow } from './inspect/rows.ts'
import { CLOSE_REASONS } from '../close-reason.ts'
import type { Config } from '../config/load-config.ts'
import type { DaemonFigures, SlotSummary, WorkerState } from '../metrics/daemon-figures.ts'
import { DELAY_BOUNDS, DURATION_BOUNDS, type Histogram } from '../metrics/histogram.ts'
import { listenerLabels, outcomeName, routeLabel } from '../metrics/render.ts'
import { OUTCOME_OK } from '../metrics/route-stats.ts'
import type { ReloadState } from '../reloads.ts'
import { REFUSALS } from '../refusal.ts'
import { VERSION } from '../version.ts'

export interface ProcessStatus {
  readonly pid: number
  readonly state: WorkerState
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

export interface WorkerStatus {
  readonly worker: number
  /** One that serves at most, and those that start or leave. */
  readonly processes: readonly ProcessStatus[]
  readonly connections: number
  readonly accepted: number
  readonly framesIn: number
  readonly framesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly requestsInFlight: number
  readonly overload: number
  readonly loopActiveSeconds: number
  readonly loopIdleSeconds: number
  readonly loopDelay: Histogram
  readonly gcSeconds: number
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly heapLimitBytes: number
  readonly bufferBytes: number
  readonly bufferBytesMax: number
  readonly openFiles: number
  readonly openFilesMax: number
  readonly offloadWaiting: number
  readonly offloadRunning: number
  readonly exits: SlotSummary['exits']
}

export interface RouteStatus {
  readonly route: string
  /** On the wire; -1 for all that the service does not have. */
  readonly number: number
  readonly ok: number
  /** REQUESTs and MESSAGEs by outcome, those that have occurred. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly latency: Histogram
}

export interface Status {
  readonly version: string
  readonly node: string
  readonly pid: number
  /** Milliseconds since 1970, both. */
  readonly now: number
  readonly startedAt: number
  /** Milliseconds that it has run, of a clock that nobody sets: what differences are taken of. */
  readonly upMs: number
  /** Of the histograms below, in seconds: of durations, and of delays. */
  readonly bounds: { readonly duration: readonly number[]; readonly delay: readonly number[] }
  readonly ready: boolean
  readonly reasons: readonly string[]
  readonly listeners: readonly { readonly address: string; readonly connections: number }[]
  readonly workers: readonly WorkerStatus[]
  readonly routes: readonly RouteStatus[]
  readonly closes: Readonly<Record<string, number>>
  readonly refusals: Readonly<Record<string, number>>
  readonly connectionsLost: number
  readonly handoffPending: number
  readonly heartbeat: Histogram
  readonly primary: {
    readonly loopActiveSeconds: number
    readonly loopIdleSeconds: number
    readonly loopDelay: Histogram
    readonly cpuSeconds: number
    readonly residentBytes: number
    readonly openFiles: number
    readonly openFilesMax: number
  }
  readonly reload: ReloadState
}

/** What a viewer is told once a second. */
export interface Sample {
  readonly status: Status
  readonly talkers: readonly Talker[]
  readonly slow: readonly ConnectionRow[]
  /** Slots that did not answer. */
  readonly missing: readonly number[]
}

const MS_PER_S = 1000

export function statusOf(figures: DaemonFigures, clock: Clock): Status {
  const { config, slots, sum, refusals, handoff, reloads, primary, startedAtSeconds } = figures
  const { totals, levels } = primary
  const wallMs = clock.wallMs()
  /** A moment of the clock that never jumps, since 1970. */
  const since1970 = (ms: number): number => Math.round(wallMs - (clock.nowMs() - ms))
  return {
    version: VERSION,
    node: process.versions.node,
    pid: process.pid,
    now: Math.round(wallMs),
    startedAt: Math.round(startedAtSeconds * MS_PER_S),
    upMs: Math.round(process.uptime() * MS_PER_S),
    bounds: { duration: DURATION_BOUNDS, delay: DELAY_BOUNDS },
    ready: figures.isReady,
    reasons: figures.reasons,
    listeners: listenersOf(config, sum.counters.openByListener),
    workers: slots.map((slot) => workerStatus(slot, since1970)),
    routes: [...sum.routes.values()].map((route) => ({
      route: routeLabel(route),
      number: route.number,
      ok: (route.requests[OUTCOME_OK] ?? 0) + (route.messages[OUTCOME_OK] ?? 0),
      outcomes: named(
        route.requests.map((count, outcome) => count + (route.messages[outcome] ?? 0)),
        outcomeName,
      ),
      latency: route.latency,
    })),
    closes: named(sum.counters.closes, (code) => CLOSE_REASONS[code] ?? 'OPEN'),
    refusals: named(refusals, (code) => REFUSALS[code] ?? 'QUEUE_FULL'),
    connectionsLost: slots.reduce((lost, slot) => lost + slot.connectionsLost, 0),
    handoffPending: handoff.pending,
    heartbeat: sum.counters.heartbeatRoundTrip,
    primary: {
      loopActiveSeconds: totals.loopActive,
      loopIdleSeconds: totals.loopIdle,
      loopDelay: totals.loopDelay,
      cpuSeconds: totals.cpuUser + totals.cpuSystem,
      residentBytes: levels.resident,
      openFiles: levels.openFiles,
      openFilesMax: levels.openFilesMax,
    },
    reload: reloads,
  }
}

function listenersOf(config: Config, open: readonly number[]): Status['listeners'] {
  return listenerLabels(config).map((address, index) => ({ address, connections: open[index] ?? 0 }))
}

function workerStatus({ slot, workers, figures, exits }: SlotSummary, since1970: (ms: number) => number): WorkerStatus {
  const { counters, vitals, offload } = figures
  const { totals, levels } = vitals
  return {
    worker: slot,
    processes: workers.map(({ pid, state, startedAtMs }) => ({ pid, state, startedAt: since1970(startedAtMs) })),
    connections: counters.connectionsOpen,
    accepted: counters.connectionsTotal,
    framesIn: counters.framesIn,
    framesOut: counters.framesOut,
    bytesIn: counters.bytesIn,
    bytesOut: counters.bytesOut,
    requestsInFlight: counters.callsInFlight,
    overload: counters.overload,
    loopActiveSeconds: totals.loopActive,
    loopIdleSeconds: totals.loopIdle,
    loopDelay: totals.loopDelay,
    gcSeconds: totals.gcMinor.sum + totals.gcMajor.sum + totals.gcIncremental.sum,
    cpuSeconds: totals.cpuUser + totals.cpuSystem,
    residentBytes: levels.resident,
    heapUsedBytes: levels.heapUsed,
    heapLimitBytes: levels.heapLimit,
    bufferBytes: levels.bufferLeased,
    bufferBytesMax: levels.bufferMax,
    openFiles: levels.openFiles,
    openFilesMax: levels.openFilesMax,
    offloadWaiting: offload.waiting,
    offloadRunning: offload.running,
    exits,
  }
}

/** Counts above 0, by name. */
function named(counts: readonly number[], nameOf: (code: number) => string): Record<string, number> {
  const entries = counts.map((count, code): [string, number] => [nameOf(code), count])
  return Object.fromEntries(entries.filter(([, count]) => count > 0))
}
