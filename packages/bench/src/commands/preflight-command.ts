/**
 * Owns the command `preflight`: what this machine has room for, before anything is begun.
 * Must not know: how limits are found.
 * Invariant: changes nothing, and connects to nobody.
 */
import process from 'node:process'

import { EXIT_ENVIRONMENT, EXIT_PASS } from '../exit-codes.ts'
import { parents } from '../observe/proc-files.ts'
import { isLoopback, serverProcesses } from '../observe/server-processes.ts'
import { ADDRESS_FLAGS, COMMON_FLAGS, PROCESSES_MAX, TARGET_FLAG } from '../options/load-flags.ts'
import { whole } from '../options/flag.ts'
import type { FlagValues } from '../options/flag.ts'
import { checkDemand, largestOf } from '../preflight/requirements.ts'
import type { Demand } from '../preflight/requirements.ts'
import { serverFacts, systemFacts } from '../preflight/system-facts.ts'
import { describeEnvironment } from '../report/environment.ts'
import { preflightPage } from '../report/html/preflight-page.ts'
import { preflightTable } from '../report/preflight-table.ts'
import { PREFLIGHT_SCHEMA } from '../report/schema/preflight.ts'
import type { PreflightReport } from '../report/schema/preflight.ts'
import { resolveTarget } from '../run/resolve-target.ts'
import { benchVersion } from '../version.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { checkReportFiles, jsonOf, textOutput, writeReport } from './reporting.ts'

const MILLIONS_MAX = 100_000_000

const PREFLIGHT_FLAGS = {
  ...TARGET_FLAG,
  connections: whole(1, MILLIONS_MAX, '100000', 'connections that are wanted'),
  ...ADDRESS_FLAGS,
  ...COMMON_FLAGS,
}

export const preflightCommand: Command = {
  name: 'preflight',
  about: 'says whether this machine has room for so many connections, and what would mend what binds',
  usage: '[flags]',
  flags: PREFLIGHT_FLAGS,
  details:
    'It connects to nobody. A server that listens on this machine is looked at too, as far as its files may be read.',
  run: async (args, context) => {
    const parsed = parseCommand('preflight', PREFLIGHT_FLAGS, args)
    if (!parsed.ok) return sayProblems('preflight', parsed.problems, context)
    return await preflight(parsed.values, context)
  },
}

async function preflight(values: FlagValues<typeof PREFLIGHT_FLAGS>, context: CommandContext): Promise<number> {
  const { target, connections } = values
  checkReportFiles(values)
  const hosts = values.targetAddresses ?? [await resolveTarget(target)]
  const report = preflightReport(demandOf(values, hosts), hosts, context, target)
  textOutput(values, context.outputs).write(preflightTable(report))
  writeReport(values, { json: jsonOf(report), html: preflightPage(report), others: {} }, context.outputs)
  return report.largest !== null && report.largest < connections ? EXIT_ENVIRONMENT : EXIT_PASS
}

/** Connections, and where they come from and go to. */
export function demandOf(
  {
    connections,
    sourceAddresses,
    connecting,
    target,
  }: Pick<FlagValues<typeof PREFLIGHT_FLAGS>, 'connections' | 'sourceAddresses' | 'connecting' | 'target'>,
  hosts: readonly string[],
): Demand {
  const isLocal = hosts.every(isLoopback)
  const spreads = sourceAddresses === 'auto' && hosts.every((host) => host.startsWith('127.'))
  const listed = typeof sourceAddresses === 'string' ? 1 : sourceAddresses.length
  return {
    connections,
    isLocal,
    port: target.port,
    sourceAddresses: spreads ? 'any' : listed,
    targetAddresses: hosts.length,
    connectingMax: connecting,
    processesMax: PROCESSES_MAX,
  }
}

function preflightReport(
  demand: Demand,
  hosts: readonly string[],
  { clock }: CommandContext,
  target: PreflightReport['target'],
): PreflightReport {
  const pids = serverProcesses(hosts, demand.port)
  const checks = checkDemand(demand, systemFacts(), serverFacts(pids, parents()))
  const { connections: largest, bound } = largestOf(checks)
  return {
    schema: PREFLIGHT_SCHEMA,
    version: benchVersion(),
    startedAt: new Date(clock.wallMs()).toISOString(),
    commandLine: process.argv.slice(2),
    target,
    connections: demand.connections,
    isServerSeen: pids.length > 0,
    largest: Number.isFinite(largest) ? largest : null,
    bound: bound?.name ?? null,
    isReached: largest >= demand.connections,
    checks,
    environment: describeEnvironment(),
  }
}
