/**
 * Owns a capacity search's report as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { targetUrl } from '../options/target.ts'
import { grouped, wrapped } from './numbers.ts'
import type { CapacityReport, CapacityTrial } from './schema/capacity.ts'

const LABEL_COLUMNS = 12
const WHY_MAX = 60
const LIMITS = {
  server: 'the server',
  generator: 'the generator, or its machine',
  maximum: 'the highest rate that was to be tried',
  'cut short': 'being cut short',
} as const

export function capacityTable(report: CapacityReport): string {
  const { options, objective, trials, verdict, capacity } = report
  const head = ['due/s', 'answered/s', 'p50 us', 'p99 us', 'p99.9 us', 'cores'].map((title) => title.padStart(12))
  const lines = [
    `${targetUrl(options.target)}  highest rate with ${objective.text}, ${grouped(options.connections)} connections`,
    '',
    `${'stage'.padEnd(LABEL_COLUMNS)}${head.join('')}`,
    ...trials.map(trialLine),
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

export function trialLine({
  stage,
  perSecond,
  answeredPerSecond,
  state,
  why,
  response,
  serverCores,
}: CapacityTrial): string {
  const cores = serverCores === null ? '-' : serverCores.toFixed(2)
  const numbers = [perSecond, answeredPerSecond, response.p50Us, response.p99Us, response.p999Us].map(grouped)
  const cells = [...numbers, cores].map((text) => text.padStart(12)).join('')
  return `${stage.padEnd(LABEL_COLUMNS)}${cells}  ${state}${why === '' ? '' : `: ${shortened(why)}`}`
}

/** A reason that a line has room for; the whole of it stands in the other reports. */
export function shortened(why: string): string {
  return why.length > WHY_MAX ? `${why.slice(0, WHY_MAX - 3)}...` : why
}
