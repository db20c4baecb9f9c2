/**
 * Owns a comparison as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { grouped, wrapped } from './numbers.ts'
import type { ComparisonReport, ComparisonRow } from './schema/comparison.ts'

const NAME_COLUMNS = 12
/** Columns are at least so wide, and wider where a number asks for it. */
const COLUMNS_MIN = [14, 14, 14, 22]
const GAP = 2
const WORDS = { better: 'better', worse: 'WORSE', same: 'no more than chance', unknown: 'cannot be told' } as const

export function comparisonTable(report: ComparisonReport): string {
  const { base, now, rows, verdict, limit } = report
  const head = ['base', 'new', 'change', '95 of 100']
  const cells = rows.map(cellsOf)
  const widths = COLUMNS_MIN.map((least, at) => Math.max(least, ...cells.map((row) => GAP + (row[at] ?? '').length)))
  const inColumns = (row: readonly string[]): string => row.map((text, at) => text.padStart(widths[at] ?? 0)).join('')
  const lines = [
    `base  ${base.file}  ${base.startedAt}${commit(base.commit)}`,
    `new   ${now.file}  ${now.startedAt}${commit(now.commit)}`,
    '',
    `${''.padEnd(NAME_COLUMNS)}${inColumns(head)}`,
    ...rows.map(({ name, judgement }, at) => {
      return `${name.padEnd(NAME_COLUMNS)}${inColumns(cells[at] ?? [])}  ${WORDS[judgement]}`
    }),
    '',
    `  latencies in us, throughput in messages/s; a change of up to ${inPercent(limit)} counts as none`,
    `${'verdict'.padEnd(NAME_COLUMNS)}${verdict.state}`,
    ...verdict.reasons.map((reason) => `  - ${wrapped(reason, '    ')}`),
  ]
  return `\n${lines.join('\n')}\n`
}

function cellsOf({ base, now, change, low, high }: ComparisonRow): string[] {
  const range = low === null || high === null ? '-' : `${signed(low)} to ${signed(high)}`
  return [grouped(base), grouped(now), signed(change), range]
}

export function signed(share: number): string {
  return `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)} %`
}

function inPercent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`
}

function commit(hash: string | null): string {
  return hash === null ? '' : `  ${hash.slice(0, 10)}`
}
