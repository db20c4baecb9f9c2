/**
 * Owns what workers that are gone had counted, by slot, and the report of the end.
 * Must not know: who is still there.
 * Invariant: a worker is added once, when its process is gone and all that it said has been read.
 */
import type { ClosedRow } from '../admin/inspect/rows.ts'
import { closeReasonName } from '../close-reason.ts'
import { WorkerFigures } from '../metrics/worker-figures.ts'
import { addRefusals, createRefusals } from '../refusal.ts'
import { addDrain, type DrainReport, NOTHING_DRAINED } from '../worker/drain-report.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Ends of connections that are kept when their worker is gone. */
const REMEMBERED_MAX = 1000

/** How a worker ended: as it was told to, of itself, or before it served. */
export const EXITS = ['drained', 'died', 'failed'] as const

export type Exit = (typeof EXITS)[number]

/** The workers that a slot had. */
export class SlotTotals {
  readonly figures = new WorkerFigures()
  readonly exits: Record<Exit, number> = { drained: 0, died: 0, failed: 0 }
  /** Connections that ended with a worker that died, at most. */
  connectionsLost = 0
}

export class Totals {
  readonly #slots = new Map<number, SlotTotals>()
  /** Of all workers that are gone. */
  readonly refusals = createRefusals()
  /** Connections that ended last in workers that are gone, newest first. */
  remembered: readonly ClosedRow[] = []
  /** Of the drains of the daemon's end, not of workers that were replaced before. */
  drained: DrainReport = NOTHING_DRAINED

  /** @param isEnd whether the daemon is stopping */
  add(worker: WorkerProcess, isEnd: boolean): void {
    const { refusals, drained } = worker
    const slot = this.of(worker.slot)
    const exit = exitOf(worker)
    slot.figures.add(worker)
    // Those that it was handed it may not have lived to tell of.
    slot.figures.counters.connectionsTotal += worker.connectionsTotal - worker.counters.connectionsTotal
    slot.figures.forgetLevels()
    slot.exits[exit]++
    if (exit === 'died') slot.connectionsLost += lostWith(worker)
    addRefusals(this.refusals, refusals)
    const remembered = [...worker.remembered, ...this.remembered].toSorted((a, b) => b.closedAt - a.closedAt)
    this.remembered = remembered.slice(0, REMEMBERED_MAX)
    if (isEnd && drained !== undefined) this.drained = addDrain(this.drained, drained)
  }

  of(slot: number): SlotTotals {
    const known = this.#slots.get(slot) ?? new SlotTotals()
    this.#slots.set(slot, known)
    return known
  }

  /** Fields of the record of the end. */
  describe(): Readonly<Record<string, unknown>> {
    const sum = new WorkerFigures()
    for (const { figures } of this.#slots.values()) sum.add(figures)
    const { connectionsTotal, framesIn, lifeSigns, closes, strayRejections, uncaughtExceptions } = sum.counters
    const named = closes.map((count, code): [string, number] => [closeReasonName(code), count])
    return {
      ...this.drained,
      connectionsTotal,
      framesIn,
      lifeSigns,
      strayRejections,
      uncaughtExceptions,
      closes: Object.fromEntries(named.filter(([, count]) => count > 0)),
    }
  }
}

function exitOf({ drained, ready }: WorkerProcess): Exit {
  if (drained !== undefined) return 'drained'
  return ready ? 'died' : 'failed'
}

/** Of what a worker accepted itself since its last report nobody knows. */
function lostWith({ config, connectionsAtMost, counters }: WorkerProcess): number {
  return config.accept === 'handoff' ? connectionsAtMost : counters.connectionsOpen
}
