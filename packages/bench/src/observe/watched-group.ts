/**
 * Owns the CPU and memory of a group of processes over time: the server's, or the generator's.
 * Must not know: what they do.
 * Invariant: a process that ends takes its CPU time with it, and the rate of that moment counts only those that stayed.
 */
import { proportionalBytesOf, usageOf } from './proc-files.ts'

export interface GroupUsage {
  readonly processes: number
  readonly residentBytes: number
  /** Cores in use since the last look: 1.5 is one and a half. */
  readonly cores: number
}

export class WatchedGroup {
  #pids: readonly number[]
  #cpuUs = new Map<number, number>()
  #atUs: number

  constructor(pids: readonly number[], nowUs: number) {
    this.#pids = pids
    this.#atUs = nowUs
    this.#remember()
  }

  get pids(): readonly number[] {
    return this.#pids
  }

  /** Goes on with these processes. */
  set(pids: readonly number[]): void {
    this.#pids = pids
  }

  look(nowUs: number): GroupUsage {
    const before = this.#cpuUs
    const lengthUs = nowUs - this.#atUs
    const now = this.#remember()
    this.#atUs = nowUs
    let usedUs = 0
    for (const [pid, cpuUs] of this.#cpuUs) usedUs += before.has(pid) ? cpuUs - (before.get(pid) ?? 0) : 0
    return { ...now, cores: lengthUs > 0 ? usedUs / lengthUs : 0 }
  }

  /** Memory with shared pages counted in parts; null where the system does not tell. Slow. */
  proportionalBytes(): number | null {
    let sum = 0
    for (const pid of this.#pids) {
      const bytes = proportionalBytesOf(pid)
      if (bytes === null && usageOf(pid) !== null) return null
      sum += bytes ?? 0
    }
    return this.#pids.length === 0 ? null : sum
  }

  #remember(): { processes: number; residentBytes: number } {
    const cpuUs = new Map<number, number>()
    let residentBytes = 0
    for (const pid of this.#pids) {
      const usage = usageOf(pid)
      if (usage === null) continue
      cpuUs.set(pid, usage.cpuUs)
      residentBytes += usage.residentBytes
    }
    this.#cpuUs = cpuUs
    return { processes: cpuUs.size, residentBytes }
  }
}
