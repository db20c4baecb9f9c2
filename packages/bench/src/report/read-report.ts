/**
 * Owns reading a report from its file: of which kind it is, and that it is one.
 * Must not know: what is done with it.
 * Invariant: what comes out has passed the description of its kind and version; anything else is an EnvironmentError
 * that names the file, what is wrong with it, and what was expected.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'

import { EnvironmentError } from '../exit-codes.ts'
import { capacityReportSchema } from './schema/capacity.ts'
import { comparisonReportSchema } from './schema/comparison.ts'
import { ladderReportSchema } from './schema/ladder.ts'
import { preflightReportSchema } from './schema/preflight.ts'
import { runReportSchema } from './schema/run.ts'
import type { RunReport } from './schema/run.ts'
import { scaleReportSchema } from './schema/scale.ts'

const anyReportSchema = z.discriminatedUnion('schema', [
  runReportSchema,
  ladderReportSchema,
  preflightReportSchema,
  capacityReportSchema,
  scaleReportSchema,
  comparisonReportSchema,
])
export type AnyReport = z.infer<typeof anyReportSchema>

const SCHEMAS = anyReportSchema.options.map((option) => option.unwrap().shape.schema.value)

export function readReport(file: string): AnyReport {
  const parsed = anyReportSchema.safeParse(parseFile(file))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const at = issue?.path.join('.') ?? ''
  if (at === 'schema' || at === '')
    throw wrong(file, `is no report of this version: its "schema" is none of ${SCHEMAS.join(', ')}`)
  throw wrong(file, `is damaged at ${at}: ${issue?.message}`)
}

/** @throws EnvironmentError for a report of anything but a run too */
export function readRunReport(file: string): RunReport {
  const report = readReport(file)
  if (report.schema === runReportSchema.unwrap().shape.schema.value) return report
  throw wrong(file, `is a report of ${report.schema}: expected one that \`run\` or \`merge\` wrote`)
}

function parseFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw wrong(file, `cannot be read as JSON (${error instanceof Error ? error.message : String(error)})`)
  }
}

function wrong(file: string, what: string): EnvironmentError {
  return new EnvironmentError('REPORT_READ', `${file} ${what}. Name a file that --json or --out of the bench wrote.`)
}
