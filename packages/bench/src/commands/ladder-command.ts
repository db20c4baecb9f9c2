/**
 * Owns the command `ladder`: idle connections up in steps.
 * Must not know: how they are held.
 * Invariant: see Command. It exits 1 when it did not get to the top, with what bound it.
 */
import { cpus, tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'

import { EnvironmentError, EXIT_INVALID, EXIT_PASS, EXIT_SLO_MISSED } from '../exit-codes.ts'
import { Daemon, effectiveSettings, ownDaemonEntry } from '../fleet/daemon.ts'
import { daemonSettings, describeSettings, settingsInBrief } from '../ladder/daemon-settings.ts'
import { Ladder } from '../ladder/ladder.ts'
import { LADDER_FLAGS, ladderOptionsOf, ladderProblems } from '../ladder/ladder-options.ts'
import type { LadderFlags, LadderOptions } from '../ladder/ladder-options.ts'
import { makeLadderReport } from '../ladder/ladder-report.ts'
import { commandOf } from '../observe/proc-files.ts'
import { isLoopback, serverProcesses } from '../observe/server-processes.ts'
import { describeEnvironment } from '../report/environment.ts'
import { csvOf } from '../report/files/csv.ts'
import { ladderPage } from '../report/html/ladder-page.ts'
import { ladderTable } from '../report/ladder-table.ts'
import type { LadderReport } from '../report/schema/ladder.ts'
import { targetUrl } from '../options/target.ts'
import { statusOn } from '../report/status.ts'
import type { Status } from '../report/status.ts'
import { resolveTarget } from '../run/resolve-target.ts'
import { systemAddressLimits } from '../run/run-plan.ts'
import { descriptorLimit } from '../run/system-limits.ts'
import { benchVersion } from '../version.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { checkReportFiles, jsonOf, textOutput, writeReport } from './reporting.ts'
import type { Written } from './reporting.ts'

const COMMAND_CHARACTERS_MAX = 200
/** Where the system does not tell. */
const DESCRIPTORS_DEFAULT = 1024
const LOG = 'daemon.log'

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
  const daemon = values.daemon === undefined ? null : await startDaemon(values, options, { hosts, status }, context)
  try {
    const report = await climb(options, { hosts, status }, daemon, context)
    text.write(ladderTable(report))
    writeReport(values, ladderFiles(report), context.outputs)
    return exitCodeOf(report)
  } finally {
    await daemon?.stop()
  }
}

interface Place {
  readonly hosts: readonly string[]
  readonly status: Status
}

async function climb(
  options: LadderOptions,
  { hosts, status }: Place,
  daemon: Daemon | null,
  { clock, signal }: CommandContext,
): Promise<LadderReport> {
  const server = describeServer(serverProcesses(hosts, options.target.port), daemon)
  const environment = describeEnvironment()
  const outcome = await new Ladder(options, { clock, signal, status, hosts, limits: systemAddressLimits() }).climb()
  const origin = { environment, server, version: benchVersion(), commandLine: process.argv.slice(2) }
  return makeLadderReport(options, outcome, origin)
}

async function startDaemon(
  { daemon, out }: LadderFlags,
  { target, steps, probe }: LadderOptions,
  { hosts, status }: Place,
  { clock }: CommandContext,
): Promise<Daemon> {
  if (!hosts.every(isLoopback)) {
    throw new EnvironmentError('NOT_LOCAL', `A daemon for ${target.host} cannot be started here: leave out --daemon.`)
  }
  const settings = daemonSettings({
    target,
    connections: (steps.at(-1) ?? 0) + probe.connections,
    descriptorsMax: descriptorLimit() ?? DESCRIPTORS_DEFAULT,
    cores: cpus().length,
  })
  const logFile = out === undefined ? path.join(tmpdir(), `shardwire-ladder-${process.pid}.log`) : path.join(out, LOG)
  const entry = daemon === undefined || daemon === 'auto' ? ownDaemonEntry() : path.resolve(daemon)
  status.say(`starting a daemon: ${describeSettings(effectiveSettings(settings, process.env))}`)
  const startMs = clock.nowMs()
  const fixed = { SHARDWIRE_LISTEN: targetUrl(target) }
  const started = await Daemon.start({ entry, settings, fixed, logFile, clock })
  const seconds = ((clock.nowMs() - startMs) / 1000).toFixed(1)
  status.say(`daemon up after ${seconds} s: ${settingsInBrief(started.settings)}; its log is ${logFile}`)
  return started
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

function describeServer(pids: readonly number[], daemon: Daemon | null): LadderReport['server'] {
  const [first] = pids
  if (first === undefined) return null
  const command = (commandOf(first) ?? '').slice(0, COMMAND_CHARACTERS_MAX)
  return { processes: pids.length, command, settings: daemon?.settings ?? null }
}
