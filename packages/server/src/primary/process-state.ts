/**
 * Owns what the system says of a process that does not answer.
 * Must not know: why it is asked.
 * Invariant: never throws; outside of Linux, and of a process that is gone, nothing is known.
 */
import { readFileSync } from 'node:fs'

/** The kernel counts CPU time in these, on every architecture that Node runs on. */
const TICKS_PER_S = 100

export interface ProcessState {
  /** For people. */
  readonly state: string
  /** All that it has used. */
  readonly cpuSeconds: number
}

const STATES: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'waiting for a disk or the network file system',
  T: 'stopped by a signal',
  t: 'stopped by a debugger',
  Z: 'dead',
}

export function processState(pid: number): ProcessState | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The program's name stands in parentheses, and may have blanks itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    return { state: STATES[fields[0] ?? ''] ?? 'unknown', cpuSeconds: ticks / TICKS_PER_S }
  } catch {
    // No /proc, or no process.
    return undefined
  }
}
