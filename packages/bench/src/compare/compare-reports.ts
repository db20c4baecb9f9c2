/**
 * Owns the comparison of two runs: what changed, whether by more than chance, and whether the two can be compared.
 * Must not know: files, how a comparison looks.
 * Invariant: worse and better are said only of a change whose whole range lies on that side and that is larger than the
 * limit; without a range nothing is said. What is wrong with a run is wrong with its comparison.
 */
import { bucketsOf } from '../histogram/buckets.ts'
import { rateInWords } from '../options/rate-spec.ts'
import { Random } from '../random.ts'
import type { RunReport } from '../report/schema/run.ts'
import { COMPARISON_SCHEMA } from '../report/schema/comparison.ts'
import type { ComparisonReport, ComparisonRow } from '../report/schema/comparison.ts'
import { hasFewSamples, PERCENTILES } from '../run/percentiles.ts'
import type { Verdict } from '../run/verdict.ts'
import { changeOf, changeRanges, INTERVALS_MIN, Sample } from './bootstrap.ts'
import type { Drawn, Interval } from './bootstrap.ts'

export interface CompareOptions {
  /** A change up to this share is none. */
  readonly limit: number
}

export interface CompareOrigin {
  readonly version: string
  readonly startedAt: string
  readonly commandLine: readonly string[]
  /** Files that the two come from. */
  readonly files: readonly [string, string]
}

interface Compared {
  readonly name: string
  readonly unit: ComparisonRow['unit']
  readonly isMoreBetter: boolean
  readonly of: (report: RunReport) => number
  readonly ofDrawn: (run: Drawn) => number
  readonly isFew: (report: RunReport) => boolean
}

const SEED = 1

const LATENCY_KEYS = { p50: 'p50Us', p90: 'p90Us', p99: 'p99Us', 'p99.9': 'p999Us', 'p99.99': 'p9999Us' } as const

function compared(): Compared[] {
  const percentiles = PERCENTILES.map((percentile): Compared => {
    const key = LATENCY_KEYS[percentile.name as keyof typeof LATENCY_KEYS]
    return {
      name: percentile.name,
      unit: 'us',
      isMoreBetter: false,
      of: ({ latency }) => latency.response[key],
      ofDrawn: (run) => run.percentileUs(percentile.percent),
      isFew: ({ latency }) => hasFewSamples(latency.response.samples, percentile),
    }
  })
  const rate: Compared = {
    name: 'throughput',
    unit: 'rate',
    isMoreBetter: true,
    of: ({ messagesPerSecond }) => messagesPerSecond,
    ofDrawn: ({ messagesPerSecond }) => messagesPerSecond,
    isFew: () => false,
  }
  return [rate, ...percentiles]
}

export function compareReports(
  base: RunReport,
  now: RunReport,
  { limit }: CompareOptions,
  origin: CompareOrigin,
): ComparisonReport {
  const metrics = compared()
  const drawn = metrics.map(({ ofDrawn }) => ofDrawn)
  const ranges = changeRanges(sampleOf(base), sampleOf(now), drawn, new Random(SEED))
  const rows = metrics.map((metric, index): ComparisonRow => {
    const [before, after] = [metric.of(base), metric.of(now)]
    const range = ranges?.[index] ?? null
    const few = metric.isFew(base) || metric.isFew(now)
    const change = changeOf(before, after)
    return {
      name: metric.name,
      unit: metric.unit,
      base: before,
      now: after,
      change,
      low: range?.low ?? null,
      high: range?.high ?? null,
      judgement: few || range === null ? 'unknown' : judge(change, range, limit, metric.isMoreBetter),
    }
  })
  return {
    schema: COMPARISON_SCHEMA,
    version: origin.version,
    startedAt: origin.startedAt,
    commandLine: [...origin.commandLine],
    limit,
    base: sideOf(base, origin.files[0]),
    now: sideOf(now, origin.files[1]),
    rows,
    differences: differencesOf(base, now),
    verdict: verdictOf(base, now, ranges === null),
    environment: now.environment,
  }
}

/** Whether anything is worse. */
export function isWorse({ rows }: ComparisonReport): boolean {
  return rows.some(({ judgement }) => judgement === 'worse')
}

function judge(
  change: number,
  { low, high }: { low: number; high: number },
  limit: number,
  isMoreBetter: boolean,
): ComparisonRow['judgement'] {
  if (Math.abs(change) <= limit || (low <= 0 && high >= 0)) return 'same'
  return change > 0 === isMoreBetter ? 'better' : 'worse'
}

function sampleOf({ series }: RunReport): Sample {
  const measured = series.filter(({ phase }) => phase === 'measured')
  return new Sample(
    measured.map(({ histogram, messagesPerSecond, lengthMs }): Interval => {
      return { buckets: bucketsOf(histogram), messages: (messagesPerSecond * lengthMs) / 1000, lengthMs }
    }),
  )
}

function sideOf(
  { startedAt, latency, messages, verdict, environment }: RunReport,
  file: string,
): ComparisonReport['base'] {
  const { commit } = environment
  return { file, startedAt, messages, response: latency.response, service: latency.service, verdict, commit }
}

/** What a fair comparison would have equal, in words. */
function differencesOf(base: RunReport, now: RunReport): string[] {
  const rows: (readonly [string, (report: RunReport) => unknown])[] = [
    ['processor', ({ environment }) => environment.cpuModel],
    ['cores', ({ environment }) => environment.cores],
    ['kernel', ({ environment }) => environment.kernel],
    ['Node', ({ environment }) => environment.nodeVersion],
    ['flags of Node', ({ environment }) => environment.nodeFlags],
    ['settings of the kernel', ({ environment }) => environment.sysctls],
    ['codec', ({ options }) => options.codec],
    ['mode', ({ options }) => options.mode],
    ['connections', ({ options }) => options.connections],
    ['depth', ({ options }) => options.depth],
    ['messages/s', ({ options }) => (options.open === null ? 'closed loop' : rateInWords(options.open.stages))],
    ['arrivals', ({ options }) => options.open?.arrivals ?? null],
    ['what is sent', ({ options }) => options.traffic],
    ['what runs beside', ({ options }) => options.beside],
    ['load processes', ({ options }) => options.processes],
  ]
  return rows.flatMap(([name, of]) => differencesIn(name, of(base), of(now)))
}

/** Of objects only what differs within them. */
function differencesIn(name: string, base: unknown, now: unknown): string[] {
  if (isObject(base) && isObject(now)) {
    const keys = [...new Set([...Object.keys(base), ...Object.keys(now)])]
    return keys.flatMap((key) => differencesIn(`${name}, ${key}`, base[key], now[key]))
  }
  const [one, other] = [base, now].map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
  return one === other ? [] : [`${name}: ${shortened(one)} and ${shortened(other)}`]
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const TEXT_MAX = 80

function shortened(text: string | undefined): string {
  if (text === undefined) return 'unknown'
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text
}

function verdictOf(base: RunReport, now: RunReport, isShort: boolean): Verdict {
  const sides = [['base', base] as const, ['new', now] as const]
  const reasons = sides.flatMap(([name, { verdict }]) => {
    return verdict.state === 'VALID' ? [] : [`The ${name} run is ${verdict.state}: ${verdict.reasons[0] ?? ''}`]
  })
  const differences = differencesOf(base, now)
  if (differences.length > 0) reasons.push(`The two differ in more than the server: ${differences.join('; ')}.`)
  if (isShort) {
    reasons.push(`A run has fewer than ${INTERVALS_MIN} intervals: what is chance cannot be told; take longer runs.`)
  }
  if ([base, now].some(({ verdict }) => verdict.state === 'INVALID')) return { state: 'INVALID', reasons }
  return { state: reasons.length > 0 ? 'SUSPECT' : 'VALID', reasons }
}
