/**
 * Owns the way from an environment and a table to one value per row: set, from a file, or the default.
 * Must not know: which rows there are, or what their values mean to each other.
 * Invariant: every row gets a value, the default where its own is bad, so that later checks can go on and report more.
 */
import type { Machine } from './machine.ts'
import type { Option, OptionTable, Source } from './option.ts'
import { NOT_SHOWN, printable, quote, type Problem } from './problem.ts'
import type { Fault } from './value-kinds.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The text of the file at `path`; throws when it cannot be read. */
export type ReadFile = (path: string) => string

export interface OptionsRead {
  readonly values: Readonly<Record<string, unknown>>
  readonly sources: Readonly<Record<string, Source>>
  readonly problems: readonly Problem[]
}

/** A text that was set, and by what; or why there is none. */
type Given = { readonly text: string; readonly source: Source } | { readonly problem: Problem } | undefined

/**
 * @param readFile reads the files that NAME_FILE variables of secrets name
 * @param fromFile names that are in `env` by the file of SHARDWIRE_ENV_FILE
 */
export function readOptions(
  table: OptionTable,
  env: Environment,
  machine: Machine,
  readFile?: ReadFile,
  fromFile?: ReadonlySet<string>,
): OptionsRead {
  const values: Record<string, unknown> = {}
  const sources: Record<string, Source> = {}
  const problems: Problem[] = []
  for (const [key, option] of Object.entries(table)) {
    const read = readOption(option, given(option, env, readFile))
    values[key] = read.ok ? read.value : option.fallback.of(machine, values)
    sources[key] = read.ok ? sourceOf(read.source, fromFile?.has(option.name)) : option.fallback.source
    if (!read.ok) problems.push(...read.problems)
  }
  return { values, sources, problems }
}

function sourceOf(source: Source, isOfEnvFile = false): Source {
  return source === 'environment' && isOfEnvFile ? 'env file' : source
}

/** Whether a variable is set: an empty one, or one of blanks, is not. */
export function isSet(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== ''
}

/** A value, or that the default is to be taken; without problems when nothing was set. */
type ValueRead =
  | { readonly ok: true; readonly value: unknown; readonly source: Source }
  | { readonly ok: false; readonly problems: readonly Problem[] }

function readOption(option: Option<unknown>, text: Given): ValueRead {
  if (text === undefined) return { ok: false, problems: [] }
  if ('problem' in text) return { ok: false, problems: [text.problem] }
  const parsed = option.kind.parse(text.text)
  if (parsed.ok) return { ok: true, value: parsed.value, source: text.source }
  return { ok: false, problems: parsed.faults.map((fault) => faultProblem(option, fault)) }
}

function given(option: Option<unknown>, env: Environment, readFile: ReadFile | undefined): Given {
  const text = env[option.name]
  const path = option.secret === true ? env[`${option.name}_FILE`] : undefined
  if (isSet(text) && isSet(path)) return { problem: setTwiceProblem(option, path) }
  // A secret is taken as it is: blanks may be part of it.
  if (isSet(text)) return { text: option.secret === true ? text : text.trim(), source: 'environment' }
  return isSet(path) ? secretFromFile(option, path, readFile) : undefined
}

function secretFromFile(option: Option<unknown>, path: string, readFile: ReadFile | undefined): Given {
  try {
    const text = readFile?.(path).replace(/\r?\n$/, '')
    return isSet(text) ? { text, source: 'file' } : { problem: fileProblem(option, path, 'is empty') }
  } catch (error) {
    // Only the code: some messages of the system quote what was read.
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    return { problem: fileProblem(option, path, `cannot be read${code}`) }
  }
}

function faultProblem({ name, example, secret }: Option<unknown>, fault: Fault): Problem {
  const { expected } = fault
  const value = secret === true ? NOT_SHOWN : quote(fault.value)
  const complaint = secret === true ? `is not ${expected}` : fault.complaint
  const message = printable(`${name} is ${value}, which ${complaint}`)
  return { name, value, expected, example: `${name}=${example}`, message }
}

function fileProblem(option: Option<unknown>, path: string, complaint: string): Problem {
  const name = `${option.name}_FILE`
  const value = quote(path)
  const expected = `the path of a file that holds ${option.kind.expected}`
  const example = `${name}=/run/secrets/${option.name.toLowerCase()}`
  return { name, value, expected, example, message: `${name} is ${value}, which ${complaint}` }
}

function setTwiceProblem(option: Option<unknown>, path: string): Problem {
  const problem = fileProblem(option, path, `is set together with ${option.name}: only one of them may be`)
  return { ...problem, expected: `either ${option.name} or ${option.name}_FILE` }
}
