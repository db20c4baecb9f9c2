/**
 * Owns all figures of the daemon at one moment, put together from what workers reported and what the primary counts.
 * Must not know: how they are shown.
 * Invariant: what is counted never goes down: of each slot it is what its workers that are gone had counted and what
 * those that live report, and a worker is in exactly one of the two.
 */
import type { Config } from '../config/load-config.ts'
import type { Handoff } from '../primary/handoff.ts'
import type { Readiness } from '../primary/readiness.ts'
import type { SlotTotals, Totals } from '../primary/totals.ts'
import type { WorkerProcess } from '../primary/worker-process.ts'
import type { ReloadState } from '../reloads.ts'
import { addRefusals } from '../refusal.ts'
import type { Vitals } from './vitals.ts'
import { WorkerFigures } from './worker-figures.ts'

/** The parts of the primary that know. */
export interface FigureSources {
  readonly config: () => Config
  readonly readiness: Pick<Readiness, 'isReady' | 'reasons' | 'isStopping'>
  readonly totals: Totals
  readonly handoff: Pick<Handoff, 'pending' | 'offeredAgain' | 'refusals'>
  readonly workers: () => readonly WorkerProcess[]
  readonly reloads: ReloadState
  /** Of the primary. */
  readonly vitals: () => Vitals
  /** When the daemon was started, in seconds since 1970. */
  readonly startedAtSeconds: number
}

export type WorkerState = 'starting' | 'serving' | 'leaving'

export interface WorkerSummary {
  readonly pid: number
  readonly state: WorkerState
  readonly startedAtMs: number
}

export interface SlotSummary {
  readonly slot: number
  /** One that serves at most, and those that start or leave. */
  readonly workers: readonly WorkerSummary[]
  /** All but routes, which are told for all slots together. */
  readonly figures: WorkerFigures
  readonly exits: SlotTotals['exits']
  readonly connectionsLost: number
}

export interface DaemonFigures {
  readonly config: Config
  readonly isReady: boolean
  readonly reasons: readonly string[]
  readonly startedAtSeconds: number
  readonly slots: readonly SlotSummary[]
  /** Of all slots. */
  readonly sum: WorkerFigures
  /** Sockets that were closed unserved, by reason. */
  readonly refusals: readonly number[]
  readonly handoff: { readonly pending: number; readonly offeredAgain: number }
  readonly reloads: ReloadState
  readonly primary: Vitals
}

export function collectFigures(sources: FigureSources): DaemonFigures {
  const { readiness, totals, handoff, reloads, startedAtSeconds } = sources
  const config = sources.config()
  const workers = sources.workers()
  const slots = Array.from({ length: config.workers }, (_, slot) => {
    return summarize(
      slot,
      totals.of(slot),
      workers.filter((worker) => worker.slot === slot),
    )
  })
  const sum = new WorkerFigures()
  for (const { slot, figures } of slots) {
    sum.addButRoutes(figures)
    sum.addRoutes(totals.of(slot).figures)
  }
  for (const worker of workers) sum.addRoutes(worker)
  const refusals = [...handoff.refusals]
  addRefusals(refusals, sum.refusals)
  return {
    config,
    isReady: readiness.isReady,
    reasons: readiness.reasons,
    startedAtSeconds,
    slots,
    sum,
    refusals,
    handoff: { pending: handoff.pending, offeredAgain: handoff.offeredAgain },
    reloads,
    primary: sources.vitals(),
  }
}

function summarize(slot: number, before: SlotTotals, workers: readonly WorkerProcess[]): SlotSummary {
  const figures = new WorkerFigures()
  figures.addButRoutes(before.figures)
  for (const worker of workers) figures.addButRoutes(worker)
  return {
    slot,
    workers: workers.map((worker) => ({
      pid: worker.pid,
      state: stateOf(worker),
      startedAtMs: worker.startedAtMs,
    })),
    figures,
    exits: before.exits,
    connectionsLost: before.connectionsLost,
  }
}

function stateOf({ ready, isLeaving }: WorkerProcess): WorkerState {
  if (isLeaving) return 'leaving'
  return ready ? 'serving' : 'starting'
}
