/**
 * Owns the description of where the numbers come from.
 * Must not know: the numbers.
 * Invariant: what the machine does not tell is null, never guessed; no path of this machine stands in it.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Environment } from './results.ts'
import type { Toolchain } from './toolchain.ts'

const ROOT = join(import.meta.dirname, '../..')

export function describeEnvironment(toolchain: Toolchain): Environment {
  const cpus = os.cpus()
  const status = git('status', '--porcelain')
  return {
    date: new Date().toISOString(),
    node: process.version,
    v8: process.versions.v8,
    cpu: cpus[0]?.model ?? null,
    cores: cpus.length,
    kernel: `${os.type()} ${os.release()}`,
    memoryBytes: os.totalmem(),
    commit: git('rev-parse', '--short=12', 'HEAD'),
    dirty: status === null ? null : status !== '',
    descriptorsMax: descriptorLimit(),
    governor: textOf('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    loadAverage: os.loadavg()[0] ?? 0,
    pinning: toolchain.describePinning(),
    cc: toolchain.ccVersion(),
    go: toolchain.goVersion(),
  }
}

/** The highest number of open files that a process here may have; null where the system does not say. */
export function descriptorLimit(): number | null {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(textOf('/proc/self/limits') ?? '')?.[1]
  return hard === undefined ? null : Number(hard)
}

function git(...args: string[]): string | null {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return null
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}
