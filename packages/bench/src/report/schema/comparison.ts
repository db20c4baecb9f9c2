/**
 * Owns the description of a comparison's report.
 * Must not know: how runs are compared.
 * Invariant: see parts.ts.
 */
import { z } from 'zod'

import { environmentSchema } from './environment.ts'
import { amount, count, latencySchema, listOf, text, verdictSchema } from './parts.ts'

export const COMPARISON_SCHEMA = 'shardwire-bench/comparison/1'

const sideSchema = z
  .strictObject({
    file: text,
    startedAt: text,
    messages: count,
    response: latencySchema,
    service: latencySchema.nullable(),
    verdict: verdictSchema,
    commit: text.nullable(),
  })
  .readonly()

const rowSchema = z
  .strictObject({
    name: text,
    unit: z.enum(['us', 'rate']),
    base: amount,
    now: amount,
    change: z.number().describe('0.1 is a tenth more.'),
    low: z.number().nullable().describe('Of the range that the change lies in, in 95 of 100 draws; null when unknown.'),
    high: z.number().nullable(),
    judgement: z.enum(['better', 'worse', 'same', 'unknown']),
  })
  .readonly()
export type ComparisonRow = z.infer<typeof rowSchema>

export const comparisonReportSchema = z
  .strictObject({
    schema: z.literal(COMPARISON_SCHEMA),
    version: text,
    startedAt: text,
    commandLine: listOf(text),
    limit: amount.describe('A change up to this share is none.'),
    base: sideSchema,
    now: sideSchema,
    rows: listOf(rowSchema),
    differences: listOf(text).describe('What is not the same in both beside the server.'),
    verdict: verdictSchema,
    environment: environmentSchema.describe('Of the second run.'),
  })
  .readonly()
export type ComparisonReport = z.infer<typeof comparisonReportSchema>
