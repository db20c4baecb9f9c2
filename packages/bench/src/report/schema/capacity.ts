/**
 * Owns the description of a capacity search's report.
 * Must not know: how it is searched.
 * Invariant: see parts.ts.
 */
import { z } from 'zod'

import { environmentSchema } from './environment.ts'
import { runOptionsSchema } from './options.ts'
import { amount, count, latencySchema, listOf, objectiveSchema, text, verdictSchema } from './parts.ts'

export const CAPACITY_SCHEMA = 'shardwire-bench/capacity/1'

const trialSchema = z
  .strictObject({
    stage: z.enum(['rise', 'search', 'confirm']),
    perSecond: amount.describe('Messages a second that fell due.'),
    answeredPerSecond: amount,
    state: z.enum(['held', 'missed', 'generator']),
    why: text.describe('Why it was not held.'),
    response: latencySchema,
    ownLag: latencySchema.nullable(),
    serverCores: amount.nullable(),
    verdict: verdictSchema,
  })
  .readonly()
export type CapacityTrial = z.infer<typeof trialSchema>

export const capacityReportSchema = z
  .strictObject({
    schema: z.literal(CAPACITY_SCHEMA),
    version: text,
    startedAt: text,
    commandLine: listOf(text),
    objective: objectiveSchema,
    options: runOptionsSchema.describe('Of the last trial.'),
    capacity: z
      .strictObject({
        perSecond: amount.describe('Highest rate held; 0 for none.'),
        isConfirmed: z.boolean(),
        missedPerSecond: amount.nullable().describe('Lowest rate that was not held.'),
        limit: z.enum(['server', 'generator', 'maximum', 'cut short']),
      })
      .readonly(),
    trials: listOf(trialSchema),
    connections: count,
    verdict: verdictSchema,
    environment: environmentSchema,
  })
  .readonly()
export type CapacityReport = z.infer<typeof capacityReportSchema>
