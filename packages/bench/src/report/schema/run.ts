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
    errors: errorCountsSchema,
    example: exampleSchema.nullable(),
    processes: listOf(processSchema).describe('One for every load process that reported to the end.'),
    objectives: listOf(objectiveResultSchema),
    verdict: verdictSchema,
    notes: listOf(text),
  })
  .readonly()
export type RunReport = z.infer<typeof runReportSchema>
