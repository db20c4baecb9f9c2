/**
 * Owns what Linux says of other processes: their children, their states, their open files.
 * Must not know: what they run.
 * Invariant: a process that ends while it is looked at counts as gone, never as an error.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Whether this system tells: elsewhere tests that need it are to be skipped. */
export const hasProc = existsSync('/proc/self/fd')

export interface ProcessState {
  readonly pid: number
  /** One letter: R running, S sleeping, T stopped, Z a zombie. */
  readonly state: string
}

/** The children of a process, zombies among them. */
export function childrenOf(parent: number): ProcessState[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readGone(`/proc/${name}/stat`)
      // The name of a program stands in parentheses, and may have blanks and parentheses itself.
      const [state, parentPid] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
      return Number(parentPid) === parent && state !== undefined ? [{ pid: Number(name), state }] : []
    })
}

/** How many files a process has open; 0 when it is gone. */
export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch (error) {
    if (isGone(error)) return 0
    throw error
  }
}

function readGone(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
}
