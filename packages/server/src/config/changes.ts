/**
 * Owns what differs between two configurations, and which of it cannot take effect without a restart.
 * Must not know: how a reload is done.
 * Invariant: what `needsRestart` the primary made something of that it cannot make anew: bound sockets, slots.
 */
import type { Config } from './config.ts'
import { formatValueOf } from './format.ts'
import { OWN_PARAMETERS } from './listen-parameters.ts'
import type { Option } from './option.ts'
import { OPTIONS } from './options.ts'
import type { Problem } from './problem.ts'

export interface Changes {
  /** Names of the options whose value is another. */
  readonly names: readonly string[]
  /** One for each that needs a restart. */
  readonly problems: readonly Problem[]
}

export function changesBetween(before: Config, after: Config): Changes {
  const rows = Object.entries<Option<unknown>>(OPTIONS) as [keyof Config, Option<unknown>][]
  const changed = rows.filter(([key]) => !isSame(before[key], after[key]))
  const fixed = changed.filter(([key, { needsRestart }]) => {
    return needsRestart === true && !isSame(boundPart(before, key), boundPart(after, key))
  })
  return {
    names: changed.map(([, { name }]) => name),
    problems: fixed.map(([key, { name }]) =>
      restartProblem(name, formatValueOf(before, key), formatValueOf(after, key)),
    ),
  }
}

/** Of an address it is the place alone: its limits are for new workers to obey, and a bound socket takes others. */
function boundPart(config: Config, key: keyof Config): unknown {
  if (key !== 'listen') return config[key]
  const without = Object.fromEntries(Object.keys(OWN_PARAMETERS).map((option) => [option, null]))
  return config.listen.map((listener) => ({ ...listener, ...without }))
}

/** They are plain data. */
function isSame(before: unknown, after: unknown): boolean {
  return JSON.stringify(before) === JSON.stringify(after)
}

function restartProblem(name: string, before: string, after: string): Problem {
  return {
    name,
    value: after,
    expected: `what it was at the start: ${before}`,
    example: `${name}=${before}`,
    message: `${name} is ${after} now and was ${before} at the start: needs a restart`,
  }
}
