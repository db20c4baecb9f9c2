/**
 * Owns the sums over all load processes: throughput, the merged latencies, the course in time.
 * Must not know: processes as such, verdicts, output.
 * Invariant: histograms are added, percentiles never averaged. Throughput counts the answers read while measuring;
 * latency the frames that belong to the measured time, those answered in the drain included.
 */
import { LatencySums } from '../histogram/latency-sums.ts'
import { LATENCY_KINDS } from '../messages.ts'
import type { IntervalReport, LatencyKind, LatencySnapshot, OpenCounts, Phase } from '../messages.ts'
import { Series } from './series.ts'
import type { SeriesPoint } from './series.ts'

const NOTHING_OPEN: OpenCounts = { due: 0, held: 0, late: 0, unsent: 0, dropped: 0, censored: 0 }

export class RunTotals {
  readonly latency: Readonly<Record<LatencyKind, LatencySums>>
  readonly classes: readonly LatencySums[]
  readonly connects = new LatencySums()
  answers = 0
  bytesReceived = 0
  bytesSent = 0
  open: OpenCounts = NOTHING_OPEN
  readonly #latest: (IntervalReport | undefined)[]
  readonly #series: Series

  /** @param classes how many classes of messages are told apart */
  constructor(processes: number, classes = 1) {
    const entries = LATENCY_KINDS.map((kind) => [kind, new LatencySums()] as const)
    this.latency = Object.fromEntries(entries) as Record<LatencyKind, LatencySums>
    this.classes = classes > 1 ? Array.from({ length: classes }, () => new LatencySums()) : []
    this.#latest = Array.from({ length: processes }, () => undefined)
    this.#series = new Series(processes)
  }

  add(processIndex: number, interval: IntervalReport): void {
    this.#latest[processIndex] = interval
    for (const kind of LATENCY_KINDS) this.latency[kind].add(interval.latency[kind])
    interval.latency.classes.forEach((snapshot, index) => this.classes[index]?.add(snapshot))
    if (interval.phase === 'measured') {
      this.answers += interval.answers
      this.bytesReceived += interval.bytesReceived
      this.bytesSent += interval.bytesSent
    }
    this.#series.add(processIndex, interval)
  }

  addConnects(connects: LatencySnapshot): void {
    this.connects.add(connects)
  }

  addOpen(counts: OpenCounts): void {
    const sum = (name: keyof OpenCounts): number => this.open[name] + counts[name]
    this.open = {
      due: sum('due'),
      held: sum('held'),
      late: sum('late'),
      unsent: sum('unsent'),
      dropped: sum('dropped'),
      censored: sum('censored'),
    }
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
  get waitingNow(): number {
    return this.#sumLatest((interval) => interval.waiting)
  }
  get errorsNow(): number {
    return this.#sumLatest((interval) => interval.errors)
  }
  get phase(): Phase {
    return this.#latest.find((interval) => interval !== undefined)?.phase ?? 'warm-up'
  }

  series(): readonly SeriesPoint[] {
    return this.#series.points()
  }

  #sumLatest(of: (interval: IntervalReport) => number): number {
    return this.#latest.reduce((sum, interval) => sum + (interval === undefined ? 0 : of(interval)), 0)
  }
}

function messagesPerSecond(interval: IntervalReport): number {
  return interval.lengthUs === 0 ? 0 : (interval.answers / interval.lengthUs) * 1_000_000
}
