/**
 * Owns what differs between two configurations, and which of it cannot take effect without a restart.
 * Must not know: how a reload is done.
 * Invariant: an option of the table that `needsRestart` is held by the primary: sockets that are bound, slots.
 */
import type { Config } from './config.ts'
import { formatValueOf } from './format.ts'
import type { Option } from './option.ts'
import { OPTIONS } from './options.ts'
import type { Problem } from './problem.ts'

const SOCKET_OPTIONS = ['backlog', 'nodelay', 'keepaliveMs', 'keepaliveIntervalMs', 'keepaliveProbes'] as const

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

/** The limits of an address are for the workers to obey; its socket, and what is set on it, is the primary's. */
function boundPart(config: Config, key: keyof Config): unknown {
  if (key !== 'listen') return config[key]
  return config.listen.map((listener) => {
    const limits = { heartbeatMs: 0, idleTimeoutMs: 0, maxFrameBytes: 0 }
    // What it does not set itself is the option of that name, and told under it.
    const inherited = SOCKET_OPTIONS.filter((option) => listener[option] === config[option])
    return { ...listener, ...limits, ...Object.fromEntries(inherited.map((option) => [option, null])) }
  })
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
