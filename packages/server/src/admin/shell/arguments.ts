/**
 * Owns the arguments of the commands that ask a daemon.
 * Must not know: what commands do.
 * Invariant: what is not understood is told with what is.
 */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { closestName } from '../../config/closest-name.ts'
import { EXIT_USAGE, ShellError } from './client.ts'

/** Options that every one of them takes. */
const COMMON = {
  admin: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig

/** Somebody asks how a command is used. */
export class UsageWanted extends Error {
  override readonly name = 'UsageWanted'
}

export interface Parsed {
  /** By name; true for a switch. */
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  readonly positionals: readonly string[]
}

/** @param usage shown with what is wrong @throws ShellError */
export function parse(args: readonly string[], options: ParseArgsOptionsConfig, usage: string): Parsed {
  const known = { ...COMMON, ...options }
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: known,
      allowPositionals: true,
    })
    if (values['help'] === true) throw new UsageWanted(usage)
    return { values: values as Parsed['values'], positionals }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new ShellError(EXIT_USAGE, `${problemOf(error, Object.keys(known))}\nUsage: ${usage}`)
  }
}

/** What is wrong, of an option that there is not in our words: Node's advice is about arguments that begin so. */
function problemOf(error: TypeError, known: readonly string[]): string {
  const { message } = error
  const isUnknown = 'code' in error && error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION'
  const name = isUnknown ? /^Unknown option '(-+)(.+?)'\./.exec(message) : null
  if (name === null) return message
  const [, dashes = '', word = ''] = name
  const closest = closestName(word, known)
  return `there is no option ${dashes}${word}${closest === undefined ? '' : `; did you mean --${closest}?`}`
}

/** The text of an option; undefined where it was not given. */
export function textOf({ values }: Parsed, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

export function isSet({ values }: Parsed, name: string): boolean {
  return values[name] === true
}

/** A whole number above 0. @throws ShellError */
export function numberOf(parsed: Parsed, name: string, standard: number): number {
  const text = textOf(parsed, name)
  if (text === undefined) return standard
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new ShellError(EXIT_USAGE, `--${name} is ${JSON.stringify(text)}: expected a whole number above 0`)
}
