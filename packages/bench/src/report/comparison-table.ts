/**
 * Owns a comparison as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { grouped, wrapped } from './numbers.ts'
import type { ComparisonReport, ComparisonRow } from './schema/comparison.ts'

const NAME_COLUMNS = 12
const NUMBER_COLUMNS = 14
const RANGE_COLUMNS = 22
const WORDS = { better: 'better', worse: 'WORSE', same: 'no more than chance', unknown: 'cannot be told' } as const

export function comparisonTable(report: ComparisonReport): string {
  const { base, now, rows, verdict, limit } = report
  const head = ['base', 'new', 'change'].map((title) => title.padStart(NUMBER_COLUMNS)).join('')
  const lines = [
    `base  ${base.file}  ${base.startedAt}${commit(base.commit)}`,
    `new   ${now.file}  ${now.startedAt}${commit(now.commit)}`,
    '',
    `${''.padEnd(NAME_COLUMNS)}${head}${'95 of 100'.padStart(RANGE_COLUMNS)}`,
    ...rows.map(rowLine),
    '',
    `  latencies in us, throughput in messages/s; a change of up to ${inPercent(limit)} counts as none`,
    `${'verdict'.padEnd(NAME_COLUMNS)}${verdict.state}`,
    ...verdict.reasons.map((reason) => `  - ${wrapped(reason, '    ')}`),
  ]
  return `\n${lines.join('\n')}\n`
}

function rowLine({ name, base, now, change, low, high, judgement }: ComparisonRow): string {
  const numbers = [grouped(base), grouped(now), signed(change)].map((text) => text.padStart(NUMBER_COLUMNS)).join('')
  const range = low === null || high === null ? '-' : `${signed(low)} to ${signed(high)}`
  return `${name.padEnd(NAME_COLUMNS)}${numbers}${range.padStart(RANGE_COLUMNS)}  ${WORDS[judgement]}`
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
