/**
 * Owns a ladder's report as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold.
 */
import { targetUrl } from '../options/target.ts'
import { grouped, megabytes, wrapped } from './numbers.ts'
import { objectiveLine } from './objective-line.ts'
import type { LadderReport, LadderStep } from './schema/ladder.ts'

const COLUMNS: readonly (readonly [string, number, (step: LadderStep) => string])[] = [
  ['connections', 12, ({ connections }) => grouped(connections)],
  ['opened/s', 10, ({ connectsPerSecond }) => grouped(connectsPerSecond)],
  ['alive', 11, ({ sweep }) => grouped(sweep.alive)],
  ['server B', 10, ({ perConnection }) => known(perConnection.server)],
  ['holder B', 10, ({ perConnection }) => known(perConnection.generator)],
  ['kernel B', 10, ({ perConnection }) => known(perConnection.kernel)],
  ['cores', 8, ({ probe }) => (probe.serverCores === null ? '-' : probe.serverCores.toFixed(2))],
  ['p50 us', 9, ({ probe }) => grouped(probe.response.p50Us)],
  ['p99 us', 10, ({ probe }) => grouped(probe.response.p99Us)],
  ['max us', 11, ({ probe }) => grouped(probe.response.maxUs)],
]
const LABEL_COLUMNS = 12

export function ladderTable(report: LadderReport): string {
  const { options, steps, reached, bound, hold, objectives, verdict, lost } = report
  const head = COLUMNS.map(([title, width]) => title.padStart(width)).join('')
  const rows = steps.map((step) => COLUMNS.map(([, width, of]) => of(step).padStart(width)).join(''))
  const lines = [
    `${targetUrl(options.target)}  idle connections in steps to ${grouped(options.steps.at(-1) ?? 0)}`,
    '',
    ...(steps.length === 0 ? [] : [head, ...rows, '', BYTES_NOTE, '']),
    `${label('reached')}${grouped(reached)} connections${bound === null ? '' : `, bound by ${bound.code}`}`,
    ...(bound === null ? [] : [`${label('')}${wrapped(bound.sentence, ' '.repeat(LABEL_COLUMNS))}`]),
    ...(hold === null ? [] : [holdLine(hold)]),
    memoryLine(report),
    `${label('lost')}${grouped(lost)}`,
    ...objectives.map(objectiveLine),
    `${label('verdict')}${verdict.state}`,
    ...verdict.reasons.map((reason) => `  - ${wrapped(reason, '    ')}`),
  ]
  return `\n${lines.join('\n')}\n`
}

const BYTES_NOTE =
  '  B: bytes that each connection added: resident in the server and in the holders, and in the kernel for both ends'

function holdLine({ lengthMs, pings, lost, sweep, probe }: NonNullable<LadderReport['hold']>): string {
  const alive = `${grouped(sweep.alive)} of ${grouped(sweep.asked)} alive at the end`
  const p99 = `probe p99 ${grouped(probe.response.p99Us)} us`
  const time = `${Math.round(lengthMs / 1000)} s`
  return `${label('held')}${time}, ${grouped(pings)} PINGs answered, ${grouped(lost)} lost, ${alive}, ${p99}`
}

/** What both sides had before, at the top, and after. */
function memoryLine({ before, steps, after }: LadderReport): string {
  const top = steps.at(-1)?.ledger
  const of = (name: 'server' | 'generator'): string => {
    const entries = [before[name], top?.[name], after?.[name]].map((entry) => {
      return entry === null || entry === undefined ? '-' : `${megabytes(entry.residentBytes)}`
    })
    return entries.join(' -> ')
  }
  return `${label('memory')}server ${of('server')} MB, holders ${of('generator')} MB (before, top, after closing)`
}

function known(bytes: number | null): string {
  return bytes === null ? '-' : grouped(bytes)
}

function label(text: string): string {
  return text.padEnd(LABEL_COLUMNS)
}
