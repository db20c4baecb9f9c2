/**
 * Owns the command `run`: one load.
 * Must not know: how a load is made.
 * Invariant: see Command.
 */
import { EXIT_INVALID, EXIT_PASS, EXIT_SLO_MISSED } from '../exit-codes.ts'
import { aboutScenario, scenarioNames } from '../options/config-file.ts'
import { seriesCsv } from '../report/files/csv.ts'
import { hgrmOf } from '../report/files/hgrm.ts'
import { hlogOf } from '../report/files/hlog.ts'
import { runPage } from '../report/html/run-page.ts'
import { progressOn } from '../report/progress.ts'
import type { RunReport } from '../report/schema/run.ts'
import { runTable } from '../report/table.ts'
import { runBench } from '../run/run-bench.ts'
import { brokenRules, optionsOf, RUN_FLAGS } from '../run/run-options.ts'
import { parseCommand, sayProblems } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { checkReportFiles, jsonOf, textOutput, writeReport } from './reporting.ts'
import type { Written } from './reporting.ts'

export const runCommand: Command = {
  name: 'run',
  about: 'puts a server under one load and measures it',
  usage: '[flags]',
  flags: RUN_FLAGS,
  get details() {
    const scenarios = scenarioNames().map((name) => `  ${name.padEnd(18)}${aboutScenario(name)}`)
    return [
      'Without --rate the loop is closed, and finds the highest throughput; with it, it is open, and measures',
      'latency from the moment each frame was due.',
      '',
      'scenarios:',
      ...scenarios,
    ].join('\n')
  },
  run,
}

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const parsed = parseCommand('run', RUN_FLAGS, args, { check: brokenRules })
  if (!parsed.ok) return sayProblems('run', parsed.problems, context)
  const { values } = parsed
  const text = textOutput(values, context.outputs)
  checkReportFiles(values)
  const progress = progressOn(text, values.quiet)
  const report = await runBench(optionsOf(values), { progress, signal: context.signal, clock: context.clock })
  text.write(runTable(report))
  writeReport(values, runFiles(report), context.outputs)
  return exitCodeOf(report)
}

/** A run's report in every form. */
export function runFiles(report: RunReport): Written {
  const others = {
    'series.csv': seriesCsv(report.series),
    'latency.hlog': hlogOf(report),
    'latency.hgrm': hgrmOf(report.latency.response.histogram),
  }
  return { json: jsonOf(report), html: runPage(report), others }
}

export function exitCodeOf({ verdict, objectives }: Pick<RunReport, 'verdict' | 'objectives'>): number {
  if (verdict.state === 'INVALID') return EXIT_INVALID
  return objectives.every(({ met }) => met) ? EXIT_PASS : EXIT_SLO_MISSED
}
