/**
 * Owns the way from options in code to a configuration: the same table, checks and words as for the environment.
 * Must not know: what is done with the configuration.
 * Invariant: what is wrong is said all at once, under the names that the caller wrote; no variable is read.
 */
import { closestName } from '../config/closest-name.ts'
import { formatProblems } from '../config/format.ts'
import { type Config, loadConfig } from '../config/load-config.ts'
import type { Machine } from '../config/machine.ts'
import { OPTIONS, type OptionValues } from '../config/options.ts'
import type { Problem } from '../config/problem.ts'
import { printable } from '../config/problem.ts'
import type { ReadFile } from '../config/read-options.ts'

/** Options that say how the daemon's processes work together: here there is one, and it is the caller's. */
const DAEMON_ONLY = [
  'envFile',
  'admin',
  'workers',
  'accept',
  'placement',
  'service',
  'watchdogMs',
  'semiSpaceMb',
] as const satisfies readonly (keyof OptionValues)[]
type DaemonOnly = (typeof DAEMON_ONLY)[number]

type Embeddable = Exclude<keyof OptionValues, DaemonOnly | 'listen'>

/** As a variable would hold it, or as what it means. */
type ValueOf<T> = string extends T ? string : [T] extends [number | boolean | string] ? T : string

/** The options of docs/configuration.md, each under the name of its variable in camelCase. */
export type ServerOptions = {
  /** Where to listen, as in SHARDWIRE_LISTEN; `tcp://127.0.0.1:0` unless set: a free port. */
  readonly listen?: string | readonly string[] | undefined
} & { readonly [Key in Embeddable]?: ValueOf<OptionValues[Key]> | undefined }

const DEFAULT_LISTEN = 'tcp://127.0.0.1:0'
const PREFIX = 'SHARDWIRE_'

/** @throws TypeError that lists every problem */
export function configFrom(options: ServerOptions, machine: Machine, readFile: ReadFile): Config {
  const unknown = Object.keys(options).flatMap(unknownFault)
  // As a variable that is empty: one that is not set.
  const listen = String(options.listen ?? '') === '' ? DEFAULT_LISTEN : options.listen
  const set = Object.entries({ ...options, listen }).filter(([key, value]) => value !== undefined && isOption(key))
  const env = Object.fromEntries(set.map(([key, value]) => [nameOf(key as keyof OptionValues), String(value)]))
  const loaded = loadConfig({ ...env, [OPTIONS.workers.name]: '1' }, machine, readFile)
  const told = loaded.ok ? [] : loaded.problems.map(inCode)
  const types = typeProblems(set, loaded.ok ? loaded.config : loaded.attempt)
  const problems = [...told, ...types.filter((problem) => told.every(({ name }) => name !== problem.name))]
  if (problems.length > 0) unknown.push(formatProblems(problems))
  if (unknown.length > 0 || !loaded.ok) throw new TypeError(unknown.join('\n'))
  return loaded.config
}

/** Texts in the place of numbers and switches: a variable has nothing else, code has. */
function typeProblems(set: readonly (readonly [string, unknown])[], config: Config): Problem[] {
  return set.flatMap(([name, value]) => {
    const meant: unknown = config[name as keyof OptionValues]
    const wanted = typeof meant
    if (typeof value === wanted || (wanted !== 'number' && wanted !== 'boolean')) return []
    const expected = wanted === 'number' ? 'a number' : 'true or false'
    const shown = printable(JSON.stringify(value) ?? String(value))
    const message = `${name} is ${shown}, of type ${typeof value}`
    return [{ name, value: shown, expected, example: `${name}: ${String(meant)}`, message }]
  })
}

function isOption(key: string): key is keyof OptionValues {
  return Object.hasOwn(OPTIONS, key) && !DAEMON_ONLY.some((only) => only === key)
}

function nameOf(key: keyof OptionValues): string {
  return OPTIONS[key].name
}

function unknownFault(key: string): string[] {
  if (DAEMON_ONLY.some((only) => only === key)) {
    const text = 'is about processes of the daemon, and createServer has none: leave it out, or run `shardwire`'
    return [`${key} ${text}`]
  }
  if (Object.hasOwn(OPTIONS, key)) return []
  const known = Object.keys(OPTIONS).filter((other) => !DAEMON_ONLY.some((only) => only === other))
  const closest = closestName(key, known)
  const hint = closest === undefined ? 'docs/configuration.md has all of them' : `did you mean ${closest}?`
  return [`there is no option ${printable(key)}; ${hint}`]
}

/** The same problem, with the names of options in the place of those of variables. */
function inCode({ name, value, expected, example, message }: Problem): Problem {
  const [exampleName = '', ...rest] = example.split('=')
  return {
    name: keyed(name),
    value,
    expected: keyed(expected),
    example: `${keyed(exampleName)}: ${literal(rest.join('='))}`,
    message: keyed(message),
  }
}

/** As it would be written in code. */
function literal(text: string): string {
  return /^(\d+(\.\d+)?|true|false)$/.test(text) ? text : `'${text}'`
}

const KEYS_BY_NAME = new Map<string, string>(Object.entries(OPTIONS).map(([key, { name }]) => [name, key]))

/** A text about options, with their names in code. */
export function keyed(text: string): string {
  return text.replace(new RegExp(`${PREFIX}[A-Z0-9_]+`, 'g'), (name) => KEYS_BY_NAME.get(name) ?? name)
}
