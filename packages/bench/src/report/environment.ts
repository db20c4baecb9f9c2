/**
 * Owns the description of the machine and runtime that a report was made on.
 * Must not know: the run.
 * Invariant: what the system does not tell is null, never guessed.
 */
import os from 'node:os'
import process from 'node:process'

import { descriptorLimit } from '../run/system-limits.ts'

export interface RunEnvironment {
  readonly cpuModel: string | null
  readonly cores: number
  readonly platform: string
  readonly kernel: string
  readonly nodeVersion: string
  readonly v8Version: string
  readonly memoryBytes: number
  readonly descriptorsMax: number | null
}

export function describeEnvironment(): RunEnvironment {
  const cpus = os.cpus()
  return {
    cpuModel: cpus[0]?.model ?? null,
    cores: cpus.length,
    platform: `${process.platform} ${process.arch}`,
    kernel: os.release(),
    nodeVersion: process.version,
    v8Version: process.versions.v8,
    memoryBytes: os.totalmem(),
    descriptorsMax: descriptorLimit() ?? null,
  }
}
