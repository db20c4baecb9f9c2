/**
 * Owns tables as CSV, as RFC 4180 has it.
 * Must not know: what stands in them.
 * Invariant: one line for the names, one for each row; no value needs quoting but texts, which get it.
 */
import type { SeriesPoint } from '../../run/series.ts'

export type CsvValue = string | number | null

export function csvOf(names: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
  return `${[names, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`
}

/** The course of a run, an interval a line. */
export function seriesCsv(series: readonly SeriesPoint[]): string {
  const columns: readonly (readonly [string, (point: SeriesPoint) => CsvValue])[] = [
    ['phase', ({ phase }) => phase],
    ['from_ms', ({ fromMs }) => fromMs],
    ['length_ms', ({ lengthMs }) => lengthMs],
    ['messages_per_second', ({ messagesPerSecond }) => messagesPerSecond],
    ['due_per_second', ({ duePerSecond }) => duePerSecond],
    ['sent_per_second', ({ sentPerSecond }) => sentPerSecond],
    ['waiting', ({ waiting }) => waiting],
    ['samples', ({ samples }) => samples],
    ['p50_us', ({ p50Us }) => p50Us],
    ['p99_us', ({ p99Us }) => p99Us],
    ['p99_9_us', ({ p999Us }) => p999Us],
    ['max_us', ({ maxUs }) => maxUs],
    ['uncorrected_p99_us', ({ serviceP99Us }) => serviceP99Us],
    ['connections', ({ connections }) => connections],
    ['errors', ({ errors }) => errors],
  ]
  return csvOf(
    columns.map(([name]) => name),
    series.map((point) => columns.map(([, of]) => of(point))),
  )
}

function cell(value: CsvValue): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}
