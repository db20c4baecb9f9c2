/**
 * Owns the command line: which command, its help, what becomes of what it throws.
 * Must not know: signals, the process it runs in.
 * Invariant: never throws; whatever happens becomes a message and an exit code.
 */
import { systemClock } from './clock.ts'
import { helpOf } from './commands/command.ts'
import type { Command } from './commands/command.ts'
import { capacityCommand } from './commands/capacity-command.ts'
import { compareCommand } from './commands/compare-command.ts'
import { ladderCommand } from './commands/ladder-command.ts'
import { mergeCommand } from './commands/merge-command.ts'
import { preflightCommand } from './commands/preflight-command.ts'
import { reportCommand } from './commands/report-command.ts'
import { runCommand } from './commands/run-command.ts'
import { scaleCommand } from './commands/scale-command.ts'
import { EnvironmentError, EXIT_ENVIRONMENT, EXIT_PASS } from './exit-codes.ts'
import type { Outputs } from './output.ts'
import { benchVersion } from './version.ts'

/** In the order in which they are listed. */
export const COMMANDS: readonly Command[] = [
  runCommand,
  capacityCommand,
  scaleCommand,
  ladderCommand,
  preflightCommand,
  compareCommand,
  mergeCommand,
  reportCommand,
]

const HELP_HEAD = 'shardwire-bench: puts a server that echoes under load, and tells the truth about it'
const HELP_TAIL = `verdict, at the end of every report of a load:
  VALID    every frame was answered rightly, and the generator was not the limit
  SUSPECT  the numbers may be those of the generator, are bounds, or rest on too few samples; the reasons say which
  INVALID  do not use the numbers: wrong or missing answers, lost connections, a generator that stood still or was late,
           or a run cut short

With --json - standard output is the JSON report alone; progress and table go to standard error. Through npm say
\`npm run --silent bench -- run --json -\`: without --silent npm prints two lines of its own first.

exit codes: 0 pass (VALID or SUSPECT), 1 an objective was missed, 2 INVALID, 3 nothing could be measured
(flags, no server, limits of the system, a file for the report that cannot be written)
`

function help(): string {
  const commands = COMMANDS.map(({ name, about }) => `  ${name.padEnd(12)}${about}`)
  return [HELP_HEAD, '', ...commands, '', 'shardwire-bench COMMAND --help tells its flags.', '', HELP_TAIL].join('\n')
}

/** @returns the exit code */
export async function runCli(args: readonly string[], outputs: Outputs, signal: AbortSignal): Promise<number> {
  const [name = '', ...rest] = args
  const command = COMMANDS.find((one) => one.name === name)
  if (args.includes('--version')) return say(outputs, `${benchVersion()}\n`)
  if (command !== undefined && rest.includes('--help')) return say(outputs, helpOf(command))
  if (args.includes('--help') || name === 'help') return say(outputs, help())
  if (command === undefined) return refuse(name, outputs)
  try {
    return await command.run(rest, { outputs, signal, clock: systemClock })
  } catch (error) {
    outputs.err.write(`shardwire-bench ${command.name}: ${inWords(error)}\n`)
    return EXIT_ENVIRONMENT
  }
}

function refuse(name: string, { err }: Outputs): number {
  const names = COMMANDS.map((command) => command.name)
  const expected = names.length === 1 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
  const what = name === '' ? 'a command is missing' : `there is no command ${name}`
  const example = 'run --connections 64 --duration-s 5'
  err.write(`shardwire-bench: ${what}: expected ${expected}, for example ${example}\n`)
  return EXIT_ENVIRONMENT
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
