/**
 * Owns the report as text for people.
 * Must not know: where it is printed.
 * Invariant: shows nothing that the JSON report does not hold. A run without a sample has no numbers to show, only what
 * went wrong.
 */
import type { ErrorKind } from '../messages.ts'
import { targetUrl } from '../run/diagnosis.ts'
import { SAMPLES_ABOVE_MIN } from '../run/percentiles.ts'
import { grouped, megabytes, seconds, wrapped } from './numbers.ts'
import type { LatencyReport, RunReport } from './run-report.ts'

const LABEL_COLUMNS = 12
const NUMBER_COLUMNS = 12

export function runTable(report: RunReport): string {
  const isMeasured = report.latency.samples > 0
  const numbers = isMeasured ? [throughput(report), latency(report.latency), loadProcesses(report)] : []
  const sections = [heading(report), ...numbers, verdict(report)]
  return `\n${sections.join('\n')}\n`
}

function heading({ options, measuredUs }: RunReport): string {
  const { target, connections, depth, payloadBytes, mode, route, processes, warmupMs } = options
  const load = `${grouped(connections)} connections x ${depth} in flight, ${payloadBytes} B payload`
  const warmUp = warmupMs === 0 ? 'without warm-up' : `after ${warmupMs / 1000} s of warm-up`
  return [
    `${targetUrl(target)}  ${load}, ${mode}s to route ${route}, load processes: ${processes}`,
    `closed loop, ${measuredUs === 0 ? 'nothing measured' : `${seconds(measuredUs)} measured ${warmUp}`}`,
    '',
  ].join('\n')
}

function throughput(report: RunReport): string {
  const { messages, messagesPerSecond, bytesReceivedPerSecond, bytesSent, bytesReceived } = report
  const rate = `${grouped(messagesPerSecond)} messages/s  ${megabytes(bytesReceivedPerSecond)} MB/s each way`
  const sum = `${grouped(messages)} messages  ${megabytes(bytesSent)} MB sent  ${megabytes(bytesReceived)} MB received`
  return `${label('throughput')}${rate}\n${label('total')}${sum}\n`
}

function latency(report: LatencyReport): string {
  const rows: [string, number][] = [
    ['min', report.minUs],
    ['mean', report.meanUs],
    ['p50', report.p50Us],
    ['p90', report.p90Us],
    ['p99', report.p99Us],
    ['p99.9', report.p999Us],
    ['p99.99', report.p9999Us],
    ['max', report.maxUs],
  ]
  const few = new Set(report.fewSamplesFor.map((percent) => `p${percent}`))
  const lines = rows.map(([name, us]) => `${label(`  ${name}`)}${number(us)}${few.has(name) ? ' *' : ''}`)
  const note = few.size > 0 ? [`  * fewer than ${SAMPLES_ABOVE_MIN} samples lie above it`] : []
  return [
    `${label('latency')}${'us'.padStart(NUMBER_COLUMNS)}  ${grouped(report.samples)} samples`,
    ...lines,
    ...note,
    '',
  ].join('\n')
}

function loadProcesses({ processes }: RunReport): string {
  const lines = processes.map((self, index) => {
    const cpu = self.lengthUs === 0 ? 0 : Math.round((self.threadCpuUs / self.lengthUs) * 100)
    const [p99, max] = [grouped(self.loopDelayP99Us), grouped(self.loopDelayMaxUs)]
    const late = `event loop late by ${p99} us at p99, ${max} us at most`
    return `${label(index === 0 ? 'generator' : '')}process ${self.process}: ${cpu} % of a core, ${late}`
  })
  return `${lines.join('\n')}\n`
}

function verdict({ latency: { samples }, errors, verdict: { state, reasons }, notes }: RunReport): string {
  const counted = (Object.entries(errors) as [ErrorKind, number][]).filter(([, count]) => count > 0)
  const list = counted.map(([kind, count]) => `${grouped(count)} ${kind}`).join(', ')
  return [
    `${label('errors')}${list === '' ? 'none' : list}`,
    `${label('verdict')}${state}`,
    ...reasons.map((reason) => `  - ${wrapped(reason, '    ')}`),
    // They are about the numbers.
    ...(samples === 0 ? [] : notes).map((note) => `\n${wrapped(note)}`),
  ].join('\n')
}

function label(text: string): string {
  return text.padEnd(LABEL_COLUMNS)
}

function number(us: number): string {
  return grouped(us).padStart(NUMBER_COLUMNS)
}
