/**
 * Owns the command `compare`: two runs beside each other.
 * Must not know: how runs are compared.
 * Invariant: see Command. It exits 1 when something is worse by more than chance and the limit.
 */
import process from 'node:process'

import { compareReports, isWorse } from '../compare/compare-reports.ts'
import { EXIT_INVALID, EXIT_PASS, EXIT_SLO_MISSED } from '../exit-codes.ts'
import { decimal } from '../options/flag.ts'
import { COMMON_FLAGS } from '../options/load-flags.ts'
import { comparisonTable } from '../report/comparison-table.ts'
import { readRunReport } from '../report/read-report.ts'
import { benchVersion } from '../version.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { comparisonFiles } from './report-kinds.ts'
import { checkReportFiles, textOutput, writeReport } from './reporting.ts'

const PERCENT = 100

const COMPARE_FLAGS = {
  limit: decimal(0, 1000, '5', 'a change of up to so many percent counts as none', 'PERCENT'),
  ...COMMON_FLAGS,
}

export const compareCommand: Command = {
  name: 'compare',
  about: 'sets a run beside another, and says what of the difference is more than chance',
  usage: 'BASE.json NEW.json [flags]',
  flags: COMPARE_FLAGS,
  details: [
    'How much is chance is found by drawing the intervals of both runs a thousand times, in blocks. For repeated runs',
    'merge the repetitions of each side first. It exits 1 when a percentile or the throughput is worse.',
  ].join('\n'),
  run: compare,
}

function compare(args: readonly string[], context: CommandContext): Promise<number> {
  const positionals = { expected: 'two reports', min: 2, max: 2 }
  const parsed = parseCommand('compare', COMPARE_FLAGS, args, { positionals })
  if (!parsed.ok) return Promise.resolve(sayProblems('compare', parsed.problems, context))
  const { values } = parsed
  const [baseFile = '', newFile = ''] = parsed.positionals
  const [base, now] = [readRunReport(baseFile), readRunReport(newFile)]
  checkReportFiles(values)
  const startedAt = new Date(context.clock.wallMs()).toISOString()
  const origin = { version: benchVersion(), startedAt, commandLine: process.argv.slice(2) }
  const options = { limit: values.limit / PERCENT }
  const report = compareReports(base, now, options, { ...origin, files: [baseFile, newFile] })
  textOutput(values, context.outputs).write(comparisonTable(report))
  writeReport(values, comparisonFiles(report), context.outputs)
  if (report.verdict.state === 'INVALID') return Promise.resolve(EXIT_INVALID)
  return Promise.resolve(isWorse(report) ? EXIT_SLO_MISSED : EXIT_PASS)
}
