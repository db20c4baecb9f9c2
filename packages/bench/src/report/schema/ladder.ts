/**
 * Owns the description of a ladder's report.
 * Must not know: how a ladder is climbed.
 * Invariant: see parts.ts.
 */
import { z } from 'zod'

import { environmentSchema } from './environment.ts'
import { targetSchema } from './options.ts'
import {
  amount,
  count,
  latencySchema,
  listOf,
  objectiveResultSchema,
  objectiveSchema,
  text,
  verdictSchema,
} from './parts.ts'

export const LADDER_SCHEMA = 'shardwire-bench/ladder/2'

const bytes = z.int().nullable()

const sideSchema = {
  processes: count,
  residentBytes: count,
  proportionalBytes: count.nullable().describe('With pages that several processes share counted in parts.'),
}

const ledgerSchema = z
  .strictObject({
    connections: count,
    server: z.strictObject(sideSchema).readonly().nullable(),
    generator: z.strictObject({ ...sideSchema, heapBytes: count, externalBytes: count }).readonly(),
    kernel: z
      .strictObject({
        connectionSlabBytes: bytes,
        slabBytes: bytes,
        tcpBufferBytes: bytes,
        sockets: bytes,
        availableBytes: bytes,
      })
      .readonly()
      .describe('Of the whole machine, both ends of connections within it.'),
  })
  .readonly()

const perConnectionSchema = z
  .strictObject({ server: bytes, generator: bytes, generatorHeap: bytes, kernel: bytes })
  .readonly()
  .describe('Bytes that each idle connection added since there was none; null where it is not known.')
export type PerConnectionReport = z.infer<typeof perConnectionSchema>

const probeSchema = z
  .strictObject({
    response: latencySchema,
    ownLag: latencySchema,
    messagesPerSecond: amount,
    errors: count,
    verdict: verdictSchema,
    serverCores: amount.nullable().describe('Mean, with the probe and the heartbeats.'),
    generatorCores: amount.nullable(),
  })
  .readonly()
export type ProbeReport = z.infer<typeof probeSchema>

const sweepSchema = z
  .strictObject({ asked: count, alive: count, wrong: count, lengthMs: amount, answer: latencySchema })
  .readonly()
  .describe('Every connection was asked for one echo.')

export const ladderStepSchema = z
  .strictObject({
    connections: count,
    openMs: amount,
    opened: count.describe('Connections that came up on the way to this step.'),
    connectsPerSecond: amount,
    connect: latencySchema,
    overflows: count.nullable().describe('Connects that a full accept queue made the kernel drop.'),
    sweep: sweepSchema,
    lost: count.describe('Connections that ended by themselves, since the beginning.'),
    pings: count.describe('PINGs of the server that were answered, since the beginning.'),
    ledger: ledgerSchema,
    perConnection: perConnectionSchema,
    probe: probeSchema,
  })
  .readonly()
export type LadderStep = z.infer<typeof ladderStepSchema>

export const ladderReportSchema = z
  .strictObject({
    schema: z.literal(LADDER_SCHEMA),
    version: text,
    startedAt: text,
    commandLine: listOf(text),
    options: z
      .strictObject({
        target: targetSchema,
        codec: z.enum(['frame', 'json', 'line', 'raw']),
        route: count,
        steps: listOf(count),
        settleMs: amount,
        probe: z.strictObject({ connections: count, perSecond: count, durationMs: amount }).readonly(),
        holdMs: amount,
        connectsPerSecond: count.nullable(),
        addresses: z
          .strictObject({
            sources: z.union([z.enum(['auto', 'none']), listOf(text)]),
            targets: listOf(text).nullable(),
            connectingMax: count,
          })
          .readonly(),
        percentile: z.number(),
        objectives: listOf(objectiveSchema),
      })
      .readonly(),
    holders: listOf(z.strictObject({ connections: count, source: text.nullable() }).readonly()),
    server: z
      .strictObject({
        processes: count,
        command: text,
        settings: z
          .record(text, text)
          .readonly()
          .nullable()
          .describe('With which the ladder started it; null for a server that was there.'),
      })
      .readonly()
      .nullable(),
    reached: count,
    bound: z
      .strictObject({ connections: count, code: text, sentence: text })
      .readonly()
      .nullable()
      .describe('What let it go no further; null when it went to the top.'),
    before: ledgerSchema,
    steps: listOf(ladderStepSchema),
    hold: z
      .strictObject({
        lengthMs: amount,
        pings: count,
        lost: count,
        sweep: sweepSchema,
        probe: probeSchema,
      })
      .readonly()
      .nullable(),
    closeMs: amount.nullable(),
    after: ledgerSchema.nullable().describe('When all were closed and both sides had their rest.'),
    lost: count,
    lostBy: z.record(text, count).readonly(),
    objectives: listOf(objectiveResultSchema).describe('Of the probe at the top.'),
    verdict: verdictSchema,
    environment: environmentSchema,
  })
  .readonly()
export type LadderReport = z.infer<typeof ladderReportSchema>
