/**
 * Owns the one way to a configuration: the environment in, all of it or all problems with it out.
 * Must not know: the process, its environment, or what is done with the answer.
 * Invariant: a configuration is only given out when nothing at all is wrong with it.
 */
import { checkAdmin } from './admin-check.ts'
import { completeConfig, type Config, type Sources } from './config.ts'
import { readEnvironment } from './env-file.ts'
import type { Machine } from './machine.ts'
import { OPTIONS, type OptionValues } from './options.ts'
import { checkPairs } from './pair-checks.ts'
import type { Problem } from './problem.ts'
import { checkProxy } from './proxy-check.ts'
import { readOptions, type Environment, type ReadFile } from './read-options.ts'
import { checkTls } from './tls-checks.ts'
import { traceProblems } from '../trace/trace-settings.ts'
import { unknownNames } from './unknown-names.ts'

export type { Config, DescriptorListener, InternetListener, Listener, Sources } from './config.ts'
export type { Source } from './option.ts'
export type { Problem } from './problem.ts'

export type LoadedConfig =
  | {
      readonly ok: true
      readonly config: Config
      readonly sources: Sources
      /** The real environment over that of SHARDWIRE_ENV_FILE: what workers are started with. */
      readonly env: Environment
    }
  | {
      readonly ok: false
      readonly problems: readonly Problem[]
      /** With defaults for what is wrong: for telling more, never to run with. */
      readonly attempt: Config
      /** Names of the options that somebody has set, to a value with which nothing is wrong. */
      readonly sound: ReadonlySet<string>
    }

/**
 * The configuration that `environment` and the defaults for `machine` make.
 * @param files reads the file of SHARDWIRE_ENV_FILE, and those that NAME_FILE variables of secrets name
 */
export function loadConfig(environment: Environment, machine: Machine, files?: ReadFile): LoadedConfig {
  const { env, fromFile, problems: fileProblems } = readEnvironment(environment, files)
  const read = readOptions(OPTIONS, env, machine, files, fromFile)
  // The table is what both types are made of: readOptions gives every key of it a value of its row.
  const config = completeConfig(read.values as OptionValues, read.sources['idleTimeoutMs'] !== 'default')
  const sources = Object.freeze(read.sources) as Sources
  const bad = new Set(read.problems.map((problem) => problem.name))
  const unknown = unknownNames(OPTIONS, env)
  const rules = [checkTls, checkProxy, checkAdmin].flatMap((check) => check(config, bad))
  const pairs = [...checkPairs(config, sources, machine, bad), ...rules]
  const problems = [...fileProblems, ...read.problems, ...unknown, ...pairs, ...traceProblems(env)]
  if (problems.length === 0) return { ok: true, config, sources, env }
  return { ok: false, problems, attempt: config, sound: soundNames(sources, problems) }
}

function soundNames(sources: Sources, problems: readonly Problem[]): Set<string> {
  const wrong = new Set(problems.map(({ name }) => name))
  const rows = Object.entries(OPTIONS) as [keyof Config, (typeof OPTIONS)[keyof typeof OPTIONS]][]
  const set = rows.filter(([key]) => sources[key] !== 'default' && sources[key] !== 'computed')
  return new Set(set.map(([, { name }]) => name).filter((name) => !wrong.has(name)))
}
