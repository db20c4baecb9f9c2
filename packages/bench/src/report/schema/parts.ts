/**
 * Owns the parts that the JSON reports of several commands share, each described once, for types, checks and the JSON
 * schema alike.
 * Must not know: where values come from.
 * Invariant: objects are strict: a field that is not described here stands in no report. Times are microseconds unless
 * the name says otherwise; a field keeps its meaning and unit for the life of its schema's version.
 */
import { z } from 'zod'

import { ERROR_KINDS, PHASES } from '../../messages.ts'
import type { ErrorKind } from '../../messages.ts'
import { OBJECTIVE_METRICS } from '../../options/objective.ts'

export const count = z.int().min(0)
export const amount = z.number().min(0)
export const share = z.number().min(0)
export const text = z.string()

export function listOf<T extends z.ZodType>(item: T): z.ZodReadonly<z.ZodArray<T>> {
  return z.array(item).readonly()
}

export const latencySchema = z
  .strictObject({
    samples: count,
    minUs: amount,
    meanUs: amount,
    p50Us: amount,
    p90Us: amount,
    p99Us: amount,
    p999Us: amount,
    p9999Us: amount,
    maxUs: amount,
    fewSamplesFor: listOf(z.number()).describe(
      'Percentiles above which fewer than ten samples lie: they are little more than the maximum.',
    ),
    aboveRange: count.describe('Samples above the range of the histogram: in min, mean and max, in no percentile.'),
    histogram: text.describe('HDR V2, compressed, base64; unit microseconds, three significant digits.'),
  })
  .readonly()
export type LatencyReport = z.infer<typeof latencySchema>

export const verdictSchema = z
  .strictObject({ state: z.enum(['VALID', 'SUSPECT', 'INVALID']), reasons: listOf(text) })
  .readonly()

export const errorCountsSchema = z
  .strictObject(Object.fromEntries(ERROR_KINDS.map((kind) => [kind, count])) as Record<ErrorKind, typeof count>)
  .readonly()

export const exampleSchema = z
  .strictObject({
    kind: z.enum(ERROR_KINDS),
    connection: count,
    sequence: count,
    offset: z.int().min(-1),
    expected: text,
    got: text,
    sentence: text,
  })
  .readonly()

export const objectiveSchema = z
  .strictObject({
    text,
    metric: z.enum(OBJECTIVE_METRICS),
    isBelow: z.boolean(),
    limit: amount.describe('Microseconds, messages a second, or a share from 0 to 1.'),
  })
  .readonly()

export const objectiveResultSchema = z
  .strictObject({
    text,
    metric: z.enum(OBJECTIVE_METRICS),
    isBelow: z.boolean(),
    limit: amount,
    actual: amount.describe('In the unit of the limit.'),
    met: z.boolean(),
  })
  .readonly()

export const seriesPointSchema = z
  .strictObject({
    phase: z.enum(PHASES),
    index: count,
    fromMs: amount.describe('Since the beginning of the phase.'),
    lengthMs: amount,
    messagesPerSecond: amount,
    duePerSecond: amount,
    sentPerSecond: amount,
    waiting: count,
    samples: count,
    p50Us: amount,
    p99Us: amount,
    p999Us: amount,
    maxUs: amount,
    serviceP99Us: amount.nullable(),
    connections: count.describe('Up at its end.'),
    errors: count.describe('Of the interval alone: those of all intervals, drain and warm-up among them, add up.'),
    histogram: text,
  })
  .readonly()

export const processSchema = z
  .strictObject({
    process: count,
    lengthUs: amount,
    threadCpuUs: amount,
    processCpuUs: amount,
    loopBusy: share,
    spinUs: amount,
    loopDelayP50Us: amount,
    loopDelayP99Us: amount,
    loopDelayMaxUs: amount,
    gcCount: count,
    gcUs: amount,
    gcMaxUs: amount,
  })
  .readonly()
