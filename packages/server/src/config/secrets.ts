/**
 * Owns keeping secrets out of what is logged, shown, or given to other processes.
 * Must not know: which options are secret: their rows say.
 */
import type { Config } from './config.ts'
import type { Option } from './option.ts'
import { OPTIONS } from './options.ts'
import type { Environment } from './read-options.ts'

const SECRETS = Object.entries<Option<unknown>>(OPTIONS).filter(([, { secret }]) => secret === true)
const NAMES: ReadonlySet<string> = new Set(SECRETS.map(([, { name }]) => name))

/** The configuration with null for each secret. */
export function withoutSecrets(config: Config): Config {
  return { ...config, ...Object.fromEntries(SECRETS.map(([key]) => [key, null])) }
}

/** The environment without the variables that hold a secret themselves. */
export function withoutSecretNames(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !NAMES.has(name)))
}
