/**
 * Owns the description of the machine and runtime in a report.
 * Must not know: how it is found out.
 * Invariant: what the system does not tell is null, never guessed.
 */
import { z } from 'zod'

import { amount, count, listOf, text } from './parts.ts'

export const environmentSchema = z
  .strictObject({
    cpuModel: text.nullable(),
    cores: count,
    governor: text.nullable(),
    clockSource: text.nullable(),
    platform: text,
    kernel: text,
    nodeVersion: text,
    v8Version: text,
    nodeFlags: listOf(text),
    memoryBytes: count,
    cgroup: z
      .strictObject({ cpuMax: text.nullable(), memoryMax: text.nullable() })
      .readonly()
      .describe("This process's own group; null where there is no limit or no telling."),
    descriptorsMax: count.nullable(),
    sysctls: z.record(text, text).readonly(),
    loadAverage: listOf(amount).describe('Of the last 1, 5 and 15 minutes, as the run began.'),
    commit: text.nullable().describe('Of the git repository around the working directory.'),
  })
  .readonly()
export type RunEnvironment = z.infer<typeof environmentSchema>
