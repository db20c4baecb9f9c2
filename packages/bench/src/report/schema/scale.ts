/**
 * Owns the description of a sweep's report.
 * Must not know: how it is run.
 * Invariant: see parts.ts.
 */
import { z } from 'zod'

import { environmentSchema } from './environment.ts'
import { runOptionsSchema } from './options.ts'
import { amount, count, latencySchema, listOf, text, verdictSchema } from './parts.ts'

export const SCALE_SCHEMA = 'shardwire-bench/scale/1'

const model = z.enum(['linear', 'amdahl', 'usl'])

const runSchema = z
  .strictObject({
    size: count,
    repeat: count,
    messagesPerSecond: amount,
    response: latencySchema,
    serverCores: amount.nullable(),
    generatorCores: amount.nullable(),
    verdict: verdictSchema,
  })
  .readonly()
export type ScaleRun = z.infer<typeof runSchema>

const fitSchema = z
  .strictObject({
    model,
    parameters: z
      .strictObject({
        each: amount.describe('Throughput of one.'),
        serial: amount.describe('The part that only one can do at a time.'),
        crosstalk: amount.describe('What each costs every other.'),
      })
      .readonly(),
    explained: z
      .number()
      .describe('Part of the variance, 1 for all of it; 0 or less: the mean of all runs says as much.'),
    criterion: z.number().nullable().describe('Corrected Akaike criterion; the smaller, the better.'),
    residuals: listOf(z.strictObject({ size: count, measured: amount, fitted: amount, share: z.number() }).readonly()),
  })
  .readonly()
export type ScaleFit = z.infer<typeof fitSchema>

export const scaleReportSchema = z
  .strictObject({
    schema: z.literal(SCALE_SCHEMA),
    version: text,
    startedAt: text,
    commandLine: listOf(text),
    over: z.enum(['workers', 'connections']),
    sizes: listOf(count),
    options: runOptionsSchema.describe('Of the last run.'),
    settings: z.record(text, text).readonly().nullable().describe('Of the daemon of the last run.'),
    runs: listOf(runSchema),
    fits: listOf(fitSchema),
    best: model
      .nullable()
      .describe('Null when no law was put to the test by sizes and runs enough, or explains more than the mean does.'),
    bestWhy: text.describe('Why none is the best; empty when one is.'),
    peak: z
      .strictObject({ size: amount, perSecond: amount, lowSize: amount.nullable(), highSize: amount.nullable() })
      .readonly()
      .nullable()
      .describe(
        'Where throughput is highest; null when it falls nowhere within twice of the sizes, or no law is the best.',
      ),
    predictions: listOf(z.strictObject({ size: count, perSecond: amount.nullable(), why: text }).readonly()),
    verdict: verdictSchema,
    environment: environmentSchema,
  })
  .readonly()
export type ScaleReport = z.infer<typeof scaleReportSchema>
