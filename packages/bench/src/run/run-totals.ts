/**
 * Owns the sums over all load processes: throughput, the merged latencies, the series by second.
 * Must not know: processes as such, verdicts, output.
 * Invariant: histograms are added, percentiles never averaged. Throughput counts the answers read while measuring;
 * latency the frames in flight while measuring, those written before and those answered in the drain included.
 */
import { LatencyHistogram } from '../latency-histogram.ts'
import { PHASES } from '../messages.ts'
import type { IntervalReport, LatencySnapshot, Phase } from '../messages.ts'

/** One second of the run, over all processes. */
export interface SeriesPoint {
  readonly phase: Phase
  /** Number of the interval within its phase, from 0; an interval is a second, the last of a phase 0.5 to 1.5. */
  readonly index: number
  readonly messagesPerSecond: number
  readonly samples: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
  readonly connections: number
  readonly errors: number
}

/** Sums of snapshots; exact but for what the histogram rounds. */
export class LatencySums {
  readonly histogram = new LatencyHistogram()
  samples = 0
  sumUs = 0
  minUs = Infinity
  maxUs = 0
  aboveRange = 0

  add(snapshot: LatencySnapshot): void {
    if (snapshot.samples === 0) return
    this.samples += snapshot.samples
    this.sumUs += snapshot.sumUs
    this.minUs = Math.min(this.minUs, snapshot.minUs)
    this.maxUs = Math.max(this.maxUs, snapshot.maxUs)
    this.aboveRange += snapshot.aboveRange
    this.histogram.merge(snapshot.histogram)
  }

  /** A percentile; the histogram rounds up, which must not pass the maximum. */
  percentileUs(percentile: number): number {
    return Math.min(this.histogram.percentileUs(percentile), this.maxUs)
  }
}

interface SeriesCell {
  readonly phase: Phase
  readonly index: number
  readonly latency: LatencySums
  messagesPerSecond: number
  connections: number
  errors: number
}

export class RunTotals {
  readonly latency = new LatencySums()
  answers = 0
  bytesReceived = 0
  bytesSent = 0
  readonly #latest: (IntervalReport | undefined)[]
  readonly #counts: Record<Phase, number>[]
  readonly #cells = new Map<string, SeriesCell>()
  readonly #points: SeriesPoint[] = []

  constructor(processes: number) {
    this.#latest = Array.from({ length: processes }, () => undefined)
    this.#counts = Array.from({ length: processes }, () => ({ 'warm-up': 0, measured: 0, drain: 0 }))
  }

  add(processIndex: number, interval: IntervalReport): void {
    this.#latest[processIndex] = interval
    this.latency.add(interval.latency)
    if (interval.phase === 'measured') {
      this.answers += interval.answers
      this.bytesReceived += interval.bytesReceived
      this.bytesSent += interval.bytesSent
    }
    this.#addToSeries(processIndex, interval)
  }

  /** Whether every process has reported under load. */
  get allReported(): boolean {
    return this.#latest.every((interval) => interval !== undefined)
  }
  /** Over all processes, as each last reported. */
  get messagesPerSecondNow(): number {
    return this.#sumLatest(messagesPerSecond)
  }
  get connectionsNow(): number {
    return this.#sumLatest((interval) => interval.connections)
  }
  get errorsNow(): number {
    return this.#sumLatest((interval) => interval.errors)
  }
  get phase(): Phase {
    return this.#latest.find((interval) => interval !== undefined)?.phase ?? 'warm-up'
  }

  series(): readonly SeriesPoint[] {
    const points = [...this.#points, ...[...this.#cells.values()].map(pointOf)]
    const rank = (point: SeriesPoint): number => PHASES.indexOf(point.phase)
    return points.toSorted((one, other) => rank(one) - rank(other) || one.index - other.index)
  }

  #addToSeries(processIndex: number, interval: IntervalReport): void {
    const counts = this.#counts[processIndex]
    if (counts === undefined || interval.lengthUs === 0) return
    const index = counts[interval.phase]++
    const key = `${interval.phase} ${index}`
    const cell = this.#cells.get(key) ?? newCell(interval.phase, index)
    this.#cells.set(key, cell)
    cell.latency.add(interval.latency)
    cell.messagesPerSecond += messagesPerSecond(interval)
    cell.connections += interval.connections
    cell.errors += interval.errors
    this.#close(key, cell)
  }

  /** A cell that every process has added to becomes a point, so that only open ones hold a histogram. */
  #close(key: string, cell: SeriesCell): void {
    if (this.#counts.some((counts) => counts[cell.phase] <= cell.index)) return
    this.#points.push(pointOf(cell))
    this.#cells.delete(key)
    cell.latency.histogram.destroy()
  }

  #sumLatest(of: (interval: IntervalReport) => number): number {
    return this.#latest.reduce((sum, interval) => sum + (interval === undefined ? 0 : of(interval)), 0)
  }
}

function newCell(phase: Phase, index: number): SeriesCell {
  return { phase, index, latency: new LatencySums(), messagesPerSecond: 0, connections: 0, errors: 0 }
}

function messagesPerSecond(interval: IntervalReport): number {
  return interval.lengthUs === 0 ? 0 : (interval.answers / interval.lengthUs) * 1_000_000
}

function pointOf({ phase, index, latency, connections, errors, ...cell }: SeriesCell): SeriesPoint {
  return {
    phase,
    index,
    messagesPerSecond: Math.round(cell.messagesPerSecond),
    samples: latency.samples,
    p50Us: latency.percentileUs(50),
    p99Us: latency.percentileUs(99),
    maxUs: latency.maxUs,
    connections,
    errors,
  }
}
