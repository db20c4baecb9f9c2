/**
 * Owns the command `ladder`: idle connections up in steps.
 * Must not know: how they are held.
 * Invariant: see Command. It exits 1 when it did not get to the top, with what bound it.
 */
import process from 'node:process'

import { EXIT_INVALID, EXIT_PASS, EXIT_SLO_MISSED } from '../exit-codes.ts'
import { Ladder } from '../ladder/ladder.ts'
import { LADDER_FLAGS, ladderOptionsOf, ladderProblems } from '../ladder/ladder-options.ts'
import { makeLadderReport } from '../ladder/ladder-report.ts'
import { commandOf } from '../observe/proc-files.ts'
import { serverProcesses } from '../observe/server-processes.ts'
import { describeEnvironment } from '../report/environment.ts'
import { csvOf } from '../report/files/csv.ts'
import { ladderPage } from '../report/html/ladder-page.ts'
import { ladderTable } from '../report/ladder-table.ts'
import type { LadderReport } from '../report/schema/ladder.ts'
import { statusOn } from '../report/status.ts'
import { resolveTarget } from '../run/resolve-target.ts'
import { systemAddressLimits } from '../run/run-plan.ts'
import { benchVersion } from '../version.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { checkReportFiles, jsonOf, textOutput, writeReport } from './reporting.ts'
import type { Written } from './reporting.ts'

const COMMAND_CHARACTERS_MAX = 200

export const ladderCommand: Command = {
  name: 'ladder',
  about: 'opens idle connections in steps, proves each alive, and accounts for their memory',
  usage: '[flags]',
  flags: LADDER_FLAGS,
  details: [
    'At each step every connection is asked for one echo, a probe on connections of its own measures latency, and',
    'the memory of both sides and of the kernel is written down; the top is held; then all are closed, and memory is',
    'looked at again. Ask preflight first how far this machine can go.',
  ].join('\n'),
  run: ladder,
}

async function ladder(args: readonly string[], context: CommandContext): Promise<number> {
  const parsed = parseCommand('ladder', LADDER_FLAGS, args, { check: ladderProblems })
  if (!parsed.ok) return sayProblems('ladder', parsed.problems, context)
  const { values } = parsed
  checkReportFiles(values)
  const options = ladderOptionsOf(values)
  const hosts = options.addresses.targets ?? [await resolveTarget(options.target)]
  const text = textOutput(values, context.outputs)
  const status = statusOn(text, context.clock, values.quiet)
  const server = describeServer(serverProcesses(hosts, options.target.port))
  const environment = describeEnvironment()
  const { clock, signal } = context
  const outcome = await new Ladder(options, { clock, signal, status, hosts, limits: systemAddressLimits() }).climb()
  const origin = { environment, server, version: benchVersion(), commandLine: process.argv.slice(2) }
  const report = makeLadderReport(options, outcome, origin)
  text.write(ladderTable(report))
  writeReport(values, ladderFiles(report), context.outputs)
  return exitCodeOf(report)
}

/** A ladder's report in every form. */
export function ladderFiles(report: LadderReport): Written {
  return { json: jsonOf(report), html: ladderPage(report), others: { 'steps.csv': stepsCsv(report) } }
}

function stepsCsv({ steps }: LadderReport): string {
  const names = ['connections', 'opened_per_second', 'alive', 'lost', 'server_bytes_each', 'holder_bytes_each']
  names.push('kernel_bytes_each', 'server_cores', 'probe_p50_us', 'probe_p99_us', 'probe_max_us')
  const rows = steps.map(({ connections, connectsPerSecond, sweep, lost, perConnection, probe }) => {
    const { p50Us, p99Us, maxUs } = probe.response
    const bytes = [perConnection.server, perConnection.generator, perConnection.kernel]
    return [connections, connectsPerSecond, sweep.alive, lost, ...bytes, probe.serverCores, p50Us, p99Us, maxUs]
  })
  return csvOf(names, rows)
}

function exitCodeOf({ verdict, bound, objectives }: LadderReport): number {
  if (verdict.state === 'INVALID') return EXIT_INVALID
  return bound === null && objectives.every(({ met }) => met) ? EXIT_PASS : EXIT_SLO_MISSED
}

function describeServer(pids: readonly number[]): LadderReport['server'] {
  const [first] = pids
  if (first === undefined) return null
  return { processes: pids.length, command: (commandOf(first) ?? '').slice(0, COMMAND_CHARACTERS_MAX) }
}
