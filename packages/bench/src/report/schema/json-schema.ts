/**
 * Owns the JSON schemas of all reports, made of the descriptions that check them.
 * Must not know: commands.
 * Invariant: `schemas/` of the package holds what is made here (a test compares the two), draft 2020-12.
 */
import { z } from 'zod'

import { capacityReportSchema } from './capacity.ts'
import { comparisonReportSchema } from './comparison.ts'
import { ladderReportSchema } from './ladder.ts'
import { preflightReportSchema } from './preflight.ts'
import { runReportSchema } from './run.ts'
import { scaleReportSchema } from './scale.ts'

/** By the name of their file: run is `run.schema.json`. */
const REPORTS = {
  run: runReportSchema,
  capacity: capacityReportSchema,
  scale: scaleReportSchema,
  ladder: ladderReportSchema,
  preflight: preflightReportSchema,
  comparison: comparisonReportSchema,
}

export type ReportName = keyof typeof REPORTS

export const REPORT_NAMES = Object.keys(REPORTS) as ReportName[]

/** The text of a schema's file. */
export function jsonSchemaOf(name: ReportName): string {
  const schema = z.toJSONSchema(REPORTS[name], { target: 'draft-2020-12', io: 'output' })
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
