/**
 * Owns what the system says about the memory of other processes, and when it has settled.
 * Must not know: who they are.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { pause } from './children.ts'
import { Unavailable } from './toolchain.ts'

const POLL_MS = 300
const SETTLED_POLLS = 4
const SETTLED_PART = 0.005
const SETTLE_POLLS_MAX = 60

/** VmRSS of the processes together, in bytes. Throws Unavailable where there is no /proc. */
export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + residentBytesOf(pid), 0)
}

function residentBytesOf(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kilobytes) * 1024
  } catch (error) {
    throw new Unavailable(`cannot read /proc/${pid}/status: memory is measured on Linux, of a process that lives`, {
      cause: error,
    })
  }
}

export function openDescriptors(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0)
}

/**
 * Waits until resident memory stays where it is for about a second, at most 18 s.
 * @returns it, in bytes
 */
export async function settledBytes(pids: readonly number[]): Promise<number> {
  let last = residentBytes(pids)
  for (let polls = 0, quiet = 0; polls < SETTLE_POLLS_MAX && quiet < SETTLED_POLLS; polls++) {
    await pause(POLL_MS)
    const now = residentBytes(pids)
    quiet = Math.abs(now - last) <= last * SETTLED_PART ? quiet + 1 : 0
    last = now
  }
  return last
}

/** Waits until `isReached`, at most `limitMs`. @returns whether it was */
export async function within(limitMs: number, isReached: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    if (await isReached()) return true
    await pause(POLL_MS)
  }
  return false
}
