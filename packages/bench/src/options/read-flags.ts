/**
 * Owns the way from the words behind a command, and from its file, to the values of its flags, all checked at once.
 * Must not know: what values are used for.
 * Invariant: values that come out are complete and in range; otherwise every problem there is comes out. A word of the
 * command line outweighs the file, the file outweighs the default.
 */
import { parseArgs } from 'node:util'

import { writtenName } from './flag.ts'
import type { FlagTable, FlagValues } from './flag.ts'

export interface OptionProblem {
  /** As it was written, with its dashes. */
  readonly name: string
  readonly value: string
  readonly expected: string
  readonly example: string
}

/** What a file says of the flags, by their written names. */
export interface FileFlags {
  readonly file: string
  readonly flags: ReadonlyMap<string, readonly string[]>
}

export interface ReadFlags<Table extends FlagTable> {
  /** Where there is a problem, harmless ones. */
  readonly values: FlagValues<Table>
  readonly positionals: readonly string[]
  readonly problems: readonly OptionProblem[]
}

/** What was written on the command line, flag by flag, in their written names. */
export interface WrittenFlags {
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly positionals: readonly string[]
  readonly problems: readonly OptionProblem[]
}

export function splitArgs(command: string, table: FlagTable, args: readonly string[]): WrittenFlags {
  const byName = new Map(Object.entries(table).map(([name, flag]) => [writtenName(name), flag]))
  const options = Object.fromEntries([...byName].map(([name, { value }]) => [name, { type: typeOf(value) }]))
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true })
  const flags = new Map<string, string[]>()
  const positionals: string[] = []
  const problems: OptionProblem[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const flag = byName.get(token.name)
    const { rawName: name, value } = token
    if (flag === undefined) {
      problems.push({ name, value: 'unknown', expected: `a flag of ${command}`, example: 'those that --help shows' })
    } else if (flag.value === '' && value !== undefined) {
      problems.push({ name, value, expected: flag.expected, example: flag.example })
    } else if (flag.value !== '' && value === undefined) {
      problems.push({ name, value: 'empty', expected: flag.expected, example: flag.example })
    } else flags.set(token.name, [...(flags.get(token.name) ?? []), value ?? 'true'])
  }
  return { flags, positionals, problems }
}

/** @param files what files say, the strongest first */
export function readFlags<Table extends FlagTable>(
  table: Table,
  written: WrittenFlags,
  files: readonly FileFlags[],
): ReadFlags<Table> {
  const problems = [...written.problems]
  const values: Record<string, unknown> = {}
  for (const [name, flag] of Object.entries(table)) {
    const dashed = writtenName(name)
    const source = sourceOf(dashed, written, files)
    const read = flag.read(source.texts) ?? (source.problem(), flag.read([flag.example]))
    values[name] = read?.value
  }
  for (const { file, flags } of files) {
    for (const [name, texts] of flags) {
      if (Object.keys(table).some((one) => writtenName(one) === name)) continue
      const value = texts.join(', ')
      problems.push({ name: `${name} in ${file}`, value, expected: 'a name that is a flag', example: 'depth' })
    }
  }
  return { values: values as FlagValues<Table>, positionals: written.positionals, problems }

  function sourceOf(
    name: string,
    { flags }: WrittenFlags,
    others: readonly FileFlags[],
  ): { readonly texts: readonly string[]; readonly problem: () => void } {
    const texts = flags.get(name)
    const file = texts === undefined ? others.find((other) => other.flags.has(name)) : undefined
    const found = texts ?? file?.flags.get(name) ?? []
    const where = file === undefined ? `--${name}` : `${name} in ${file.file}`
    return { texts: found, problem: () => problems.push(problemOf(table, name, where, found)) }
  }
}

function problemOf(table: FlagTable, name: string, where: string, texts: readonly string[]): OptionProblem {
  const flag = Object.entries(table).find(([one]) => writtenName(one) === name)?.[1]
  const value = texts.length === 0 ? 'missing' : texts.join(', ')
  return { name: where, value, expected: flag?.expected ?? '', example: exampleOf(table, name) }
}

/** How a flag is written with its example. */
export function exampleOf(table: FlagTable, name: string): string {
  const flag = Object.entries(table).find(([one]) => writtenName(one) === name)?.[1]
  return `--${name} ${flag?.example ?? ''}`
}

/** One line for every problem: name, value, what was expected, an example. */
export function describeProblems(problems: readonly OptionProblem[]): string {
  return problems
    .map(
      ({ name, value, expected, example }) => `  ${name} is ${value}: expected ${expected}, for example ${example}\n`,
    )
    .join('')
}

/** The lines of the help that describe the flags. */
export function describeFlags(table: FlagTable): string {
  const lines = Object.entries(table).map(([name, { value, fallback, help }]) => {
    const left = `  --${writtenName(name)}${value === '' ? '' : ` ${value}`}`
    const right = fallback === undefined ? help : `${help} (${fallback})`
    return left.length > 24 ? `${left}\n${' '.repeat(26)}${right}` : `${left.padEnd(26)}${right}`
  })
  return lines.join('\n')
}

function typeOf(value: string): 'string' | 'boolean' {
  return value === '' ? 'boolean' : 'string'
}
