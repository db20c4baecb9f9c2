/**
 * Owns how the report of a capacity search is made, and its verdict.
 * Must not know: the terminal, files, processes.
 * Invariant: a capacity that was the generator's, was not confirmed, or rests on doubtful trials is SUSPECT at best.
 */
import type { RunReport } from '../report/schema/run.ts'
import { CAPACITY_SCHEMA } from '../report/schema/capacity.ts'
import type { CapacityReport, CapacityTrial } from '../report/schema/capacity.ts'
import type { ReportOrigin } from '../report/run-report.ts'
import type { Verdict } from '../run/verdict.ts'
import type { CapacityOptions } from './capacity-options.ts'
import type { Judged } from './judge-trial.ts'
import type { Finding, TrialStage } from './search.ts'

export interface Tried extends Judged {
  readonly stage: TrialStage
  readonly perSecond: number
  readonly report: RunReport
}

export interface CapacityOrigin extends ReportOrigin {
  readonly startedAt: string
}

/** @param tried at least one */
export function makeCapacityReport(
  { objective }: CapacityOptions,
  finding: Finding,
  tried: readonly Tried[],
  { environment, version, commandLine, startedAt }: CapacityOrigin,
): CapacityReport {
  const last = tried.at(-1)
  if (last === undefined) throw new RangeError('tried: expected at least one trial, got none')
  return {
    schema: CAPACITY_SCHEMA,
    version,
    startedAt,
    commandLine: [...commandLine],
    objective,
    options: last.report.options,
    capacity: finding,
    trials: tried.map(trialOf),
    connections: last.report.options.connections,
    verdict: verdictOf(finding, tried),
    environment,
  }
}

function trialOf({ stage, perSecond, state, why, report }: Tried): CapacityTrial {
  const { latency, messagesPerSecond, observed, verdict } = report
  const cores = observed.samples.flatMap(({ serverCores }) => serverCores ?? [])
  const mean = cores.length === 0 ? null : cores.reduce((sum, one) => sum + one, 0) / cores.length
  return {
    stage,
    perSecond,
    answeredPerSecond: messagesPerSecond,
    state,
    why,
    response: latency.response,
    ownLag: latency.ownLag,
    serverCores: mean === null ? null : Math.round(mean * 1000) / 1000,
    verdict,
  }
}

function verdictOf({ perSecond, isConfirmed, limit }: Finding, tried: readonly Tried[]): Verdict {
  if (limit === 'cut short') return { state: 'INVALID', reasons: ['The search was cut short.'] }
  if (perSecond === 0) {
    const why = tried.at(-1)?.why ?? ''
    return { state: 'INVALID', reasons: [`Not one rate was held; at the lowest: ${why}.`] }
  }
  const reasons: string[] = []
  if (!isConfirmed) reasons.push('The rate found was not held again: repeat the search, with longer trials.')
  if (limit === 'generator') {
    reasons.push(
      'What ended the search was the generator, not the server: the capacity is at least the rate found. Use more ' +
        '--processes, or another machine for the load.',
    )
  }
  if (limit === 'maximum') reasons.push('The highest rate that was to be tried was held: the capacity is higher.')
  const held = tried.filter(({ stage, state }) => stage === 'confirm' && state === 'held')
  const doubted = held.find(({ report }) => report.verdict.state !== 'VALID')
  if (doubted !== undefined) {
    reasons.push(`A trial that confirmed it is ${doubted.report.verdict.state}: ${doubted.report.verdict.reasons[0]}`)
  }
  return { state: reasons.length > 0 ? 'SUSPECT' : 'VALID', reasons }
}
