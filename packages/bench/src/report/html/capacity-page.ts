/**
 * Owns a capacity search's report as a page.
 * Must not know: how a page is written.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { targetUrl } from '../../options/target.ts'
import type { Objective } from '../../options/objective.ts'
import { figureOf, figuresOf } from '../capacity-figures.ts'
import { capacityInWords } from '../capacity-table.ts'
import type { CapacityReport, CapacityTrial } from '../schema/capacity.ts'
import type { LatencyReport } from '../schema/parts.ts'
import { percentileChart } from './charts.ts'
import type { Color, LinesChart } from './charts.ts'
import { environmentFacts } from './environment-facts.ts'
import { pageOf } from './page.ts'
import type { Table } from './page.ts'
import { inGroups, inUs, sayUs } from './words.ts'

const LIMITS = {
  server: 'the server',
  generator: 'the generator',
  maximum: 'the maximum',
  'cut short': 'cut short',
} as const

export function capacityPage(report: CapacityReport): string {
  const { capacity, objective, options, trials, verdict, environment, commandLine, version, startedAt } = report
  const { perSecond, missedPerSecond, isConfirmed, limit } = capacity
  const confirming = trials.filter(({ stage, state }) => stage === 'confirm' && state === 'held')
  const best = confirming.at(-1) ?? trials.filter(({ state }) => state === 'held').at(-1)
  const [figure, usOf] = figureOf(objective) ?? []
  return pageOf({
    title: `${inGroups(perSecond)} messages/s with ${objective.text}`,
    lead: `${targetUrl(options.target)}, ${inGroups(options.connections)} connections, ${startedAt.slice(0, 16)}Z`,
    verdict,
    objectives: [{ text: capacityInWords(report), met: isConfirmed }],
    tiles: [
      { name: 'held', value: inGroups(perSecond), unit: '/s', beside: isConfirmed ? 'confirmed' : 'not confirmed' },
      { name: 'missed', value: missedPerSecond === null ? 'none' : inGroups(missedPerSecond), beside: 'lowest rate' },
      { name: 'limited by', value: LIMITS[limit] },
      ...(best === undefined || usOf === undefined
        ? []
        : [{ name: `${figure} there`, ...sayUs(usOf(best.response)), beside: 'at the rate held' }]),
    ],
    sections: [
      rateChart(trials, objective),
      ...(best === undefined ? [] : [curve(best.response)]),
      trialsTable(trials, objective),
      environmentFacts(environment, commandLine),
    ],
    foot: `shardwire-bench ${version}, ${startedAt}`,
  })
}

function curve(response: LatencyReport): LinesChart {
  const title = 'Latency by percentile, at the rate held'
  return percentileChart(title, '', [{ label: 'response', latency: response, color: 1, style: 'line' }])
}

const COLORS: Readonly<Record<string, Color>> = { p50: 1, 'p99.9': 2, p99: 4 }
const OTHER_COLOR = 3

function rateChart(trials: readonly CapacityTrial[], objective: Objective): LinesChart {
  const { limit, metric } = objective
  const hasLimit = metric !== 'rate' && metric !== 'errors'
  const sorted = trials.toSorted((one, other) => one.perSecond - other.perSecond)
  const of = (pick: (one: LatencyReport) => number): number[] =>
    sorted.map(({ response }) => Math.max(1, pick(response)))
  return {
    kind: 'lines',
    title: 'Latency by rate',
    note: 'Each point is a trial.',
    isWide: true,
    x: { name: 'messages/s due', scale: 'log', unit: 'rate', values: sorted.map(({ perSecond }) => perSecond) },
    y: { scale: 'log', unit: 'us' },
    series: [
      ...figuresOf(objective, ['p50', 'p99', 'p99.9'])
        .toReversed()
        .map(([label, usOf]) => {
          return { label, values: of(usOf), color: COLORS[label] ?? OTHER_COLOR, style: 'points' } as const
        }),
      ...(hasLimit ? [{ label: 'objective', values: sorted.map(() => limit), color: 5, style: 'dash' } as const] : []),
    ],
  }
}

function trialsTable(trials: readonly CapacityTrial[], objective: Objective): Table {
  const figures = figuresOf(objective, ['p50', 'p99', 'p99.9', 'max'])
  return {
    kind: 'table',
    title: 'Trials',
    note: 'In their order.',
    isWide: true,
    head: ['stage', 'due/s', 'answered/s', ...figures.map(([name]) => name), 'cores', ''],
    hasSentences: true,
    rows: trials.map(({ stage, perSecond, answeredPerSecond, response, serverCores, state, why }) => {
      const cores = serverCores === null ? '' : serverCores.toFixed(2)
      const rates = [perSecond, answeredPerSecond].map(inGroups)
      return [
        stage,
        ...rates,
        ...figures.map(([, usOf]) => inUs(usOf(response))),
        cores,
        why === '' ? state : `${state}: ${why}`,
      ]
    }),
  }
}
