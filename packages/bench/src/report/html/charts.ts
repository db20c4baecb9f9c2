/**
 * Owns what a chart of a report is, as the page's script draws it, and the charts that several reports share.
 * Must not know: the page around it, the browser.
 * Invariant: plain data; values of all series of a chart stand beside the same x.
 */
import { bucketsOf } from '../../histogram/buckets.ts'
import { LatencyHistogram } from '../../histogram/latency-histogram.ts'
import type { LatencyReport } from '../schema/parts.ts'

export type Unit = 'us' | 'count' | 'rate' | 'bytes' | 'seconds' | 'cores' | 'number' | 'percentile'
export type Scale = 'linear' | 'log'
export type Style = 'line' | 'dash' | 'area' | 'points'
/** One of the colours of the style sheet. */
export type Color = 1 | 2 | 3 | 4 | 5

export interface ChartSeries {
  readonly label: string
  readonly values: readonly (number | null)[]
  readonly color: Color
  readonly style: Style
}

interface ChartBase {
  readonly title: string
  readonly note: string
  readonly isWide: boolean
}

export interface LinesChart extends ChartBase {
  readonly kind: 'lines'
  readonly x: { readonly name: string; readonly scale: Scale; readonly unit: Unit; readonly values: readonly number[] }
  /** Values that the axis must reach besides those drawn. */
  readonly y: { readonly scale: Scale; readonly unit: Unit; readonly include?: readonly number[] }
  readonly series: readonly ChartSeries[]
}

/** Counts by time and latency. */
export interface HeatChart extends ChartBase {
  readonly kind: 'heat'
  /** Edges of the columns in seconds, and of the rows in microseconds: one more than there are. */
  readonly columns: readonly number[]
  readonly edges: readonly number[]
  /** Column, row, count. */
  readonly cells: readonly (readonly [number, number, number])[]
}

export type Chart = LinesChart | HeatChart

/** Points of a percentile curve in each factor of ten of what is left above. */
const CURVE_STEPS = 12
/** Rows of a heat map in each factor of ten. */
const HEAT_STEPS = 10

/** One over the share of the samples above: 100 is p99. */
function curveAxis(samples: number): number[] {
  const steps = Math.floor(Math.log10(Math.max(10, samples)) * CURVE_STEPS)
  return Array.from({ length: steps + 1 }, (_, step) => 10 ** (step / CURVE_STEPS))
}

/** Curves of several histograms on one axis, whose end is what the one with most samples knows. */
export function percentileChart(
  title: string,
  note: string,
  curves: readonly { label: string; latency: LatencyReport; color: Color; style: Style }[],
): LinesChart {
  const axis = curveAxis(Math.max(...curves.map(({ latency }) => latency.samples)))
  return {
    kind: 'lines',
    title,
    note,
    isWide: true,
    x: { name: 'percentile', scale: 'log', unit: 'percentile', values: axis },
    y: { scale: 'log', unit: 'us' },
    series: curves.map(({ latency, ...rest }) => ({ ...rest, values: curveOf(latency, axis) })),
  }
}

function curveOf({ histogram: encoded, samples, maxUs }: LatencyReport, axis: readonly number[]): (number | null)[] {
  const histogram = new LatencyHistogram()
  histogram.merge(encoded)
  const values = axis.map((inverse) => {
    if (inverse > samples) return null
    // A logarithmic axis has no 0.
    return Math.max(1, Math.min(maxUs, histogram.percentileUs(100 * (1 - 1 / inverse))))
  })
  histogram.destroy()
  return values
}

/** @param intervals with their beginning and end in seconds, in order, and their histograms */
export function heatChart(
  title: string,
  note: string,
  intervals: readonly { fromS: number; toS: number; histogram: string }[],
): HeatChart {
  const counts = intervals.map(({ histogram }) => rowsOf(histogram))
  const rows = counts.flatMap((column) => [...column.keys()])
  const first = rows.length === 0 ? 0 : Math.min(...rows)
  const last = rows.length === 0 ? HEAT_STEPS : Math.max(...rows)
  const edges = Array.from({ length: last - first + 2 }, (_, row) => 10 ** ((first + row) / HEAT_STEPS))
  const cells = counts.flatMap((column, index) =>
    [...column].map(([row, count]): readonly [number, number, number] => [index, row - first, count]),
  )
  const columns = [...intervals.map(({ fromS }) => fromS), intervals.at(-1)?.toS ?? 1]
  return { kind: 'heat', title, note, isWide: true, columns, edges, cells }
}

/** Samples by row; a row is a tenth of a factor of ten. */
function rowsOf(encoded: string): Map<number, number> {
  const rows = new Map<number, number>()
  for (const { valueUs, count } of bucketsOf(encoded)) {
    const row = Math.floor(Math.log10(Math.max(1, valueUs)) * HEAT_STEPS + 1e-9)
    rows.set(row, (rows.get(row) ?? 0) + count)
  }
  return rows
}
