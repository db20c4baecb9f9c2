/** Owns the machines that the configuration tests run on, so that none of them depends on the one they run on. */
import { loadConfig, type Config, type Problem } from '../../src/config/load-config.ts'
import type { Machine } from '../../src/config/machine.ts'
import type { Environment } from '../../src/config/read-options.ts'

export const GIB = 1024 ** 3

export const MACHINE: Machine = { cores: 4, memoryBytes: 8 * GIB, descriptorLimit: 65_536 }

/** The configuration; throws with the problems when there are any. */
export function configOf(env: Environment, machine = MACHINE): Config {
  const loaded = loadConfig(env, machine)
  if (!loaded.ok) throw new Error(loaded.problems.map((problem) => problem.message).join('\n'))
  return loaded.config
}

/** The problems; none when it loads. */
export function problemsOf(env: Environment, machine = MACHINE): readonly Problem[] {
  const loaded = loadConfig(env, machine)
  return loaded.ok ? [] : loaded.problems
}

/** What the problems say, without the rest. */
export function messagesOf(env: Environment, machine = MACHINE): readonly string[] {
  return problemsOf(env, machine).map((problem) => problem.message)
}
