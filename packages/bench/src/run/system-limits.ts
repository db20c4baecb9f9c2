/**
 * Owns the descriptor limit of a process against what a run needs.
 * Must not know: sockets.
 * Invariant: where the system does not tell its limit, nothing is refused.
 */
import { readFileSync } from 'node:fs'

import { EnvironmentError } from '../exit-codes.ts'
import { RUN_REMEDIES } from './remedies.ts'
import type { Remedies } from './remedies.ts'

/** Descriptors that a load process has open beside its connections, with room to spare. */
export const DESCRIPTORS_SPARE = 64

/** Open files that one process may have (Node raises the soft limit to the hard one); undefined off Linux. */
export function descriptorLimit(): number | undefined {
  const row = readLimits().find((line) => line.startsWith('Max open files'))
  const soft = Number(row?.split(/\s+/)[3])
  return Number.isFinite(soft) ? soft : undefined
}

/** Throws when a process with that many connections would run out of descriptors. */
export function checkDescriptors(
  connectionsPerProcess: number,
  limit: number | undefined,
  { moreProcesses, fewerConnections }: Remedies = RUN_REMEDIES,
): void {
  const needed = connectionsPerProcess + DESCRIPTORS_SPARE
  if (limit === undefined || needed <= limit) return
  const use = moreProcesses === null ? 'or use' : `use ${moreProcesses} or`
  throw new EnvironmentError(
    'EMFILE',
    `Each load process needs ${needed} file descriptors and may have ${limit}: run \`ulimit -n ${needed}\` first, ` +
      `${use} ${fewerConnections} (at most ${limit - DESCRIPTORS_SPARE} a process). (EMFILE)`,
  )
}

function readLimits(): string[] {
  try {
    return readFileSync('/proc/self/limits', 'utf8').split('\n')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
