/**
 * Owns the command `report`: a report again, in another form.
 * Must not know: how reports are made.
 * Invariant: measures nothing, and changes nothing of what was measured.
 */
import { EXIT_PASS } from '../exit-codes.ts'
import { COMMON_FLAGS } from '../options/load-flags.ts'
import { readReport } from '../report/read-report.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { filesOf, tableOf } from './report-kinds.ts'
import { checkReportFiles, textOutput, writeReport } from './reporting.ts'

const { html, out, json, config, quiet } = COMMON_FLAGS
const REPORT_FLAGS = { html, out, json, config, quiet }

export const reportCommand: Command = {
  name: 'report',
  about: 'shows a JSON report again, or writes it as a page and in its other forms',
  usage: 'FILE.json [flags]',
  flags: REPORT_FLAGS,
  details: 'Reads what any command wrote with --json or --out.',
  run: report,
}

function report(args: readonly string[], context: CommandContext): Promise<number> {
  const positionals = { expected: 'one report', min: 1, max: 1 }
  const parsed = parseCommand('report', REPORT_FLAGS, args, { positionals })
  if (!parsed.ok) return Promise.resolve(sayProblems('report', parsed.problems, context))
  const { values } = parsed
  const [file = ''] = parsed.positionals
  const read = readReport(file)
  checkReportFiles(values)
  if (!values.quiet) textOutput(values, context.outputs).write(tableOf(read))
  writeReport(values, filesOf(read), context.outputs)
  return Promise.resolve(EXIT_PASS)
}
