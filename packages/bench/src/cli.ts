/**
 * Owns the command line: which command, its help, its exit code, where its report goes.
 * Must not know: signals, the process it runs in.
 * Invariant: never throws; whatever happens becomes a message and an exit code.
 */
import { EnvironmentError, EXIT_ENVIRONMENT, EXIT_INVALID, EXIT_PASS, EXIT_SLO_MISSED } from './exit-codes.ts'
import { describeFlags, describeProblems } from './options/read-flags.ts'
import type { Outputs } from './output.ts'
import { checkJsonFile, writeJsonFile } from './report/json-file.ts'
import { ProgressLine, SILENT } from './report/progress.ts'
import type { RunReport } from './report/schema/run.ts'
import { runTable } from './report/table.ts'
import { runBench } from './run/run-bench.ts'
import { parseRun, RUN_FLAGS } from './run/run-options.ts'
import type { RunReporting } from './run/run-options.ts'
import { benchVersion } from './version.ts'

const HELP = `shardwire-bench: puts a server that speaks shardwire frames under load and measures it

  shardwire-bench run [flags]
  shardwire-bench --help | --version

${describeFlags(RUN_FLAGS)}

verdict, at the end of every report:
  VALID    every frame was answered rightly, and the generator was not the limit
  SUSPECT  every frame was answered rightly, but the numbers may be those of the generator: a load process that was busy
           or late, answers too slow for a percentile, or too few samples for the one asked for (--percentile); the
           reasons say what would show more
  INVALID  do not use the numbers: wrong or missing answers, no answer while measuring, ERROR frames, lost connections,
           a generator that stood still, or a run cut short

With --json - standard output is the JSON report alone; progress and table go to standard error. Through npm say
\`npm run --silent bench -- run --json -\`: without --silent npm prints two lines of its own first.

exit codes: 0 pass (VALID or SUSPECT), 1 objective (--slo) missed, 2 INVALID, 3 the run could not take place
(flags, no server, limits of the system, a file for the report that cannot be written)
`

/** @returns the exit code */
export async function runCli(args: readonly string[], outputs: Outputs, signal: AbortSignal): Promise<number> {
  const [command, ...rest] = args
  if (args.includes('--help') || command === 'help') return say(outputs, HELP)
  if (args.includes('--version')) return say(outputs, `${benchVersion()}\n`)
  if (command === 'run') return await runCommand(rest, outputs, signal)
  const what = command === undefined ? 'a command is missing' : `there is no command ${command}`
  outputs.err.write(`shardwire-bench: ${what}: expected run, for example run --connections 64 --duration-s 5\n`)
  return EXIT_ENVIRONMENT
}

async function runCommand(args: readonly string[], outputs: Outputs, signal: AbortSignal): Promise<number> {
  const parsed = parseRun(args)
  if (!parsed.ok) {
    outputs.err.write(`shardwire-bench run: wrong flags\n${describeProblems(parsed.problems)}`)
    return EXIT_ENVIRONMENT
  }
  const { options, reporting } = parsed
  const text = reporting.jsonFile === '-' ? outputs.err : outputs.out
  const progress = reporting.quiet ? SILENT : new ProgressLine(text)
  try {
    if (reporting.jsonFile !== undefined && reporting.jsonFile !== '-') checkJsonFile(reporting.jsonFile)
    const report = await runBench(options, { progress, signal })
    text.write(runTable(report))
    writeJson(report, reporting, outputs)
    return exitCodeOf(report)
  } catch (error) {
    outputs.err.write(`shardwire-bench run: ${inWords(error)}\n`)
    return EXIT_ENVIRONMENT
  }
}

function exitCodeOf({ verdict, objectives }: RunReport): number {
  if (verdict.state === 'INVALID') return EXIT_INVALID
  return objectives.every(({ met }) => met) ? EXIT_PASS : EXIT_SLO_MISSED
}

function writeJson(report: RunReport, { jsonFile }: RunReporting, outputs: Outputs): void {
  if (jsonFile === undefined) return
  const json = `${JSON.stringify(report, undefined, 2)}\n`
  if (jsonFile === '-') outputs.out.write(json)
  else writeJsonFile(jsonFile, json)
}

/** An error that we made is a sentence already; of any other the stack is what helps. */
function inWords(error: unknown): string {
  if (error instanceof EnvironmentError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function say({ out }: Outputs, text: string): number {
  out.write(text)
  return EXIT_PASS
}
