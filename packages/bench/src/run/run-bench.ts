/**
 * Owns one run from its options to its report: checks, name resolution, load, report.
 * Must not know: flags, files, the terminal.
 * Invariant: throws an EnvironmentError when the run cannot take place; every run that began has a report.
 */
import process from 'node:process'
import type { Clock } from '@shardwire/protocol'

import { systemClock } from '../clock.ts'
import { describeEnvironment } from '../report/environment.ts'
import { SILENT } from '../report/progress.ts'
import type { Progress } from '../report/progress.ts'
import { makeReport } from '../report/run-report.ts'
import type { RunReport } from '../report/schema/run.ts'
import { benchVersion } from '../version.ts'
import { Observer } from '../observe/observer.ts'
import { Companions } from './companions.ts'
import { Coordinator } from './coordinator.ts'
import { describePlan, planRun, systemAddressLimits } from './run-plan.ts'
import { RUN_REMEDIES } from './remedies.ts'
import type { Remedies } from './remedies.ts'
import { resolveTarget } from './resolve-target.ts'
import type { RunOptions } from './run-options.ts'
import { checkDescriptors, descriptorLimit } from './system-limits.ts'

export interface RunParts {
  readonly clock?: Clock
  readonly progress?: Progress
  /** Cuts the run short; what was measured until then is reported, as INVALID. */
  readonly signal?: AbortSignal
  /** What the command that makes the run offers where it is wanting; by default what `run` does. */
  readonly remedies?: Remedies
}

/**
 * Puts a server under load and measures it.
 * @throws EnvironmentError when connections cannot be made or the system's limits are too low
 */
export async function runBench(options: RunOptions, parts: RunParts = {}): Promise<RunReport> {
  const { clock = systemClock, progress = SILENT, signal = new AbortController().signal } = parts
  const { remedies = RUN_REMEDIES } = parts
  checkDescriptors(Math.ceil(options.connections / options.processes), descriptorLimit(), remedies)
  const hosts = options.addresses.targets ?? [await resolveTarget(options.target)]
  const plan = planRun(options, hosts, systemAddressLimits())
  progress.plan(describePlan(plan))
  const companions = new Companions(plan.companions, clock)
  const pids = (): readonly number[] => [process.pid, ...coordinator.pids]
  const observer = new Observer({ clock, hosts, port: options.target.port, generatorPids: pids })
  const coordinator = new Coordinator(options, plan.loads, { clock, progress, companions, observer, remedies })
  const environment = describeEnvironment()
  const outcome = await coordinator.run(signal)
  return makeReport(outcome, { environment, version: benchVersion(), commandLine: process.argv.slice(2) })
}
