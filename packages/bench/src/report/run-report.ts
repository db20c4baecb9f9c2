/**
 * Owns how the report of a run is made from what the run gathered.
 * Must not know: the terminal, files, processes.
 * Invariant: every number comes from the sums; nothing is estimated.
 */
import { LatencySums } from '../histogram/latency-sums.ts'
import type { ErrorCounts, ErrorExample, ProcessReport } from '../messages.ts'
import { ERROR_KINDS } from '../messages.ts'
import { judgeObjectives } from '../options/objective.ts'
import { hasFewSamples, PERCENTILES, percentileOf } from '../run/percentiles.ts'
import type { Percentile } from '../run/percentiles.ts'
import type { Observed } from '../observe/observer.ts'
import type { ChurnOutcome, CompanionsOutcome, IdleOutcome } from '../run/companions.ts'
import type { Remedies } from '../run/remedies.ts'
import type { RunOptions } from '../run/run-options.ts'
import type { RunTotals } from '../run/run-totals.ts'
import { judgeRun } from '../run/verdict.ts'
import type { RunEnvironment } from './schema/environment.ts'
import type { LatencyReport } from './schema/parts.ts'
import { RUN_SCHEMA } from './schema/run.ts'
import type { ChurnResult, IdleResult, RunReport } from './schema/run.ts'

/** What a closed loop cannot tell; part of every report of one. */
export const CLOSED_LOOP_NOTE =
  'Closed loop: a connection sends its next frame when an answer has come, so a stall of the server holds back the ' +
  'load too and is seen by at most connections x depth frames. The queueing that clients who do not wait would meet ' +
  '(coordinated omission) is not in these percentiles: that takes an open loop, with --rate.'
export const NO_SEQUENCE_NOTE =
  'Payloads under 4 bytes carry no sequence number: answers to MESSAGEs that change places are not noticed.'
export const NO_CHECK_NOTE =
  'Some answers are not known beforehand: of these only the checksum, the kind, the route and the id were checked.'

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
  /** Null when the run did not go so far as to ask them. */
  readonly beside: CompanionsOutcome | null
  readonly observed: Observed
  /** Of the command that made the run. */
  readonly remedies: Remedies
}

/** What a report says about where it comes from. */
export interface ReportOrigin {
  readonly environment: RunEnvironment
  readonly version: string
  readonly commandLine: readonly string[]
}

export function makeReport(outcome: RunOutcome, { environment, version, commandLine }: ReportOrigin): RunReport {
  const { options, totals, measuredUs, errors, example, selves } = outcome
  const { response, service, sendLag, ownLag } = totals.latency
  const isOpen = options.open !== null
  const percentile = askedPercentile(options)
  const perSecond = (amount: number): number => (measuredUs === 0 ? 0 : Math.round((amount / measuredUs) * 1_000_000))
  const latency = latencyReport(response)
  const messagesPerSecond = perSecond(totals.answers)
  const failed = ERROR_KINDS.reduce((sum, kind) => sum + errors[kind], 0)
  const errorShare = failed === 0 ? 0 : failed / (failed + totals.answers)
  const open = {
    ...totals.open,
    responseUs: response.percentileUs(percentile.percent),
    ownLagUs: ownLag.percentileUs(percentile.percent),
  }
  const hiccups = outcome.beside?.hiccups ?? new LatencySums()
  const evidence = {
    ...outcome,
    ...latency,
    answers: totals.answers,
    percentile,
    responseUs: response.percentileUs(percentile.percent),
    hiccupUs: hiccups.percentileUs(percentile.percent),
    open: isOpen ? open : null,
  }
  const percentileUs = (percent: number): number => response.percentileUs(percent)
  return {
    schema: RUN_SCHEMA,
    version,
    startedAt: new Date(outcome.startedAtMs).toISOString(),
    commandLine,
    options,
    environment,
    merged: 1,
    measuredUs: Math.round(measuredUs),
    messages: totals.answers,
    messagesPerSecond,
    bytesSent: totals.bytesSent,
    bytesReceived: totals.bytesReceived,
    bytesReceivedPerSecond: perSecond(totals.bytesReceived),
    open: isOpen ? totals.open : null,
    latency: {
      response: latency,
      service: isOpen ? latencyReport(service) : null,
      sendLag: isOpen ? latencyReport(sendLag) : null,
      ownLag: isOpen ? latencyReport(ownLag) : null,
      connect: latencyReport(totals.connects),
    },
    classes: totals.classes.map((sums, index) => {
      return { name: options.traffic.classes[index] ?? '', response: latencyReport(sums) }
    }),
    series: totals.series(),
    idle: idleReport(outcome.beside?.idle ?? null),
    churn: churnReport(outcome.beside?.churn ?? null),
    slow: outcome.beside?.slow ?? null,
    observed: outcome.observed,
    hiccups: latencyReport(hiccups),
    errors,
    example,
    processes: selves,
    objectives: judgeObjectives(options.objectives, { ...latency, percentileUs, messagesPerSecond, errorShare }),
    verdict: judgeRun(evidence),
    notes: notesOn(options),
  }
}

export function latencyReport(sums: LatencySums): LatencyReport {
  const { samples } = sums
  return {
    samples,
    minUs: samples === 0 ? 0 : sums.minUs,
    meanUs: samples === 0 ? 0 : Math.round((sums.sumUs / samples) * 10) / 10,
    p50Us: sums.percentileUs(50),
    p90Us: sums.percentileUs(90),
    p99Us: sums.percentileUs(99),
    p999Us: sums.percentileUs(99.9),
    p9999Us: sums.percentileUs(99.99),
    maxUs: sums.maxUs,
    fewSamplesFor: PERCENTILES.filter((one) => hasFewSamples(samples, one)).map(({ percent }) => percent),
    aboveRange: sums.aboveRange,
    histogram: sums.histogram.encode(),
  }
}

function idleReport(idle: IdleOutcome | null): IdleResult | null {
  if (idle === null) return null
  const { opened, state, sweep } = idle
  const { up, lost, lostBy, pings } = state
  const { asked, alive, wrong, answers, lengthMs } = sweep
  const openMs = Math.round(opened.lengthMs)
  return {
    held: up,
    lost,
    lostBy,
    pings,
    openMs,
    connectsPerSecond: openMs === 0 ? 0 : Math.round(((up + lost) * 1000) / openMs),
    connect: latencyReport(opened.connects),
    sweep: { asked, alive, wrong, lengthMs: Math.round(lengthMs), answer: latencyReport(answers) },
  }
}

function churnReport(churn: ChurnOutcome | null): ChurnResult | null {
  if (churn === null) return null
  const { report, connect, firstAnswer } = churn
  const { due, connected, answered, failed, failedBy, dropped } = report
  const latencies = { connect: latencyReport(connect), firstAnswer: latencyReport(firstAnswer) }
  return { due, connected, answered, failed, failedBy, dropped, ...latencies }
}

function askedPercentile({ percentile }: RunOptions): Percentile {
  const asked = percentileOf(String(percentile))
  if (asked === undefined) throw new RangeError(`percentile: ${percentile} is none that is reported`)
  return asked
}

function notesOn({ open, mode, depth, traffic, codec }: RunOptions): string[] {
  const isShort = traffic.shapes.some(({ body, payloadBytes }) => body === null && payloadBytes < 4)
  const isUnchecked = traffic.shapes.some(({ answer }) => answer === 'any')
  return [
    ...(open === null ? [CLOSED_LOOP_NOTE] : []),
    ...(codec === 'frame' && mode === 'message' && depth > 1 && isShort ? [NO_SEQUENCE_NOTE] : []),
    ...(isUnchecked ? [NO_CHECK_NOTE] : []),
  ]
}
