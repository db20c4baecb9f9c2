/**
 * Owns the table of flags of `run`: the help text, the defaults and the messages about wrong values all come from it.
 * Must not know: how a value is used.
 * Invariant: every flag has an example that is itself valid.
 */

export interface RunFlag {
  readonly name: string
  /** Placeholder in the help; empty for a switch. */
  readonly value: string
  readonly fallback: string | undefined
  /** What a value must be. */
  readonly expected: string
  readonly example: string
  readonly help: string
}

function flag(
  name: string,
  value: string,
  fallback: string | undefined,
  expected: string,
  example: string,
  help: string,
): RunFlag {
  return { name, value, fallback, expected, example, help }
}

export const CONNECTIONS_MAX = 1_000_000
export const DEPTH_MAX = 65_536
export const PAYLOAD_BYTES_MAX = 16_777_216
export const DURATION_S_MAX = 86_400
export const WARMUP_S_MAX = 3600
export const PROCESSES_MAX = 256
/** Connections times depth: every frame in flight costs a load process twelve bytes. */
export const IN_FLIGHT_MAX = 16_777_216

const upTo = (first: string, last: number): string => `a whole number from ${first} to ${last}`

/** Where the daemon listens unless it is configured. */
const TARGET_DEFAULT = 'tcp://127.0.0.1:7400'

export const RUN_FLAGS: readonly RunFlag[] = [
  flag('target', 'URL', TARGET_DEFAULT, 'tcp://HOST:PORT', TARGET_DEFAULT, 'server under load'),
  flag('connections', 'N', '64', upTo('1', CONNECTIONS_MAX), '64', 'connections over all load processes'),
  flag('depth', 'N', '16', upTo('1', DEPTH_MAX), '16', 'frames that each connection keeps in flight'),
  flag('payload-bytes', 'N', '64', upTo('0', PAYLOAD_BYTES_MAX), '64', 'payload of a frame, the id not counted'),
  flag('duration-s', 'S', '10', `seconds from 0.05 to ${DURATION_S_MAX}`, '10', 'time measured'),
  flag('warmup-s', 'S', '1', `seconds from 0 to ${WARMUP_S_MAX}`, '1', 'load before it, not measured'),
  flag('processes', 'N', '1', upTo('1', PROCESSES_MAX), '2', 'load processes; each can fill one core'),
  flag('mode', 'MODE', 'message', 'message or request', 'message', 'MESSAGE and its echo, or REQUEST and RESPONSE'),
  flag('route', 'N', '1', upTo('1', 4095), '1', 'route that answers with the same bytes'),
  flag('percentile', 'P', '99', '50, 90, 99, 99.9 or 99.99', '99.9', 'percentile that must have samples enough'),
  flag('json', 'FILE', undefined, 'a file name, or - for standard output', 'run.json', 'write the report as JSON'),
  flag('quiet', '', undefined, 'no value', '--quiet', 'no progress, only the report'),
]

/** The lines of the help that describe the flags. */
export function describeFlags(): string {
  const lines = RUN_FLAGS.map(({ name, value, fallback, help }) => {
    const left = `  --${name}${value === '' ? '' : ` ${value}`}`
    const right = fallback === undefined ? help : `${help} (${fallback})`
    return `${left.padEnd(24)}${right}`
  })
  return lines.join('\n')
}
