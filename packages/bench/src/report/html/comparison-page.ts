/**
 * Owns a comparison's report as a page.
 * Must not know: how a page is written.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { bucketsOf } from '../../histogram/buckets.ts'
import { signed } from '../comparison-table.ts'
import type { LatencyReport } from '../schema/parts.ts'
import type { ComparisonReport, ComparisonRow } from '../schema/comparison.ts'
import { percentileChart } from './charts.ts'
import type { LinesChart } from './charts.ts'
import { environmentFacts } from './environment-facts.ts'
import { pageOf } from './page.ts'
import type { Facts, Table, Tile } from './page.ts'
import { inGroups, inUs } from './words.ts'

const JUDGEMENTS = {
  better: '✓ better',
  worse: '✕ worse',
  same: 'no more than chance',
  unknown: '? cannot be told',
} as const
/** Steps of the distribution in each factor of ten. */
const STEPS = 20

export function comparisonPage(report: ComparisonReport): string {
  const { base, now, rows, verdict, differences, environment, commandLine, version, startedAt } = report
  const facts: Facts = {
    kind: 'facts',
    title: 'The two runs',
    isOpen: true,
    rows: [
      ['base', `${base.file}, ${base.startedAt}, ${inGroups(base.messages)} messages, ${base.verdict.state}`],
      ['new', `${now.file}, ${now.startedAt}, ${inGroups(now.messages)} messages, ${now.verdict.state}`],
      ['differ in', differences.length === 0 ? 'nothing but the server' : differences.join('; ')],
    ],
  }
  return pageOf({
    title: titleOf(report),
    lead: `${now.file} beside ${base.file}`,
    verdict,
    objectives: [],
    tiles: rows.map(tileOf),
    sections: [
      percentileChart('Latency by percentile', 'Response times; each step to the right is ten times rarer.', [
        { label: 'base', latency: base.response, color: 2, style: 'dash' },
        { label: 'new', latency: now.response, color: 1, style: 'line' },
      ]),
      distributionChart(base.response, now.response),
      table(rows),
      facts,
      environmentFacts(environment, commandLine),
    ],
    foot: `shardwire-bench ${version}, ${startedAt}`,
  })
}

function titleOf({ rows, verdict }: ComparisonReport): string {
  if (verdict.state === 'INVALID') return 'Two runs that cannot be compared'
  const worse = rows.filter(({ judgement }) => judgement === 'worse').map(({ name }) => name)
  if (worse.length > 0) return `Worse: ${worse.join(', ')}`
  return rows.every(({ judgement }) => judgement === 'unknown') ? 'Nothing can be told' : 'Nothing is worse'
}

function tileOf({ name, unit, now, change, judgement }: ComparisonRow): Tile {
  const value = unit === 'us' ? inUs(now) : inGroups(now)
  return { name, value, beside: `${signed(change)}, ${JUDGEMENTS[judgement]}` }
}

function table(rows: readonly ComparisonRow[]): Table {
  return {
    kind: 'table',
    title: 'Changes',
    note:
      'The range is that of 95 of 100 runs drawn anew from blocks of the intervals of both. Worse and better are ' +
      'said where all of it lies on one side.',
    isWide: true,
    head: ['', 'base', 'new', 'change', 'range', ''],
    rows: rows.map(({ name, unit, base, now, change, low, high, judgement }) => {
      const say = unit === 'us' ? inUs : inGroups
      const range = low === null || high === null ? '' : `${signed(low)} to ${signed(high)}`
      return [name, say(base), say(now), signed(change), range, JUDGEMENTS[judgement]]
    }),
  }
}

/** Which part of the answers took how long, of both. */
function distributionChart(base: LatencyReport, now: LatencyReport): LinesChart {
  const [before, after] = [sharesOf(base), sharesOf(now)]
  const steps = [...before.keys(), ...after.keys()]
  const [first, last] = steps.length === 0 ? [0, 1] : [Math.min(...steps) - 1, Math.max(...steps) + 1]
  const axis = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  return {
    kind: 'lines',
    title: 'Distribution',
    note: 'Answers in each step of response time, in percent of all.',
    isWide: true,
    x: { name: 'response time', scale: 'log', unit: 'us', values: axis.map((step) => 10 ** (step / STEPS)) },
    y: { scale: 'linear', unit: 'number' },
    series: [
      { label: 'base', values: axis.map((step) => before.get(step) ?? 0), color: 2, style: 'dash' },
      { label: 'new', values: axis.map((step) => after.get(step) ?? 0), color: 1, style: 'area' },
    ],
  }
}

/** Percent of the samples by step. */
function sharesOf({ histogram, samples }: LatencyReport): Map<number, number> {
  const shares = new Map<number, number>()
  for (const { valueUs, count } of bucketsOf(histogram)) {
    const step = Math.round(Math.log10(Math.max(1, valueUs)) * STEPS)
    shares.set(step, (shares.get(step) ?? 0) + (100 * count) / Math.max(1, samples))
  }
  return shares
}
