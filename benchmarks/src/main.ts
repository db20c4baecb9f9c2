/**
 * Owns `npm run benchmarks`: arguments, signals, exit code, what is printed.
 * Must not know: any case.
 * Invariant: whatever ends the run, no process that it started is left, and what was measured in full is written.
 */
import { constants } from 'node:os'
import process from 'node:process'
import { chooseCases, fullName, HELP, parseArguments } from './arguments.ts'
import type { Arguments } from './arguments.ts'
import { CASES } from './catalogue.ts'
import { Children } from './children.ts'
import type { Case } from './context.ts'
import { describeEnvironment } from './environment.ts'
import { resultFile, writeResults } from './result-file.ts'
import { RESULTS_VERSION } from './results.ts'
import type { Results } from './results.ts'
import { caseText, environmentText } from './table.ts'
import { Toolchain } from './toolchain.ts'

const EXIT_NOTHING = 1
const EXIT_USAGE = 2

function wrong(message: string): number {
  process.stderr.write(`benchmarks: ${message}\nnpm run benchmarks -- --help lists everything\n`)
  return EXIT_USAGE
}

async function main(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args)
  if (parsed.kind === 'wrong') return wrong(parsed.message)
  if (parsed.kind === 'help' || parsed.kind === 'list') {
    process.stdout.write(parsed.kind === 'help' ? HELP : `${CASES.map(fullName).join('\n')}\n`)
    return 0
  }
  const { options } = parsed
  const chosen = chooseCases(CASES, options.words)
  if (typeof chosen === 'string') return wrong(chosen)
  let file: string
  try {
    file = resultFile(options.jsonFile, new Date())
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
  return await runCases(chosen, options, file)
}

async function runCases(chosen: readonly Case[], options: Arguments, file: string): Promise<number> {
  const children = new Children()
  const toolchain = new Toolchain(children)
  process.once('exit', () => toolchain.remove())
  const { rounds, seconds, connections, words } = options
  const environment = describeEnvironment(toolchain)
  const results: Results = {
    version: RESULTS_VERSION,
    environment,
    options: { rounds, seconds, connections, words: [...words] },
    interrupted: false,
    cases: [],
  }
  const finish = (): void => {
    writeResults(file, results)
    process.stderr.write(`results: ${file}\n`)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      // The children are killed when this process exits.
      results.interrupted = true
      progressLine('')
      process.stderr.write(
        `benchmarks: stopped by ${signal}; ${results.cases.length} of ${chosen.length} cases are done\n`,
      )
      finish()
      process.exit(128 + constants.signals[signal])
    })
  }
  process.stdout.write(`${environmentText(environment)}\n`)
  for (const one of chosen) {
    const progress = (text: string): void => progressLine(`${fullName(one)}, ${text}`)
    const result = await one.run({ options, children, toolchain, progress })
    results.cases.push(result)
    progressLine('')
    process.stdout.write(`${caseText(result)}\n`)
  }
  finish()
  return results.cases.some(({ series }) => series.length > 0) ? 0 : EXIT_NOTHING
}

/** One line that is rewritten in place; nothing where nobody watches. */
function progressLine(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

process.exitCode = await main(process.argv.slice(2))
