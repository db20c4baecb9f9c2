/**
 * Owns the description of a run's report.
 * Must not know: how a report is made.
 * Invariant: see parts.ts.
 */
import { z } from 'zod'

import { environmentSchema } from './environment.ts'
import { runOptionsSchema } from './options.ts'
import {
  amount,
  count,
  errorCountsSchema,
  exampleSchema,
  latencySchema,
  listOf,
  objectiveResultSchema,
  processSchema,
  seriesPointSchema,
  text,
  verdictSchema,
} from './parts.ts'

export const RUN_SCHEMA = 'shardwire-bench/run/2'

const openCountsSchema = z
  .strictObject({
    due: count.describe('Frames that fell due in the measured time.'),
    held: count.describe('Of these, frames that waited for room in their connection.'),
    late: count.describe('Written more than a millisecond late by the fault of the generator.'),
    unsent: count.describe('Never written.'),
    dropped: count.describe('Found no place to wait, or no connection: they are in no histogram.'),
    censored: count.describe('Not answered by the end of the drain: in the histogram with the time till then.'),
  })
  .readonly()

const countsByCode = z.record(text, count).readonly()

const idleSchema = z
  .strictObject({
    held: count.describe('Connections that were up at the end.'),
    lost: count.describe('Connections that ended without being told to.'),
    lostBy: countsByCode,
    pings: count.describe('PINGs of the server that were answered.'),
    openMs: amount,
    connectsPerSecond: amount,
    connect: latencySchema,
    sweep: z
      .strictObject({ asked: count, alive: count, wrong: count, lengthMs: amount, answer: latencySchema })
      .readonly()
      .describe('Every connection was asked for one echo, after the load.'),
  })
  .readonly()
export type IdleResult = z.infer<typeof idleSchema>

const churnSchema = z
  .strictObject({
    due: count,
    connected: count,
    answered: count,
    failed: count,
    failedBy: countsByCode,
    dropped: count.describe('Not dialed, since too many were under way.'),
    connect: latencySchema.describe('From the moment a connection was due until it was up.'),
    firstAnswer: latencySchema.describe('From the moment a connection was due until its first answer.'),
  })
  .readonly()
export type ChurnResult = z.infer<typeof churnSchema>

const slowSchema = z
  .strictObject({
    up: count,
    bytesSent: count,
    bytesRead: count,
    ended: count.describe('Connections that the server ended, which is its right.'),
    endedBy: countsByCode,
  })
  .readonly()

const observedSchema = z
  .strictObject({
    server: z.strictObject({ processes: count, command: text }).readonly().nullable(),
    samples: listOf(
      z
        .strictObject({
          atMs: amount,
          serverCores: amount.nullable(),
          serverBytes: amount.nullable(),
          generatorCores: amount,
          generatorBytes: amount,
          machineBusy: amount.nullable(),
        })
        .readonly(),
    ),
  })
  .readonly()

export const runReportSchema = z
  .strictObject({
    schema: z.literal(RUN_SCHEMA),
    version: text,
    startedAt: text.describe('ISO 8601, UTC.'),
    commandLine: listOf(text),
    options: runOptionsSchema,
    environment: environmentSchema,
    merged: count.describe('Of how many runs this is the sum; 1 for a run.'),
    measuredUs: amount,
    messages: count,
    messagesPerSecond: amount,
    bytesSent: count.describe('Frames with everything that belongs to them, in one direction.'),
    bytesReceived: count,
    bytesReceivedPerSecond: amount,
    open: openCountsSchema.nullable().describe('Null in a closed loop.'),
    latency: z
      .strictObject({
        response: latencySchema.describe('From the moment a frame was due; in a closed loop, was written.'),
        service: latencySchema
          .nullable()
          .describe('From the moment it was written: uncorrected. Null in a closed loop.'),
        sendLag: latencySchema.nullable().describe('From due to written.'),
        ownLag: latencySchema.nullable().describe('The part of it that the generator itself is to blame for.'),
        connect: latencySchema,
      })
      .readonly(),
    classes: listOf(z.strictObject({ name: text, response: latencySchema }).readonly()),
    series: listOf(seriesPointSchema),
    idle: idleSchema.nullable(),
    churn: churnSchema.nullable(),
    slow: slowSchema.nullable(),
    observed: observedSchema.describe('CPU and memory of both sides; the server is null where it cannot be seen.'),
    hiccups: latencySchema.describe('How late a process with nothing to do was woken: by the machine alone.'),
    errors: errorCountsSchema,
    example: exampleSchema.nullable(),
    processes: listOf(processSchema).describe('One for every load process that reported to the end.'),
    objectives: listOf(objectiveResultSchema),
    verdict: verdictSchema,
    notes: listOf(text),
  })
  .readonly()
export type RunReport = z.infer<typeof runReportSchema>
