/**
 * Owns what workers that are gone had counted, and the report of the end.
 * Must not know: who is still there.
 */
import { closeReasonName } from '../close-reason.ts'
import { addRefusals, createRefusals } from '../refusal.ts'
import { countAt, createCounters } from '../worker/counters.ts'
import { addDrain, type DrainReport, NOTHING_DRAINED } from '../worker/drain-report.ts'
import type { WorkerProcess } from './worker-process.ts'

export class Totals {
  readonly #counters = createCounters()
  readonly refusals = createRefusals()
  /** Of the drains of the daemon's end, not of workers that were replaced before. */
  drained: DrainReport = NOTHING_DRAINED

  /** @param isEnd whether the daemon is stopping */
  add(worker: WorkerProcess, isEnd: boolean): void {
    const { counters, refusals, connectionsTotal, drained } = worker
    addRefusals(this.refusals, refusals)
    for (const [code, count] of counters.closes.entries()) countAt(this.#counters.closes, code, count)
    this.#counters.connectionsTotal += connectionsTotal
    this.#counters.framesIn += counters.framesIn
    this.#counters.lifeSigns += counters.lifeSigns
    this.#counters.strayRejections += counters.strayRejections
    this.#counters.uncaughtExceptions += counters.uncaughtExceptions
    if (isEnd && drained !== undefined) this.drained = addDrain(this.drained, drained)
  }

  /** Fields of the record of the end. */
  describe(): Readonly<Record<string, unknown>> {
    const { connectionsTotal, framesIn, lifeSigns, closes, strayRejections, uncaughtExceptions } = this.#counters
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
