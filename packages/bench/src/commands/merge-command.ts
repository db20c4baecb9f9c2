/**
 * Owns the command `merge`: several runs as one.
 * Must not know: how reports are added.
 * Invariant: see Command.
 */
import process from 'node:process'

import { EnvironmentError } from '../exit-codes.ts'
import { choice } from '../options/flag.ts'
import { COMMON_FLAGS } from '../options/load-flags.ts'
import { readRunReport } from '../report/read-report.ts'
import { runTable } from '../report/table.ts'
import { kindOf, mergeProblems, mergeReports } from '../sum/merge-reports.ts'
import { benchVersion } from '../version.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { checkReportFiles, textOutput, writeReport } from './reporting.ts'
import { exitCodeOf, runFiles } from './run-command.ts'

const FILES_MAX = 1000

const MERGE_FLAGS = {
  as: choice(
    ['auto', 'together', 'repeats'],
    'auto',
    'parts of one load at once, whose rates add up, or one load again and again',
    'KIND',
  ),
  ...COMMON_FLAGS,
}

export const mergeCommand: Command = {
  name: 'merge',
  about: 'makes one report of the runs of several processes, machines or repetitions',
  usage: 'FILE.json FILE.json ... [flags]',
  flags: MERGE_FLAGS,
  details: [
    'Histograms are added bucket by bucket: percentiles are those of all answers, never averages. With --as auto runs',
    'that were at the same time for the most part are parts of one load.',
  ].join('\n'),
  run: merge,
}

function merge(args: readonly string[], context: CommandContext): Promise<number> {
  const positionals = { expected: 'two reports or more', min: 2, max: FILES_MAX }
  const parsed = parseCommand('merge', MERGE_FLAGS, args, { positionals })
  if (!parsed.ok) return Promise.resolve(sayProblems('merge', parsed.problems, context))
  const { values } = parsed
  const reports = parsed.positionals.map(readRunReport)
  checkReportFiles(values)
  const [problem] = mergeProblems(reports)
  if (problem !== undefined) {
    throw new EnvironmentError(
      'MERGE',
      `These runs are not of one load: ${problem}. Merge runs that differ in nothing.`,
    )
  }
  const kind = values.as === 'auto' ? kindOf(reports) : values.as
  const origin = { version: benchVersion(), commandLine: process.argv.slice(2) }
  const report = mergeReports(reports, kind, origin)
  const text = textOutput(values, context.outputs)
  const how = kind === 'together' ? 'parts of one load, at once' : 'repetitions, one after the other'
  if (!values.quiet) text.write(`${report.merged} runs, taken as ${how}\n`)
  text.write(runTable(report))
  writeReport(values, runFiles(report), context.outputs)
  return Promise.resolve(exitCodeOf(report))
}
