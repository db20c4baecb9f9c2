/**
 * Owns the command `capacity`: the highest rate that holds an objective.
 * Must not know: how it is searched, how a load is made.
 * Invariant: see Command. It exits 1 when no rate was held.
 */
import process from 'node:process'

import { capacityOptionsOf, capacityProblems, CAPACITY_FLAGS } from '../capacity/capacity-options.ts'
import type { CapacityOptions } from '../capacity/capacity-options.ts'
import { makeCapacityReport } from '../capacity/capacity-report.ts'
import type { Tried } from '../capacity/capacity-report.ts'
import { judgeTrial } from '../capacity/judge-trial.ts'
import { findCapacity } from '../capacity/search.ts'
import type { TrialStage, TrialState } from '../capacity/search.ts'
import { EXIT_INVALID, EXIT_PASS, EXIT_SLO_MISSED } from '../exit-codes.ts'
import { capacityTable, withReason } from '../report/capacity-table.ts'
import { describeEnvironment } from '../report/environment.ts'
import { csvOf } from '../report/files/csv.ts'
import { capacityPage } from '../report/html/capacity-page.ts'
import { grouped } from '../report/numbers.ts'
import type { CapacityReport } from '../report/schema/capacity.ts'
import { statusOn } from '../report/status.ts'
import type { Status } from '../report/status.ts'
import { CONFIRM_REMEDIES, STEP_REMEDIES } from '../run/remedies.ts'
import { runBench } from '../run/run-bench.ts'
import { benchVersion } from '../version.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { checkReportFiles, jsonOf, textOutput, writeReport } from './reporting.ts'
import type { Written } from './reporting.ts'

export const capacityCommand: Command = {
  name: 'capacity',
  about: 'finds the highest rate that holds an objective, and confirms it',
  usage: '[flags]',
  flags: CAPACITY_FLAGS,
  details: [
    'An open loop at rates that double until one is missed, then between the two, then longer and again at the rate',
    'found. A rate is held when the objective is met, all but one in a thousand frames are answered, and none wrongly.',
  ].join('\n'),
  run: capacity,
}

async function capacity(args: readonly string[], context: CommandContext): Promise<number> {
  const parsed = parseCommand('capacity', CAPACITY_FLAGS, args, { check: capacityProblems })
  if (!parsed.ok) return sayProblems('capacity', parsed.problems, context)
  const { values } = parsed
  checkReportFiles(values)
  const options = capacityOptionsOf(values)
  const text = textOutput(values, context.outputs)
  const status = statusOn(text, context.clock, values.quiet)
  const startedAt = new Date(context.clock.wallMs()).toISOString()
  const environment = describeEnvironment()
  const tried: Tried[] = []
  const finding = await findCapacity(options.search, (perSecond, stage) => {
    return attempt(options, { perSecond, stage }, { tried, status }, context)
  })
  status.end()
  const origin = { environment, version: benchVersion(), commandLine: process.argv.slice(2), startedAt }
  const report = makeCapacityReport(options, finding, tried, origin)
  text.write(capacityTable(report))
  writeReport(values, capacityFiles(report), context.outputs)
  return exitCodeOf(report)
}

/** One trial. Undefined when it was cut short. */
async function attempt(
  options: CapacityOptions,
  { perSecond, stage }: { perSecond: number; stage: TrialStage },
  { tried, status }: { tried: Tried[]; status: Status },
  { clock, signal }: CommandContext,
): Promise<TrialState | undefined> {
  status.now(`${stage}: ${grouped(perSecond)} messages/s`)
  const remedies = stage === 'confirm' ? CONFIRM_REMEDIES : STEP_REMEDIES
  const report = await runBench(options.load(perSecond, stage), { clock, signal, remedies })
  const judged = judgeTrial(report)
  tried.push({ ...judged, stage, perSecond, report })
  if (signal.aborted) return undefined
  const { p50Us, p99Us, p999Us } = report.latency.response
  const times = `p50 ${grouped(p50Us)} us  p99 ${grouped(p99Us)} us  p99.9 ${grouped(p999Us)} us`
  const line = `${stage.padEnd(8)}${grouped(perSecond).padStart(11)} messages/s  ${times}  ${judged.state}`
  status.say(withReason(line, judged.why))
  return judged.state
}

/** A search's report in every form. */
export function capacityFiles(report: CapacityReport): Written {
  return { json: jsonOf(report), html: capacityPage(report), others: { 'trials.csv': trialsCsv(report) } }
}

function trialsCsv({ trials }: CapacityReport): string {
  const names = ['stage', 'due_per_second', 'answered_per_second', 'state', 'p50_us', 'p99_us', 'p99_9_us', 'max_us']
  const rows = trials.map(({ stage, perSecond, answeredPerSecond, state, response }) => {
    const { p50Us, p99Us, p999Us, maxUs } = response
    return [stage, perSecond, answeredPerSecond, state, p50Us, p99Us, p999Us, maxUs]
  })
  return csvOf(names, rows)
}

function exitCodeOf({ capacity: { perSecond, limit }, verdict }: CapacityReport): number {
  if (perSecond === 0 && limit !== 'cut short') return EXIT_SLO_MISSED
  return verdict.state === 'INVALID' ? EXIT_INVALID : EXIT_PASS
}
