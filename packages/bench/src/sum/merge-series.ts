/**
 * Owns making one course over time of those of several runs.
 * Must not know: anything else of a report.
 * Invariant: see merge-reports.ts. Of runs at once the intervals of one number are added; repeats follow each other.
 */
import { LatencyHistogram } from '../histogram/latency-histogram.ts'
import type { RunReport } from '../report/schema/run.ts'

/** Together: parts of one load, at once. Repeats: the same load, one after the other. */
export type MergeKind = 'together' | 'repeats'

type Point = RunReport['series'][number]

export function mergeSeries(reports: readonly RunReport[], kind: MergeKind): Point[] {
  return kind === 'together' ? added(reports) : appended(reports)
}

function appended(reports: readonly RunReport[]): Point[] {
  let offsetMs = 0
  let index = 0
  return reports.flatMap(({ series }) => {
    const measured = series.filter(({ phase }) => phase === 'measured')
    const moved = measured.map((point) => ({ ...point, index: index++, fromMs: offsetMs + point.fromMs }))
    offsetMs += measured.reduce((end, { fromMs, lengthMs }) => Math.max(end, fromMs + lengthMs), 0)
    return moved
  })
}

function added(reports: readonly RunReport[]): Point[] {
  const groups = new Map<string, Point[]>()
  for (const { series } of reports) {
    for (const point of series) {
      const key = `${point.phase} ${point.index}`
      groups.set(key, [...(groups.get(key) ?? []), point])
    }
  }
  return [...groups.values()].map(addPoints)
}

function addPoints(points: readonly Point[]): Point {
  const [first] = points
  if (first === undefined || points.length === 1) return first as Point
  const sum = (of: (point: Point) => number): number => points.reduce((total, point) => total + of(point), 0)
  const histogram = new LatencyHistogram()
  for (const point of points) histogram.merge(point.histogram)
  const maxUs = Math.max(...points.map((point) => point.maxUs))
  const at = (percent: number): number => Math.min(maxUs, histogram.percentileUs(percent))
  const merged = {
    ...first,
    lengthMs: Math.max(...points.map(({ lengthMs }) => lengthMs)),
    messagesPerSecond: sum((point) => point.messagesPerSecond),
    duePerSecond: sum((point) => point.duePerSecond),
    sentPerSecond: sum((point) => point.sentPerSecond),
    waiting: sum((point) => point.waiting),
    samples: sum((point) => point.samples),
    p50Us: at(50),
    p99Us: at(99),
    p999Us: at(99.9),
    maxUs,
    // The uncorrected histogram of an interval is in no report.
    serviceP99Us: null,
    connections: sum((point) => point.connections),
    errors: sum((point) => point.errors),
    histogram: histogram.encode(),
  }
  histogram.destroy()
  return merged
}
