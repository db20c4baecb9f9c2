/**
 * Owns the description of a preflight's report.
 * Must not know: how limits are found.
 * Invariant: see parts.ts.
 */
import { z } from 'zod'

import { environmentSchema } from './environment.ts'
import { targetSchema } from './options.ts'
import { count, listOf, text } from './parts.ts'

export const PREFLIGHT_SCHEMA = 'shardwire-bench/preflight/1'

export const checkSchema = z
  .strictObject({
    name: text,
    have: text,
    need: text,
    state: z.enum(['ok', 'binds', 'unknown', 'warning']),
    largest: count.nullable().describe('Connections that this limit allows; null for no bound by it.'),
    cure: text.nullable().describe('The command that would mend it, or what to do.'),
  })
  .readonly()

export const preflightReportSchema = z
  .strictObject({
    schema: z.literal(PREFLIGHT_SCHEMA),
    version: text,
    startedAt: text,
    commandLine: listOf(text),
    target: targetSchema,
    connections: count,
    isServerSeen: z.boolean(),
    largest: count.nullable().describe('The most connections that all known limits allow; null where none is known.'),
    bound: text.nullable().describe('The limit that allows no more.'),
    isReached: z.boolean().describe('Whether as many connections as were asked for are within all known limits.'),
    checks: listOf(checkSchema),
    environment: environmentSchema,
  })
  .readonly()
export type PreflightReport = z.infer<typeof preflightReportSchema>
