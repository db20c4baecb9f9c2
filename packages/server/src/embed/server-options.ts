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
  if (unknown.length > 0) throw new TypeError(unknown.join('\n'))
  // As a variable that is empty: one that is not set.
  const listen = String(options.listen ?? '') === '' ? DEFAULT_LISTEN : options.listen
  const set = Object.entries({ ...options, listen }).filter(([, value]) => value !== undefined)
  const env = Object.fromEntries(set.map(([key, value]) => [nameOf(key as keyof OptionValues), String(value)]))
  const loaded = loadConfig({ ...env, [OPTIONS.workers.name]: '1' }, machine, readFile)
  if (!loaded.ok) throw new TypeError(formatProblems(loaded.problems.map(inCode)))
  return loaded.config
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

function keyed(text: string): string {
  return text.replace(new RegExp(`${PREFIX}[A-Z0-9_]+`, 'g'), (name) => KEYS_BY_NAME.get(name) ?? name)
}
