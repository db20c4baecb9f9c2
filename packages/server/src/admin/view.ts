/**
 * Owns what two statuses, one after the other, say of the time between them: rates, percentiles, how busy who was.
 * Must not know: where statuses come from, how it is shown. It runs in a shell and in a browser alike.
 * Invariant: a daemon that was started again between the two, and a slot whose figures went back, give rates of 0 and
 * never below.
 */
import type { RouteStatus, Status, WorkerStatus } from './status.ts'

/** A histogram, as it travels. */
export interface Counted {
  readonly counts: readonly number[]
  readonly sum: number
}

export interface Percentiles {
  /** How many were counted. */
  readonly count: number
  /** Seconds; undefined where nothing was counted. */
  readonly p50: number | undefined
  readonly p90: number | undefined
  readonly p99: number | undefined
  readonly p999: number | undefined
}

export interface WorkerView {
  readonly worker: number
  readonly framesInPerSecond: number
  readonly framesOutPerSecond: number
  readonly bytesInPerSecond: number
  readonly bytesOutPerSecond: number
  /** Parts of the time, 0 to 1. */
  readonly loop: number
  readonly gc: number
  /** Cores. */
  readonly cpu: number
  /** Seconds by which the latest timers came late; undefined where there were none. */
  readonly delayP99: number | undefined
}

export interface RouteView extends Percentiles {
  readonly route: string
  readonly perSecond: number
  readonly failedPerSecond: number
}

export interface View {
  /** Between the two statuses. */
  readonly seconds: number
  readonly connections: number
  readonly acceptedPerSecond: number
  readonly closedPerSecond: number
  readonly refusedPerSecond: number
  readonly framesInPerSecond: number
  readonly framesOutPerSecond: number
  readonly bytesInPerSecond: number
  readonly bytesOutPerSecond: number
  readonly requestsInFlight: number
  /** Of all routes. */
  readonly latency: Percentiles
  /** Counts of the latencies between the two, by bucket. */
  readonly latencyCounts: readonly number[]
  readonly workers: readonly WorkerView[]
  /** The busiest first. */
  readonly routes: readonly RouteView[]
  /** By reason, a second. */
  readonly closes: Readonly<Record<string, number>>
  readonly refusals: Readonly<Record<string, number>>
  /** Part of the time, 0 to 1. */
  readonly primaryLoop: number
  /** Seconds by which the latest timers of the primary came late; undefined where there were none. */
  readonly primaryDelayP99: number | undefined
}

const MS_PER_S = 1000

/** @param before an earlier status of the same daemon */
export function viewOf(before: Status, after: Status): View {
  const isSame = before.pid === after.pid && before.startedAt === after.startedAt
  const from = isSame ? before : after
  const seconds = Math.max(0.001, (after.upMs - before.upMs) / MS_PER_S)
  const rate = (now: number, then: number): number => Math.max(0, now - then) / seconds
  const latencyCounts = differences(from.routes, after.routes)
  const sum = (status: Status, of: (worker: WorkerStatus) => number): number => {
    return status.workers.reduce((all, worker) => all + of(worker), 0)
  }
  const total = (of: (worker: WorkerStatus) => number): number => rate(sum(after, of), sum(from, of))
  return {
    seconds,
    connections: sum(after, (worker) => worker.connections),
    acceptedPerSecond: total((worker) => worker.accepted),
    closedPerSecond: rate(totalOf(after.closes), totalOf(from.closes)),
    refusedPerSecond: rate(totalOf(after.refusals), totalOf(from.refusals)),
    framesInPerSecond: total((worker) => worker.framesIn),
    framesOutPerSecond: total((worker) => worker.framesOut),
    bytesInPerSecond: total((worker) => worker.bytesIn),
    bytesOutPerSecond: total((worker) => worker.bytesOut),
    requestsInFlight: sum(after, (worker) => worker.requestsInFlight),
    latency: percentilesOf(latencyCounts, after.bounds.duration),
    latencyCounts,
    workers: after.workers.map((worker) => workerView(workerOf(from, worker), worker, seconds, after.bounds.delay)),
    routes: after.routes
      .map((route) => routeView(routeOf(from, route), route, seconds, after.bounds.duration))
      .toSorted((a, b) => b.perSecond - a.perSecond),
    closes: rates(from.closes, after.closes, rate),
    refusals: rates(from.refusals, after.refusals, rate),
    primaryLoop: busyPart(from.primary, after.primary),
    primaryDelayP99: quantile(between(from.primary.loopDelay, after.primary.loopDelay), after.bounds.delay, 0.99),
  }
}

/** @param bounds of the buckets, in seconds */
export function percentilesOf(counts: readonly number[], bounds: readonly number[]): Percentiles {
  const of = (part: number): number | undefined => quantile(counts, bounds, part)
  return { count: totalOf(counts), p50: of(0.5), p90: of(0.9), p99: of(0.99), p999: of(0.999) }
}

/** The value below which `part` of all are: as if they lay evenly within their bucket. */
export function quantile(counts: readonly number[], bounds: readonly number[], part: number): number | undefined {
  const wanted = totalOf(counts) * part
  if (wanted <= 0) return undefined
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const low = bucket === 0 ? 0 : (bounds[bucket - 1] ?? 0)
      // Nothing is known of what is above the last bound but that it is.
      const high = bounds[bucket] ?? low
      return low + (high - low) * ((wanted - below) / count)
    }
    below += count
  }
  return bounds.at(-1)
}

/** What was counted between the two, bucket by bucket. */
export function between(before: Counted | undefined, after: Counted): readonly number[] {
  return after.counts.map((count, bucket) => Math.max(0, count - (before?.counts[bucket] ?? 0)))
}

function workerView(before: WorkerStatus, after: WorkerStatus, seconds: number, bounds: readonly number[]): WorkerView {
  const rate = (of: (worker: WorkerStatus) => number): number => Math.max(0, of(after) - of(before)) / seconds
  return {
    worker: after.worker,
    framesInPerSecond: rate((worker) => worker.framesIn),
    framesOutPerSecond: rate((worker) => worker.framesOut),
    bytesInPerSecond: rate((worker) => worker.bytesIn),
    bytesOutPerSecond: rate((worker) => worker.bytesOut),
    loop: busyPart(before, after),
    gc: Math.min(
      1,
      rate((worker) => worker.gcSeconds),
    ),
    cpu: rate((worker) => worker.cpuSeconds),
    delayP99: quantile(between(before.loopDelay, after.loopDelay), bounds, 0.99),
  }
}

function routeView(
  before: RouteStatus | undefined,
  after: RouteStatus,
  seconds: number,
  bounds: readonly number[],
): RouteView {
  const all = Math.max(0, totalOf(after.outcomes) - totalOf(before?.outcomes ?? {})) / seconds
  const ok = Math.max(0, after.ok - (before?.ok ?? 0)) / seconds
  const percentiles = percentilesOf(between(before?.latency, after.latency), bounds)
  return { route: after.route, perSecond: all, failedPerSecond: Math.max(0, all - ok), ...percentiles }
}

interface Loop {
  readonly loopActiveSeconds: number
  readonly loopIdleSeconds: number
}

function busyPart(before: Loop, after: Loop): number {
  const active = Math.max(0, after.loopActiveSeconds - before.loopActiveSeconds)
  const idle = Math.max(0, after.loopIdleSeconds - before.loopIdleSeconds)
  return active + idle === 0 ? 0 : active / (active + idle)
}

function differences(before: readonly RouteStatus[], after: readonly RouteStatus[]): readonly number[] {
  const sum: number[] = []
  for (const route of after) {
    const earlier = before.find((one) => one.route === route.route)
    for (const [bucket, count] of between(earlier?.latency, route.latency).entries()) {
      sum[bucket] = (sum[bucket] ?? 0) + count
    }
  }
  return sum
}

function workerOf(status: Status, { worker }: WorkerStatus): WorkerStatus {
  const found = status.workers.find((one) => one.worker === worker)
  if (found === undefined) throw new RangeError(`there is no worker ${worker} in the status before`)
  return found
}

function routeOf(status: Status, { route }: RouteStatus): RouteStatus | undefined {
  return status.routes.find((one) => one.route === route)
}

function rates(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  rate: (now: number, then: number) => number,
): Record<string, number> {
  const all = Object.entries(after).map(([name, count]): [string, number] => [name, rate(count, before[name] ?? 0)])
  return Object.fromEntries(all.filter(([, perSecond]) => perSecond > 0))
}

function totalOf(counts: readonly number[] | Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum: number, count: number) => sum + count, 0)
}
