/**
 * Owns reading Linux's files about processes and the machine, and nothing of what the numbers mean.
 * Must not know: servers, generators.
 * Invariant: what is not there, not for us, or gone meanwhile reads as null, never as an error and never as 0.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Linux counts CPU time in hundredths of a second, on every machine that Node runs on. */
const US_PER_TICK = 10_000
const BYTES_PER_KB = 1024

export interface ProcessUsage {
  readonly cpuUs: number
  readonly residentBytes: number
}

/** The text of a file; null where there is none for us. */
export function readProc(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

/** CPU time of all threads and resident memory of one process. */
export function usageOf(pid: number): ProcessUsage | null {
  const stat = readProc(`/proc/${pid}/stat`)
  const resident = numberOf(readProc(`/proc/${pid}/status`), /^VmRSS:\s+(\d+) kB/m)
  if (stat === null || resident === null) return null
  // The name of a program stands in parentheses, and may have blanks and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system] = [Number(fields[11]), Number(fields[12])]
  return { cpuUs: (user + system) * US_PER_TICK, residentBytes: resident * BYTES_PER_KB }
}

/** Memory of one process with pages that it shares counted in parts; slow for large ones. */
export function proportionalBytesOf(pid: number): number | null {
  const kilobytes = numberOf(readProc(`/proc/${pid}/smaps_rollup`), /^Pss:\s+(\d+) kB/m)
  return kilobytes === null ? null : kilobytes * BYTES_PER_KB
}

/** The command line of a process, its words set apart by blanks. */
export function commandOf(pid: number): string | null {
  const text = readProc(`/proc/${pid}/cmdline`)
  return text === null ? null : text.split('\0').join(' ').trim()
}

/** Parent of each process that is there. */
export function parents(): ReadonlyMap<number, number> {
  const found = new Map<number, number>()
  for (const name of listProc('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readProc(`/proc/${name}/stat`)
    const parent = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
    if (parent !== undefined) found.set(Number(name), Number(parent))
  }
  return found
}

/** What a directory of /proc holds; empty where it is not for us. */
export function listProc(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error) return []
    throw error
  }
}

/** What the open files of a process are: `socket:[123]` and the like. */
export function openFilesOf(pid: number): string[] {
  return listProc(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${name}`)]
    } catch (error) {
      if (error instanceof Error && 'code' in error) return []
      throw error
    }
  })
}

/** Of the machine, since its start: how long its processors were busy, and how long there were processors. */
export function machineCpu(): { readonly busyUs: number; readonly allUs: number } | null {
  const row = readProc('/proc/stat')?.split('\n')[0]
  if (row === undefined) return null
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = row
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const busy = user + nice + system + irq + soft + steal
  return { busyUs: busy * US_PER_TICK, allUs: (busy + idle + wait) * US_PER_TICK }
}

export function numberOf(text: string | null, pattern: RegExp): number | null {
  const [, digits] = pattern.exec(text ?? '') ?? []
  return digits === undefined ? null : Number(digits)
}
