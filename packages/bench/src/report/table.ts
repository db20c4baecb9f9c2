/**
 * Owns the report as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold. A run without a sample has no numbers to show, only what
 * went wrong.
 */
import type { ErrorKind } from '../messages.ts'
import { targetUrl } from '../options/target.ts'
import { SAMPLES_ABOVE_MIN } from '../run/percentiles.ts'
import { grouped, megabytes, seconds, wrapped } from './numbers.ts'
import { rateInWords } from '../options/rate-spec.ts'
import { LATENCY_ROWS } from './latency-rows.ts'
import { objectiveLine } from './objective-line.ts'
import type { LatencyReport } from './schema/parts.ts'
import type { RunReport } from './schema/run.ts'

const LABEL_COLUMNS = 12
const NUMBER_COLUMNS = 13

export function runTable(report: RunReport): string {
  const isMeasured = report.latency.response.samples > 0
  const numbers = isMeasured
    ? [throughput(report), latency(report), classes(report), besides(report), bothSides(report)]
    : []
  const sections = [heading(report), ...numbers.filter((section) => section !== ''), verdict(report)]
  return `\n${sections.join('\n')}\n`
}

function heading({ options, measuredUs }: RunReport): string {
  const { target, codec, connections, depth, traffic, mode, open, processes, warmupMs } = options
  const sizes = [...new Set(traffic.shapes.map(({ payloadBytes }) => payloadBytes))]
  const size = sizes.length === 1 ? `${sizes[0]} B` : `${Math.min(...sizes)} to ${Math.max(...sizes)} B`
  const what = codec === 'frame' ? `${mode}s to ${routesOf(traffic)}` : `${codec} messages`
  const inFlight = open === null ? `${depth} in flight` : `up to ${depth} in flight`
  const load = `${grouped(connections)} connections x ${inFlight}, ${size} payload`
  const warmUp = warmupMs === 0 ? 'without warm-up' : `after ${warmupMs / 1000} s of warm-up`
  const loop =
    open === null ? 'closed loop' : `open loop, ${rateInWords(open.stages)} messages/s, ${open.arrivals} arrivals`
  return [
    `${targetUrl(target)}  ${load}, ${what}, load processes: ${processes}`,
    `${loop}, ${measuredUs === 0 ? 'nothing measured' : `${seconds(measuredUs)} measured ${warmUp}`}`,
    '',
  ].join('\n')
}

function throughput(report: RunReport): string {
  const { messages, messagesPerSecond, bytesReceivedPerSecond, bytesSent, bytesReceived } = report
  const rate = `${grouped(messagesPerSecond)} messages/s  ${megabytes(bytesReceivedPerSecond)} MB/s each way`
  const sum = `${grouped(messages)} messages  ${megabytes(bytesSent)} MB sent  ${megabytes(bytesReceived)} MB received`
  return `${label('throughput')}${rate}\n${label('total')}${sum}\n`
}

/** Closed loop: one column. Open loop: response time, beside it what a generator without a plan would have said. */
function latency({ latency: { response, service, sendLag, ownLag }, open }: RunReport): string {
  const columns: [string, LatencyReport | null][] =
    service === null
      ? [['us', response]]
      : [
          ['response us', response],
          ['uncorrected', service],
          ['send lag', sendLag],
          ['own lag', ownLag],
        ]
  const few = new Set(response.fewSamplesFor.map((percent) => `p${percent}`))
  const lines = LATENCY_ROWS.map(([name, of]) => {
    const numbers = columns.map(([, one]) => (one === null ? '' : number(of(one)))).join('')
    return `${label(`  ${name}`)}${numbers}${few.has(name) ? ' *' : ''}`
  })
  const titles = columns.map(([title]) => title.padStart(NUMBER_COLUMNS)).join('')
  const note = few.size > 0 ? [`  * fewer than ${SAMPLES_ABOVE_MIN} samples lie above it`] : []
  const counts = open === null ? [] : [`${label('frames')}${openCounts(open)}`]
  return [`${label('latency')}${titles}  ${grouped(response.samples)} samples`, ...lines, ...note, ...counts, ''].join(
    '\n',
  )
}

function openCounts({ due, held, late, unsent, dropped, censored }: NonNullable<RunReport['open']>): string {
  const parts = [`${grouped(due)} due`]
  if (held > 0) parts.push(`${grouped(held)} waited for room in their connection`)
  if (late > 0) parts.push(`${grouped(late)} late by the generator's fault`)
  if (censored > 0) parts.push(`${grouped(censored)} not answered by the end`)
  if (unsent > 0) parts.push(`${grouped(unsent)} of them never written`)
  if (dropped > 0) parts.push(`${grouped(dropped)} dropped`)
  return parts.join(', ')
}

function classes(report: RunReport): string {
  if (report.classes.length === 0) return ''
  const title = ['p50', 'p99', 'p99.9', 'max'].map((name) => name.padStart(NUMBER_COLUMNS)).join('')
  const lines = report.classes.map(({ name, response: { samples, p50Us, p99Us, p999Us, maxUs } }) => {
    const numbers = [p50Us, p99Us, p999Us, maxUs].map(number).join('')
    return `${label(`  ${name}`)}${numbers}  ${grouped(samples)} samples`
  })
  return [`${label('by route')}${title}`, ...lines, ''].join('\n')
}

function besides({ idle, churn, slow }: RunReport): string {
  const lines: string[] = []
  if (idle !== null) {
    const { held, lost, openMs, connectsPerSecond, pings, sweep } = idle
    const opened = `opened in ${seconds(openMs * 1000)}, ${grouped(connectsPerSecond)}/s`
    lines.push(
      `${label('idle')}${grouped(held)} held, ${opened}, ${grouped(lost)} lost, ${grouped(pings)} PINGs answered`,
    )
    const answers = `p50 ${grouped(sweep.answer.p50Us)} us, max ${grouped(sweep.answer.maxUs)} us`
    lines.push(
      `${label('')}${grouped(sweep.alive)} of ${grouped(sweep.asked)} alive when asked for one echo, ${answers}`,
    )
  }
  if (churn !== null) {
    const { answered, failed, connect, firstAnswer } = churn
    const times = `connect p99 ${grouped(connect.p99Us)} us, first answer p99 ${grouped(firstAnswer.p99Us)} us`
    lines.push(
      `${label('churn')}${grouped(answered)} came, were answered and went, ${grouped(failed)} failed, ${times}`,
    )
  }
  if (slow !== null) {
    const { up, ended, bytesRead } = slow
    lines.push(`${label('slow')}${up} readers, ${megabytes(bytesRead)} MB read, the server ended ${grouped(ended)}`)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function bothSides({ processes, observed, hiccups, latency: { connect } }: RunReport): string {
  const lines = processes.map((self, index) => {
    const busy = Math.round((self.spinUs > 0 ? self.loopBusy : self.threadCpuUs / Math.max(1, self.lengthUs)) * 100)
    const spins = self.spinUs > 0 ? ` (and spins ${Math.round((self.spinUs / self.lengthUs) * 100)} %)` : ''
    const [p99, max] = [grouped(self.loopDelayP99Us), grouped(self.loopDelayMaxUs)]
    const late = `event loop late by ${p99} us at p99, ${max} us at most`
    const name = `${label(index === 0 ? 'generator' : '')}process ${self.process}`
    return `${name}: ${busy} % of a core${spins}, ${late}`
  })
  const { server, samples } = observed
  const cores = samples.flatMap(({ serverCores }) => serverCores ?? [])
  if (server !== null && cores.length > 0) {
    const mean = cores.reduce((sum, one) => sum + one, 0) / cores.length
    const resident = megabytes(samples.at(-1)?.serverBytes ?? 0)
    const who = server.processes === 1 ? '1 process' : `${server.processes} processes`
    lines.push(`${label('server')}${mean.toFixed(2)} cores, ${resident} MB resident, ${who}`)
  }
  const busy = samples.flatMap(({ machineBusy }) => machineBusy ?? [])
  const load = busy.length === 0 ? '' : `, ${Math.round((busy.reduce((a, b) => a + b, 0) / busy.length) * 100)} % busy`
  lines.push(`${label('machine')}an idle process was woken ${grouped(hiccups.p99Us)} us late at p99${load}`)
  lines.push(`${label('connects')}p50 ${grouped(connect.p50Us)} us, max ${grouped(connect.maxUs)} us`)
  return `${lines.join('\n')}\n`
}

function verdict({ latency: { response }, errors, objectives, verdict: { state, reasons }, notes }: RunReport): string {
  const counted = (Object.entries(errors) as [ErrorKind, number][]).filter(([, count]) => count > 0)
  const list = counted.map(([kind, count]) => `${grouped(count)} ${kind}`).join(', ')
  return [
    `${label('errors')}${list === '' ? 'none' : list}`,
    ...objectives.map(objectiveLine),
    `${label('verdict')}${state}`,
    ...reasons.map((reason) => `  - ${wrapped(reason, '    ')}`),
    // They are about the numbers.
    ...(response.samples === 0 ? [] : notes).map((note) => `\n${wrapped(note)}`),
  ].join('\n')
}

function routesOf({ classes: names }: RunReport['options']['traffic']): string {
  return names.length === 1 ? `route ${names[0]}` : `routes ${names.join(', ')}`
}

function label(text: string): string {
  return text.padEnd(LABEL_COLUMNS)
}

function number(us: number): string {
  return grouped(us).padStart(NUMBER_COLUMNS)
}
