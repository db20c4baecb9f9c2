/**
 * Owns the description of a run's options in its report.
 * Must not know: flags.
 * Invariant: holds whatever is needed to run the same load again.
 */
import { z } from 'zod'

import { amount, count, listOf, objectiveSchema, text } from './parts.ts'

export const targetSchema = z.strictObject({ host: text, port: z.int().min(1).max(65_535) }).readonly()

const trafficSchema = z
  .strictObject({
    classes: listOf(text),
    shapes: listOf(
      z
        .strictObject({
          classIndex: count,
          route: count,
          payloadBytes: count,
          body: text.nullable().describe('A fixed body as hex; null for numbers and letters.'),
          answer: text.describe('echo, any, or the bytes that must come back as hex.'),
        })
        .readonly(),
    ),
    weights: listOf(amount),
  })
  .readonly()

const openSchema = z
  .strictObject({
    stages: listOf(z.strictObject({ fromPerSecond: amount, toPerSecond: amount, lengthMs: amount }).readonly()),
    arrivals: z.enum(['constant', 'poisson']),
    pacing: z.enum(['spin', 'timer']),
  })
  .readonly()

export const runOptionsSchema = z
  .strictObject({
    target: targetSchema,
    codec: z.enum(['frame', 'json', 'line', 'raw']),
    mode: z.enum(['message', 'request']),
    traffic: trafficSchema,
    connections: count,
    depth: count,
    open: openSchema.nullable().describe('Null for a closed loop.'),
    warmupMs: amount,
    durationMs: amount,
    drainMs: amount,
    processes: count,
    beside: z
      .strictObject({
        idle: count,
        churnPerSecond: amount,
        churnClose: z.enum(['fin', 'reset']),
        slow: count,
        slowBytesPerSecond: count,
      })
      .readonly(),
    addresses: z
      .strictObject({
        sources: z.union([z.enum(['auto', 'none']), listOf(text)]),
        targets: listOf(text).nullable(),
        connectingMax: count,
      })
      .readonly(),
    seed: count,
    percentile: z.number(),
    objectives: listOf(objectiveSchema),
  })
  .readonly()
