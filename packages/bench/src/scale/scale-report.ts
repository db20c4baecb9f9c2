/**
 * Owns how a sweep's report is made of its runs, and its verdict.
 * Must not know: the terminal, files, processes.
 * Invariant: few sizes, or more at work than there are cores, are a doubt about the law, whatever fits.
 */
import type { DaemonSettings } from '../fleet/daemon.ts'
import type { RunReport } from '../report/schema/run.ts'
import { SCALE_SCHEMA } from '../report/schema/scale.ts'
import type { ScaleReport, ScaleRun } from '../report/schema/scale.ts'
import type { ReportOrigin } from '../report/run-report.ts'
import type { Verdict } from '../run/verdict.ts'
import { analyse } from './analyse.ts'
import type { Analysis } from './analyse.ts'
import type { ScaleOptions } from './scale-options.ts'

export interface Measured {
  readonly size: number
  readonly repeat: number
  readonly report: RunReport
}

export interface ScaleOrigin extends ReportOrigin {
  readonly startedAt: string
  readonly settings: DaemonSettings | null
}

/** Fewer sizes than this say little about a law of three parameters. */
const SIZES_MIN = 6
/** A size whose residual is larger does not follow the law. */
const RESIDUAL_MAX = 0.1

/** @param runs at least one */
export function makeScaleReport(options: ScaleOptions, runs: readonly Measured[], origin: ScaleOrigin): ScaleReport {
  const { over, sizes, predicted } = options
  const last = runs.at(-1)
  if (last === undefined) throw new RangeError('runs: expected at least one, got none')
  const points = runs.map(({ size, report }) => ({ size, perSecond: report.messagesPerSecond }))
  const analysis = analyse(points, predicted)
  return {
    schema: SCALE_SCHEMA,
    version: origin.version,
    startedAt: origin.startedAt,
    commandLine: [...origin.commandLine],
    over,
    sizes: [...sizes],
    options: last.report.options,
    settings: origin.settings,
    runs: runs.map(runOf),
    ...analysis,
    verdict: verdictOf(options, runs, analysis, origin.environment.cores),
    environment: origin.environment,
  }
}

function runOf({ size, repeat, report }: Measured): ScaleRun {
  const { messagesPerSecond, latency, observed, verdict } = report
  return {
    size,
    repeat,
    messagesPerSecond,
    response: latency.response,
    serverCores: meanOf(observed.samples.map(({ serverCores }) => serverCores)),
    generatorCores: meanOf(observed.samples.map(({ generatorCores }) => generatorCores)),
    verdict,
  }
}

function verdictOf(
  { over, sizes, repeats }: ScaleOptions,
  runs: readonly Measured[],
  { best, bestWhy, fits }: Analysis,
  cores: number,
): Verdict {
  const invalid = runs.filter(({ report }) => report.verdict.state === 'INVALID')
  const [first] = invalid
  const reasons: string[] = []
  if (runs.length < sizes.length * repeats) reasons.push('The sweep was cut short.')
  if (first !== undefined) {
    const why = first.report.verdict.reasons[0] ?? ''
    reasons.push(`${invalid.length} of ${runs.length} runs are INVALID, the first with ${first.size} ${over}: ${why}`)
  }
  const isInvalid = reasons.length > 0
  if (sizes.length < SIZES_MIN) {
    reasons.push(`${sizes.length} sizes are few for a law: take ${SIZES_MIN} or more.`)
  }
  reasons.push(...coreReasons(over, sizes, runs, cores), ...doubtReasons(over, runs))
  if (best === null) reasons.push(`No law is the best, and no peak is told: ${bestWhy}.`)
  const fitted = fits.find(({ model }) => model === best)
  const off = fitted?.residuals.filter(({ share }) => Math.abs(share) > RESIDUAL_MAX) ?? []
  if (off.length > 0) {
    const named = [...new Set(off.map(({ size }) => size))].join(', ')
    reasons.push(`With ${named} ${over} the throughput is more than a tenth off the best fit, ${best}.`)
  }
  if (isInvalid) return { state: 'INVALID', reasons }
  return { state: reasons.length > 0 ? 'SUSPECT' : 'VALID', reasons }
}

/** Workers and load processes that share cores take them from each other: that is no law of the server's. */
function coreReasons(
  over: ScaleOptions['over'],
  sizes: readonly number[],
  runs: readonly Measured[],
  cores: number,
): string[] {
  const processes = runs.at(-1)?.report.options.processes ?? 1
  const past = over === 'workers' ? sizes.filter((size) => size + processes > cores) : []
  if (past.length === 0) return []
  return [
    `With ${past.join(', ')} workers and ${processes} load ${processes === 1 ? 'process' : 'processes'} there are ` +
      `more at work than the ${cores} cores: what is fitted is the machine, not the server.`,
  ]
}

function doubtReasons(over: string, runs: readonly Measured[]): string[] {
  const doubted = runs.filter(({ report }) => report.verdict.state === 'SUSPECT')
  const [first] = doubted
  if (first === undefined) return []
  const why = first.report.verdict.reasons[0] ?? ''
  return [`${doubted.length} of ${runs.length} runs are SUSPECT, the first with ${first.size} ${over}: ${why}`]
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return null
  return Math.round((known.reduce((sum, one) => sum + one, 0) / known.length) * 1000) / 1000
}
