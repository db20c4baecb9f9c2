/**
 * Owns the report of a run: its versioned JSON schema, and how it is made from what the run gathered.
 * Must not know: the terminal, files, processes.
 * Invariant: a field keeps its meaning and unit (in its name) for the life of RUN_SCHEMA; times are microseconds.
 */
import type { ErrorCounts, ErrorExample, ProcessReport } from '../messages.ts'
import { hasFewSamples, PERCENTILES, percentileOf } from '../run/percentiles.ts'
import type { Percentile } from '../run/percentiles.ts'
import type { RunOptions } from '../run/run-options.ts'
import type { RunTotals, SeriesPoint } from '../run/run-totals.ts'
import { judgeRun } from '../run/verdict.ts'
import type { Verdict } from '../run/verdict.ts'
import type { RunEnvironment } from './environment.ts'

export const RUN_SCHEMA = 'shardwire-bench/run/1'

/** What a closed loop cannot tell; part of every report. */
export const CLOSED_LOOP_NOTE =
  'Closed loop: a connection sends its next frame when an answer has come, so a stall of the server holds back the ' +
  'load too and is seen by at most connections x depth frames. The queueing that clients who do not wait would meet ' +
  '(coordinated omission) is not in these percentiles; that takes an open loop, which this version does not have yet.'
export const NO_SEQUENCE_NOTE =
  'Payloads under 4 bytes carry no sequence number: answers to MESSAGEs that change places are not noticed.'

export interface LatencyReport {
  readonly samples: number
  readonly minUs: number
  readonly meanUs: number
  readonly p50Us: number
  readonly p90Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly p9999Us: number
  readonly maxUs: number
  /** Percentiles above which fewer than ten samples lie: they are little more than the maximum. */
  readonly fewSamplesFor: readonly number[]
  /** Samples above the histogram's range: in min, mean and max, but in no percentile. */
  readonly aboveRange: number
  /** HDR V2, compressed, base64; unit microseconds, three significant digits. */
  readonly histogram: string
}

export interface RunReport {
  readonly schema: typeof RUN_SCHEMA
  readonly version: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly options: RunOptions
  readonly environment: RunEnvironment
  readonly measuredUs: number
  readonly messages: number
  readonly messagesPerSecond: number
  /** Frames with everything that belongs to them, in one direction. */
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly bytesReceivedPerSecond: number
  readonly latency: LatencyReport
  readonly series: readonly SeriesPoint[]
  readonly errors: ErrorCounts
  readonly example: ErrorExample | null
  /** One for every load process that reported to the end, with its number. */
  readonly processes: readonly ProcessReport[]
  readonly verdict: Verdict
  readonly notes: readonly string[]
}

/** What a run leaves behind. */
export interface RunOutcome {
  readonly options: RunOptions
  readonly startedAtMs: number
  readonly totals: RunTotals
  /** Time measured by the process that measured longest. */
  readonly measuredUs: number
  readonly errors: ErrorCounts
  readonly example: ErrorExample | null
  readonly selves: readonly ProcessReport[]
  readonly breaks: readonly string[]
}

export function makeReport(outcome: RunOutcome, environment: RunEnvironment, version: string): RunReport {
  const { options, totals, measuredUs, errors, example, selves } = outcome
  const latency = latencyReport(totals)
  const perSecond = (amount: number): number => (measuredUs === 0 ? 0 : Math.round((amount / measuredUs) * 1_000_000))
  return {
    schema: RUN_SCHEMA,
    version,
    startedAt: new Date(outcome.startedAtMs).toISOString(),
    options,
    environment,
    measuredUs: Math.round(measuredUs),
    messages: totals.answers,
    messagesPerSecond: perSecond(totals.answers),
    bytesSent: totals.bytesSent,
    bytesReceived: totals.bytesReceived,
    bytesReceivedPerSecond: perSecond(totals.bytesReceived),
    latency,
    series: totals.series(),
    errors,
    example,
    processes: selves,
    verdict: judgeRun({ ...outcome, ...latency, answers: totals.answers, percentile: askedPercentile(options) }),
    notes: notesOn(options),
  }
}

function latencyReport({ latency }: RunTotals): LatencyReport {
  const { samples } = latency
  return {
    samples,
    minUs: samples === 0 ? 0 : latency.minUs,
    meanUs: samples === 0 ? 0 : Math.round((latency.sumUs / samples) * 10) / 10,
    p50Us: latency.percentileUs(50),
    p90Us: latency.percentileUs(90),
    p99Us: latency.percentileUs(99),
    p999Us: latency.percentileUs(99.9),
    p9999Us: latency.percentileUs(99.99),
    maxUs: latency.maxUs,
    fewSamplesFor: PERCENTILES.filter((one) => hasFewSamples(samples, one)).map(({ percent }) => percent),
    aboveRange: latency.aboveRange,
    histogram: latency.histogram.encode(),
  }
}

function askedPercentile({ percentile }: RunOptions): Percentile {
  const asked = percentileOf(String(percentile))
  if (asked === undefined) throw new RangeError(`percentile: ${percentile} is none that is reported`)
  return asked
}

function notesOn(options: RunOptions): string[] {
  const orderUnseen = options.mode === 'message' && options.payloadBytes < 4 && options.depth > 1
  return orderUnseen ? [CLOSED_LOOP_NOTE, NO_SEQUENCE_NOTE] : [CLOSED_LOOP_NOTE]
}
