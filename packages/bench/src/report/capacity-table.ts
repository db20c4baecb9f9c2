/**
 * Owns a capacity search's report as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { targetUrl } from '../options/target.ts'
import { figuresOf } from './capacity-figures.ts'
import type { Figure } from './capacity-figures.ts'
import { grouped, wrapped } from './numbers.ts'
import type { CapacityReport, CapacityTrial } from './schema/capacity.ts'

const LABEL_COLUMNS = 12
const NUMBER_COLUMNS = 12
const LINE_COLUMNS_MAX = 120
const ALWAYS = ['p50', 'p99', 'p99.9']
const LIMITS = {
  server: 'the server',
  generator: 'the generator, or its machine',
  maximum: 'the highest rate that was to be tried',
  'cut short': 'being cut short',
} as const

export function capacityTable(report: CapacityReport): string {
  const { options, objective, trials, verdict, capacity } = report
  const figures = figuresOf(objective, ALWAYS)
  const titles = ['due/s', 'answered/s', ...figures.map(([name]) => `${name} us`), 'cores']
  const head = titles.map((title) => title.padStart(NUMBER_COLUMNS))
  const lines = [
    `${targetUrl(options.target)}  highest rate with ${objective.text}, ${grouped(options.connections)} connections`,
    '',
    `${'stage'.padEnd(LABEL_COLUMNS)}${head.join('')}`,
    ...trials.map((trial) => trialLines(trial, figures)),
    '',
    `${'capacity'.padEnd(LABEL_COLUMNS)}${capacityInWords(report)}`,
    `${'limited by'.padEnd(LABEL_COLUMNS)}${LIMITS[capacity.limit]}`,
    `${'verdict'.padEnd(LABEL_COLUMNS)}${verdict.state}`,
    ...verdict.reasons.map((reason) => `  - ${wrapped(reason, '    ')}`),
  ]
  return `\n${lines.join('\n')}\n`
}

/** The rate, and the interval that it lies in. */
export function capacityInWords({ capacity }: Pick<CapacityReport, 'capacity'>): string {
  const { perSecond, missedPerSecond, isConfirmed } = capacity
  if (perSecond === 0) return 'no rate was held'
  const beyond = missedPerSecond === null ? ', nothing higher was tried' : `, and less than ${grouped(missedPerSecond)}`
  return `at least ${grouped(perSecond)} messages/s${isConfirmed ? ' (confirmed)' : ' (not confirmed)'}${beyond}`
}

function trialLines(trial: CapacityTrial, figures: readonly Figure[]): string {
  const { stage, perSecond, answeredPerSecond, state, why, response, serverCores } = trial
  const cores = serverCores === null ? '-' : serverCores.toFixed(2)
  const numbers = [perSecond, answeredPerSecond, ...figures.map(([, of]) => of(response))].map(grouped)
  const cells = [...numbers, cores].map((text) => text.padStart(NUMBER_COLUMNS)).join('')
  return withReason(`${stage.padEnd(LABEL_COLUMNS)}${cells}  ${state}`, why)
}

/** The whole of a reason: beside what it explains where there is room, else in lines below it. */
export function withReason(line: string, why: string): string {
  if (why === '') return line
  const beside = `${line}: ${why}`
  if (beside.length <= LINE_COLUMNS_MAX) return beside
  const indent = ' '.repeat(LABEL_COLUMNS)
  return `${line}:\n${indent}${wrapped(why, indent)}`
}
