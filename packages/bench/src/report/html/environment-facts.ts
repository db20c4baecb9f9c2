/**
 * Owns the environment of a report as rows of its page.
 * Must not know: the rest of the page.
 * Invariant: all that is known is shown; what is not known is left out.
 */
import type { RunEnvironment } from '../schema/environment.ts'
import type { Facts } from './page.ts'
import { inBytes, inGroups } from './words.ts'

export function environmentFacts(environment: RunEnvironment, commandLine: readonly string[]): Facts {
  const { cpuModel, cores, governor, clockSource, platform, kernel, nodeVersion, v8Version, nodeFlags } = environment
  const { memoryBytes, cgroup, descriptorsMax, sysctls, loadAverage, commit } = environment
  const rows: (readonly [string, string | null])[] = [
    ['command', `shardwire-bench ${commandLine.join(' ')}`],
    ['processors', `${cores} x ${cpuModel ?? 'unknown'}`],
    ['governor', governor],
    ['clock source', clockSource],
    ['memory', inBytes(memoryBytes)],
    ['system', `${platform}, kernel ${kernel}`],
    ['Node', `${nodeVersion} (V8 ${v8Version})${nodeFlags.length === 0 ? '' : `, ${nodeFlags.join(' ')}`}`],
    ['limits of its group', [cgroup.cpuMax, cgroup.memoryMax].filter((limit) => limit !== null).join(', ') || null],
    ['descriptors a process', descriptorsMax === null ? null : inGroups(descriptorsMax)],
    ['load average at the start', loadAverage.map((one) => one.toFixed(2)).join(', ')],
    ['commit', commit],
    ...Object.entries(sysctls),
  ]
  const known = rows.flatMap(([name, text]) => (text === null ? [] : [[name, text] as const]))
  return { kind: 'facts', title: 'Environment', isOpen: false, rows: known }
}
