/**
 * Owns what a command of the program is, and the way from its words to its values.
 * Must not know: any command in particular.
 * Invariant: a command never throws for what a user did: it says it, and gives an exit code.
 */
import type { Clock } from '@shardwire/protocol'

import { EXIT_ENVIRONMENT } from '../exit-codes.ts'
import { readConfigFile, readScenario } from '../options/config-file.ts'
import type { FlagTable, FlagValues } from '../options/flag.ts'
import { describeFlags, describeProblems, readFlags, splitArgs } from '../options/read-flags.ts'
import type { OptionProblem } from '../options/read-flags.ts'
import type { Outputs } from '../output.ts'

/** What a command is given beside its words. */
export interface CommandContext {
  readonly outputs: Outputs
  readonly clock: Clock
  /** Ends what is under way, early but with a report. */
  readonly signal: AbortSignal
}

export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly about: string
  /** What stands behind the name. */
  readonly usage: string
  readonly flags: FlagTable
  /** What its help says beside the flags. */
  readonly details: string
  /** @returns the exit code */
  readonly run: (args: readonly string[], context: CommandContext) => Promise<number>
}

export type Parsed<Table extends FlagTable> =
  | { readonly ok: true; readonly values: FlagValues<Table>; readonly positionals: readonly string[] }
  | { readonly ok: false; readonly problems: readonly OptionProblem[] }

export interface ParseRules<Table extends FlagTable> {
  /** What words without dashes are; undefined where there are none. */
  readonly positionals?: { readonly expected: string; readonly min: number; readonly max: number }
  /** What flags must be to each other. */
  readonly check?: (values: FlagValues<Table>) => readonly OptionProblem[]
}

/**
 * Reads the words behind a command, and the files that they name, all checked at once.
 * @throws EnvironmentError for a configuration file or scenario that cannot be read
 */
export function parseCommand<Table extends FlagTable>(
  name: string,
  table: Table,
  args: readonly string[],
  rules: ParseRules<Table> = {},
): Parsed<Table> {
  const written = splitArgs(name, table, args)
  const named = (flag: string): string | undefined => written.flags.get(flag)?.at(-1)
  const [config, scenario] = [named('config'), named('scenario')]
  const files = [
    ...(config === undefined ? [] : [readConfigFile(config)]),
    ...(scenario === undefined ? [] : [readScenario(scenario)]),
  ]
  const { values, positionals, problems } = readFlags(table, written, files)
  const all = [...problems, ...positionalProblems(positionals, rules)]
  const wrong = new Set(all.map((problem) => problem.name))
  for (const rule of rules.check?.(values) ?? []) if (!wrong.has(rule.name)) all.push(rule)
  return all.length > 0 ? { ok: false, problems: all } : { ok: true, values, positionals }
}

function positionalProblems<Table extends FlagTable>(
  words: readonly string[],
  { positionals }: ParseRules<Table>,
): OptionProblem[] {
  if (positionals === undefined) {
    return words.map((name) => ({ name, value: 'here', expected: 'flags only', example: '--quiet' }))
  }
  const { expected, min, max } = positionals
  if (words.length >= min && words.length <= max) return []
  const example = Array.from({ length: min }, (_, index) => `run-${index + 1}.json`).join(' ')
  return [{ name: 'the number of files', value: String(words.length), expected, example }]
}

/** Says what is wrong with the words of a command. @returns the exit code */
export function sayProblems(name: string, problems: readonly OptionProblem[], { outputs }: CommandContext): number {
  outputs.err.write(`shardwire-bench ${name}: wrong flags\n${describeProblems(problems)}`)
  return EXIT_ENVIRONMENT
}

/** The help of one command. */
export function helpOf({ name, about, usage, flags, details }: Command): string {
  const parts = [
    `shardwire-bench ${name}: ${about}`,
    `  shardwire-bench ${name} ${usage}`.trimEnd(),
    describeFlags(flags),
  ]
  return `${[...parts, details].filter((part) => part !== '').join('\n\n')}\n`
}
