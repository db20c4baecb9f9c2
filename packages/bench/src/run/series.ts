/**
 * Owns the course of a run in time: one point for each interval, over all processes.
 * Must not know: processes as such, verdicts, output.
 * Invariant: a point is the sum of what processes reported for the same interval, its percentiles those of the merged
 * samples. At most POINTS_MAX points are kept: when there are more, neighbours of a phase become one.
 */
import { LatencySums } from '../histogram/latency-sums.ts'
import { PHASES } from '../messages.ts'
import type { IntervalReport, LatencySnapshot, Phase } from '../messages.ts'

export const POINTS_MAX = 600

/** One interval of the run, over all processes. */
export interface SeriesPoint {
  readonly phase: Phase
  /** Number of the point within its phase, from 0. */
  readonly index: number
  /** Its beginning, counted from the beginning of the phase, and its length: a second, unless points were joined. */
  readonly fromMs: number
  readonly lengthMs: number
  readonly messagesPerSecond: number
  /** Frames that fell due and frames written, each a second, and frames that waited at its end: of open loops. */
  readonly duePerSecond: number
  readonly sentPerSecond: number
  readonly waiting: number
  readonly samples: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
  /** The same without what frames waited before they were written; null in a closed loop. */
  readonly serviceP99Us: number | null
  readonly connections: number
  /** Those of the interval alone. */
  readonly errors: number
  /** Response times: HDR V2, compressed, base64; empty without samples. */
  readonly histogram: string
}

interface Cell {
  readonly phase: Phase
  readonly index: number
  readonly response: LatencySums
  readonly service: LatencySums
  lengthUs: number
  answers: number
  due: number
  sent: number
  waiting: number
  connections: number
  errors: number
}

/** A point that may still be joined with its neighbour. */
interface Kept {
  readonly point: SeriesPoint
  readonly snapshot: LatencySnapshot
}

export class Series {
  readonly #counts: Record<Phase, number>[]
  /** What each process had counted when it last reported: it tells its errors since the beginning. */
  readonly #errorsSaid: number[]
  readonly #cells = new Map<string, Cell>()
  #kept: Kept[] = []

  constructor(processes: number) {
    this.#errorsSaid = Array.from({ length: processes }, () => 0)
    this.#counts = Array.from({ length: processes }, () => ({ 'warm-up': 0, measured: 0, drain: 0 }))
  }

  add(processIndex: number, interval: IntervalReport): void {
    const counts = this.#counts[processIndex]
    if (counts === undefined || interval.lengthUs === 0) return
    const index = counts[interval.phase]++
    const key = `${interval.phase} ${index}`
    const cell = this.#cells.get(key) ?? newCell(interval.phase, index)
    this.#cells.set(key, cell)
    cell.response.add(interval.latency.response)
    cell.service.add(interval.latency.service)
    cell.lengthUs = Math.max(cell.lengthUs, interval.lengthUs)
    // Rates, so that processes whose intervals differ in length add up.
    const perSecond = 1_000_000 / interval.lengthUs
    cell.answers += interval.answers * perSecond
    cell.due += interval.due * perSecond
    cell.sent += interval.sent * perSecond
    cell.waiting += interval.waiting
    cell.connections += interval.connections
    cell.errors += interval.errors - (this.#errorsSaid[processIndex] ?? 0)
    this.#errorsSaid[processIndex] = interval.errors
    // A cell that every process has added to becomes a point, so that only open ones hold a histogram.
    if (this.#counts.every((one) => one[cell.phase] > cell.index)) this.#close(key, cell)
  }

  points(): readonly SeriesPoint[] {
    for (const [key, cell] of this.#cells) this.#close(key, cell)
    const kept = this.#kept.toSorted(inOrder)
    const fromMs: Record<Phase, number> = { 'warm-up': 0, measured: 0, drain: 0 }
    const numbers: Record<Phase, number> = { 'warm-up': 0, measured: 0, drain: 0 }
    return kept.map(({ point }) => {
      const placed = { ...point, index: numbers[point.phase]++, fromMs: Math.round(fromMs[point.phase]) }
      fromMs[point.phase] += point.lengthMs
      return placed
    })
  }

  #close(key: string, cell: Cell): void {
    this.#cells.delete(key)
    this.#kept.push(keep(cell))
    cell.response.destroy()
    cell.service.destroy()
    if (this.#kept.length > POINTS_MAX) this.#kept = joined(this.#kept.toSorted(inOrder))
  }
}

function inOrder(one: Kept, other: Kept): number {
  const rank = ({ point }: Kept): number => PHASES.indexOf(point.phase)
  return rank(one) - rank(other) || one.point.index - other.point.index
}

function newCell(phase: Phase, index: number): Cell {
  const sums = { answers: 0, due: 0, sent: 0, waiting: 0, connections: 0, errors: 0 }
  return { phase, index, response: new LatencySums(), service: new LatencySums(), lengthUs: 0, ...sums }
}

function keep(cell: Cell): Kept {
  const { phase, index, response, service, lengthUs, waiting, connections, errors } = cell
  const snapshot = response.snapshot()
  const point = {
    phase,
    index,
    fromMs: 0,
    lengthMs: Math.round(lengthUs / 1000),
    messagesPerSecond: Math.round(cell.answers),
    duePerSecond: Math.round(cell.due),
    sentPerSecond: Math.round(cell.sent),
    waiting,
    ...percentilesOf(response),
    serviceP99Us: service.samples === 0 ? null : service.percentileUs(99),
    connections,
    errors,
    histogram: response.histogram.encode(),
  }
  return { point, snapshot }
}

function percentilesOf(sums: LatencySums): Pick<SeriesPoint, 'samples' | 'p50Us' | 'p99Us' | 'p999Us' | 'maxUs'> {
  return {
    samples: sums.samples,
    p50Us: sums.percentileUs(50),
    p99Us: sums.percentileUs(99),
    p999Us: sums.percentileUs(99.9),
    maxUs: sums.maxUs,
  }
}

/** Neighbours of the same phase, two by two. */
function joined(kept: readonly Kept[]): Kept[] {
  const result: Kept[] = []
  for (let at = 0; at < kept.length; at++) {
    const [one, other] = [kept[at], kept[at + 1]]
    if (one === undefined) continue
    if (other === undefined || other.point.phase !== one.point.phase) result.push(one)
    else {
      result.push(join(one, other))
      at++
    }
  }
  return result
}

function join({ point: one, snapshot: first }: Kept, { point: other, snapshot: second }: Kept): Kept {
  const sums = new LatencySums()
  sums.add(first)
  sums.add(second)
  const lengthMs = one.lengthMs + other.lengthMs
  const mean = (name: 'messagesPerSecond' | 'duePerSecond' | 'sentPerSecond'): number =>
    Math.round((one[name] * one.lengthMs + other[name] * other.lengthMs) / lengthMs)
  const snapshot = sums.snapshot()
  const point = {
    ...other,
    index: one.index,
    lengthMs,
    messagesPerSecond: mean('messagesPerSecond'),
    duePerSecond: mean('duePerSecond'),
    sentPerSecond: mean('sentPerSecond'),
    errors: one.errors + other.errors,
    ...percentilesOf(sums),
    // Of the two without a histogram the larger: a bound, which is said to be one by its name in no report.
    serviceP99Us: maxOf(one.serviceP99Us, other.serviceP99Us),
    histogram: sums.histogram.encode(),
  }
  sums.destroy()
  return { point, snapshot }
}

function maxOf(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other)
}
