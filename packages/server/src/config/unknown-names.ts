/**
 * Owns what becomes of variables with our prefix that no row has: a problem, unless a container platform set them.
 * Must not know: how values are parsed.
 * Invariant: the value of an unknown variable is never shown, since it may be a misspelled secret.
 */
import { closestName } from './closest-name.ts'
import { ENV_FILE_NAME } from './env-file.ts'
import type { OptionName, OptionTable } from './option.ts'
import { NOT_SHOWN, printable, type Problem } from './problem.ts'
import type { Environment } from './read-options.ts'

const PREFIX = 'SHARDWIRE_'

/** What people coming from other servers write. */
const ELSEWHERE: Readonly<Record<string, OptionName>> = {
  SHARDWIRE_ADDRESS: 'SHARDWIRE_LISTEN',
  SHARDWIRE_BIND: 'SHARDWIRE_LISTEN',
  SHARDWIRE_HOST: 'SHARDWIRE_LISTEN',
  SHARDWIRE_PORT: 'SHARDWIRE_LISTEN',
}

const SERVICE_NAME = /^SHARDWIRE(_[A-Z0-9_]+)?_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/
const PORT_NAME = /^SHARDWIRE(_[A-Z0-9_]+)?_PORT$/
/** Links add START and END where they publish a range of ports. */
const PORT_DETAIL = /^SHARDWIRE(_[A-Z0-9_]+)?_PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_ADDR|_PORT|(_PORT)?_(START|END))?$/

/** One problem for each variable with our prefix that has no effect, in the order of their names. */
export function unknownNames(table: OptionTable, env: Environment): readonly Problem[] {
  const known = new Set(Object.values(table).flatMap(namesOf))
  return Object.entries(env)
    .filter(([name, value]) => name.startsWith(PREFIX) && value !== undefined && !known.has(name))
    .filter(([name]) => !isInjected(name, env))
    .map(([name]) => unknownProblem(table, name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * Whether Kubernetes injected it for a Service called shardwire or shardwire-x, or a container link under that alias.
 * The `_PORT` of both is a URL: SHARDWIRE_PORT=7400 is somebody's mistake and not ignored.
 */
export function isInjected(name: string, env: Environment): boolean {
  if (SERVICE_NAME.test(name) || PORT_DETAIL.test(name)) return true
  if (PORT_NAME.test(name)) return /^(tcp|udp|sctp):\/\//.test(env[name] ?? '')
  const linked = /^\/.+\//.test(env['SHARDWIRE_NAME'] ?? '')
  return linked && (name === 'SHARDWIRE_NAME' || (name.startsWith('SHARDWIRE_ENV_') && name !== ENV_FILE_NAME))
}

function namesOf({ name, secret }: OptionTable[string]): readonly string[] {
  return secret === true ? [name, `${name}_FILE`] : [name]
}

function unknownProblem(table: OptionTable, written: string): Problem {
  const rows = Object.values(table)
  const near = nearestName(written, rows.flatMap(namesOf))
  const example = rows.find((row) => row.name === near) ?? rows[0]
  const name = printable(written)
  const advice = near === undefined ? '' : `: did you mean ${near}?`
  return {
    name,
    value: NOT_SHOWN,
    expected: near ?? 'a name that `shardwire config` lists',
    example: example === undefined ? '' : `${example.name}=${example.example}`,
    message: `${name} is not an option of this version${advice}`,
  }
}

/** Compared without the prefix, which all have in common. */
function nearestName(written: string, names: readonly string[]): string | undefined {
  const elsewhere = ELSEWHERE[written]
  if (elsewhere !== undefined) return elsewhere
  const near = closestName(
    written.slice(PREFIX.length),
    names.map((name) => name.slice(PREFIX.length)),
  )
  return near === undefined ? undefined : PREFIX + near
}
