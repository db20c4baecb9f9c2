/**
 * Owns making one report of several runs: of parts of one load that ran at once, or of the same load again and again.
 * Must not know: files, how a report looks.
 * Invariant: histograms are added bucket by bucket and percentiles read from the sum, never averaged; whatever was
 * wrong with one run is wrong with the sum.
 */
import { LatencyHistogram } from '../histogram/latency-histogram.ts'
import { ERROR_KINDS } from '../messages.ts'
import type { ErrorCounts } from '../messages.ts'
import { judgeObjectives } from '../options/objective.ts'
import { hasFewSamples, PERCENTILES } from '../run/percentiles.ts'
import type { Verdict } from '../run/verdict.ts'
import type { LatencyReport } from '../report/schema/parts.ts'
import type { RunReport } from '../report/schema/run.ts'
import { mergeSeries } from './merge-series.ts'
import type { MergeKind } from './merge-series.ts'

export interface MergeOrigin {
  readonly version: string
  readonly commandLine: readonly string[]
}

/** Whether runs were at the same time for the most part. */
export function kindOf(reports: readonly RunReport[]): MergeKind {
  const spans = reports.map(({ startedAt, options }) => {
    const from = Date.parse(startedAt)
    return { from, to: from + options.warmupMs + options.durationMs }
  })
  const latest = Math.max(...spans.map(({ from }) => from))
  const earliest = Math.min(...spans.map(({ to }) => to))
  const shortest = Math.min(...spans.map(({ from, to }) => to - from))
  return earliest - latest > shortest / 2 ? 'together' : 'repeats'
}

/** What keeps runs from being one; empty when they can be. */
export function mergeProblems(reports: readonly RunReport[]): string[] {
  const [first] = reports
  if (first === undefined) return ['there is no run']
  const differing = (name: string, of: (report: RunReport) => unknown): string[] => {
    const values = new Set(reports.map((report) => JSON.stringify(of(report))))
    return values.size > 1 ? [`${name} differs: ${[...values].join(' and ')}`] : []
  }
  return [
    ...repeated(reports),
    ...differing('the codec', ({ options }) => options.codec),
    ...differing('the mode', ({ options }) => options.mode),
    ...differing('the kind of loop', ({ options }) => (options.open === null ? 'closed' : 'open')),
    ...differing('what is sent', ({ options }) => options.traffic),
    ...differing('the target', ({ options }) => options.target),
  ]
}

/** The same run twice would weigh double, and lend its percentiles a certainty that they have not. */
function repeated(reports: readonly RunReport[]): string[] {
  const seen = new Map<string, number>()
  return reports.flatMap((report, index) => {
    const text = JSON.stringify(report)
    const before = seen.get(text)
    if (before === undefined) seen.set(text, index)
    return before === undefined ? [] : [`the runs ${before + 1} and ${index + 1} are the same: name each report once`]
  })
}

/** @param reports at least one, without `mergeProblems` */
export function mergeReports(reports: readonly RunReport[], kind: MergeKind, origin: MergeOrigin): RunReport {
  const [first] = reports
  if (first === undefined) throw new RangeError('reports: expected at least one, got none')
  const sum = (of: (report: RunReport) => number): number => reports.reduce((total, one) => total + of(one), 0)
  const lengths = reports.map(({ measuredUs }) => measuredUs)
  const measuredUs = kind === 'together' ? Math.max(...lengths) : sum(({ measuredUs: us }) => us)
  const messages = sum((one) => one.messages)
  const perSecond = (amount: number): number => (measuredUs === 0 ? 0 : Math.round((amount / measuredUs) * 1e6))
  const latency = latenciesOf(reports)
  const errors = errorsOf(reports)
  const messagesPerSecond = perSecond(messages)
  const failed = ERROR_KINDS.reduce((total, name) => total + errors[name], 0)
  const percentileUs = percentilesOf(latency.response)
  const errorShare = failed === 0 ? 0 : failed / (failed + messages)
  const numbers = { ...latency.response, percentileUs, messagesPerSecond, errorShare }
  const bytesReceived = sum((one) => one.bytesReceived)
  return {
    ...first,
    version: origin.version,
    commandLine: [...origin.commandLine],
    options: optionsOf(reports, kind),
    merged: sum((one) => one.merged),
    measuredUs,
    messages,
    messagesPerSecond,
    bytesSent: sum((one) => one.bytesSent),
    bytesReceived,
    bytesReceivedPerSecond: perSecond(bytesReceived),
    open: openOf(reports),
    latency,
    classes: first.classes.map(({ name }) => {
      const parts = reports.flatMap(({ classes }) => classes.filter((one) => one.name === name))
      return { name, response: mergeLatencies(parts.map(({ response }) => response)) }
    }),
    series: mergeSeries(reports, kind),
    hiccups: mergeLatencies(reports.map(({ hiccups }) => hiccups)),
    errors,
    example: reports.find(({ example }) => example !== null)?.example ?? null,
    processes: reports.flatMap(({ processes }) => processes).map((self, process) => ({ ...self, process })),
    objectives: judgeObjectives(first.options.objectives, numbers),
    verdict: verdictOf(reports),
    notes: [...new Set(reports.flatMap(({ notes }) => notes))],
  }
}

/** The sum of latencies. */
export function mergeLatencies(parts: readonly LatencyReport[]): LatencyReport {
  const some = parts.filter(({ samples }) => samples > 0)
  const samples = some.reduce((sum, part) => sum + part.samples, 0)
  const histogram = new LatencyHistogram()
  for (const part of some) histogram.merge(part.histogram)
  const maxUs = Math.max(0, ...some.map((part) => part.maxUs))
  const at = (percent: number): number => Math.min(maxUs, histogram.percentileUs(percent))
  const sumUs = some.reduce((sum, { meanUs, samples: count }) => sum + meanUs * count, 0)
  const merged = {
    samples,
    minUs: samples === 0 ? 0 : Math.min(...some.map(({ minUs }) => minUs)),
    meanUs: samples === 0 ? 0 : Math.round((sumUs / samples) * 10) / 10,
    p50Us: at(50),
    p90Us: at(90),
    p99Us: at(99),
    p999Us: at(99.9),
    p9999Us: at(99.99),
    maxUs,
    fewSamplesFor: PERCENTILES.filter((one) => hasFewSamples(samples, one)).map(({ percent }) => percent),
    aboveRange: some.reduce((sum, { aboveRange }) => sum + aboveRange, 0),
    histogram: histogram.encode(),
  }
  histogram.destroy()
  return merged
}

function percentilesOf({ histogram: encoded, maxUs }: LatencyReport): (percent: number) => number {
  return (percent) => {
    const histogram = new LatencyHistogram()
    histogram.merge(encoded)
    const us = Math.min(maxUs, histogram.percentileUs(percent))
    histogram.destroy()
    return us
  }
}

function latenciesOf(reports: readonly RunReport[]): RunReport['latency'] {
  const of = (name: 'service' | 'sendLag' | 'ownLag'): LatencyReport | null => {
    const parts = reports.flatMap(({ latency }) => latency[name] ?? [])
    return parts.length === 0 ? null : mergeLatencies(parts)
  }
  return {
    response: mergeLatencies(reports.map(({ latency }) => latency.response)),
    service: of('service'),
    sendLag: of('sendLag'),
    ownLag: of('ownLag'),
    connect: mergeLatencies(reports.map(({ latency }) => latency.connect)),
  }
}

function errorsOf(reports: readonly RunReport[]): ErrorCounts {
  const counts = ERROR_KINDS.map((kind) => [kind, reports.reduce((sum, { errors }) => sum + errors[kind], 0)] as const)
  return Object.fromEntries(counts) as unknown as ErrorCounts
}

function openOf(reports: readonly RunReport[]): RunReport['open'] {
  const parts = reports.flatMap(({ open }) => open ?? [])
  if (parts.length === 0) return null
  const sum = (name: keyof (typeof parts)[number]): number => parts.reduce((total, part) => total + part[name], 0)
  return {
    due: sum('due'),
    held: sum('held'),
    late: sum('late'),
    unsent: sum('unsent'),
    dropped: sum('dropped'),
    censored: sum('censored'),
  }
}

/** Of parts at once, connections and processes add up; repeats have those of one. */
function optionsOf(reports: readonly RunReport[], kind: MergeKind): RunReport['options'] {
  const options = reports.map((report) => report.options)
  const [first] = options
  if (first === undefined || kind === 'repeats') return first as RunReport['options']
  const sum = (of: (one: RunReport['options']) => number): number => options.reduce((total, one) => total + of(one), 0)
  const stages = first.open?.stages.map((stage, index) => ({
    ...stage,
    fromPerSecond: sum(({ open }) => open?.stages[index]?.fromPerSecond ?? 0),
    toPerSecond: sum(({ open }) => open?.stages[index]?.toPerSecond ?? 0),
  }))
  return {
    ...first,
    connections: sum(({ connections }) => connections),
    processes: sum(({ processes }) => processes),
    open: first.open === null || stages === undefined ? null : { ...first.open, stages },
  }
}

function verdictOf(reports: readonly RunReport[]): Verdict {
  const states = reports.map(({ verdict }) => verdict.state)
  const reasons = reports.flatMap(({ verdict }, index) => {
    return verdict.reasons.map((reason) => `Run ${index + 1} of ${reports.length}: ${reason}`)
  })
  const machines = new Set(reports.map(({ environment }) => `${environment.cpuModel} ${environment.kernel}`))
  const versions = new Set(reports.map(({ environment }) => environment.nodeVersion))
  const differences = [
    ...(machines.size > 1 ? ['The runs are from different machines.'] : []),
    ...(versions.size > 1 ? [`The runs are from different versions of Node: ${[...versions].join(', ')}.`] : []),
  ]
  const all = [...reasons, ...differences]
  if (states.includes('INVALID')) return { state: 'INVALID', reasons: all }
  return { state: all.length > 0 ? 'SUSPECT' : 'VALID', reasons: all }
}
