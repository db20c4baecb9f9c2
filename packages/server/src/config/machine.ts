/**
 * Owns the facts of the machine that defaults and checks are computed from, as this process or its container sees them.
 * Must not know: options. It is the only file here that touches globals; everything else takes a `Machine`.
 * Invariant: every fact is a positive integer, whatever the system does not tell.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'

export interface Machine {
  /** Cores this process may use; a container's CPU quota counts. */
  readonly cores: number
  /** Memory this process may use, in bytes: the container's limit, or all of the machine's. */
  readonly memoryBytes: number
  /** Most files and sockets this process may have open. */
  readonly descriptorLimit: number
}

/** What POSIX systems give where nothing was set; assumed when the system does not tell. */
const DESCRIPTOR_LIMIT_FALLBACK = 1024

export function readMachine(): Machine {
  return {
    cores: Math.max(1, availableParallelism()),
    memoryBytes: memoryLimit(process.constrainedMemory(), totalmem()),
    descriptorLimit: readDescriptorLimit(),
  }
}

/**
 * The smaller of the container's limit and the machine's memory, in bytes.
 * @param constrainedBytes 0 or undefined where there is no container; without a limit Linux answers 2^63 or 2^64
 */
export function memoryLimit(constrainedBytes: number | undefined, totalBytes: number): number {
  if (constrainedBytes === undefined || constrainedBytes <= 0) return totalBytes
  return Math.min(Math.floor(constrainedBytes), totalBytes)
}

/** The soft limit out of the text of /proc/self/limits; undefined when the text has no such line. */
export function parseDescriptorLimit(limits: string): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(limits)?.[1]
  if (soft === undefined) return undefined
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Math.max(1, Number(soft))
}

/** Node raises its soft limit to the hard one at its start, so this is asked of the process and not of the shell. */
export function readDescriptorLimit(): number {
  try {
    return parseDescriptorLimit(readFileSync('/proc/self/limits', 'utf8')) ?? DESCRIPTOR_LIMIT_FALLBACK
  } catch {
    // No /proc outside Linux: Node's own report knows the limit, but takes milliseconds to put together.
    return reportedDescriptorLimit(process.report.getReport())
  }
}

/** The soft limit out of Node's diagnostic report; the fallback when it is not there (Windows). */
export function reportedDescriptorLimit(report: object): number {
  const { userLimits } = report as { userLimits?: { open_files?: { soft?: number | string } } }
  const soft = userLimits?.open_files?.soft
  if (soft === 'unlimited') return Number.MAX_SAFE_INTEGER
  return typeof soft === 'number' && soft > 0 ? soft : DESCRIPTOR_LIMIT_FALLBACK
}
