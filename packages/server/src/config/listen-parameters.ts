/**
 * Owns the parameters of a listen address: `?codec=frame&heartbeat-ms=5000&nodelay=false`.
 * Must not know: hosts, paths, the values of other options, what a codec is.
 * Invariant: an option that an address sets is read by the very kind of the row that it stands in for.
 */
import { closestName } from './closest-name.ts'
import { CODEC_PARAMETERS, type CodecSettings, hasPing, isCodecParameter, parseCodec } from './codec-parameters.ts'
import { quote } from './problem.ts'
import type { Fault, Kind, Parsed } from './value-kinds.ts'

/** Options that a listener may have of its own. */
export interface ListenerOptions {
  readonly heartbeatMs: number
  readonly idleTimeoutMs: number
  readonly maxFrameBytes: number
  readonly backlog: number
  readonly nodelay: boolean
  readonly keepaliveMs: number
  readonly keepaliveIntervalMs: number
  readonly keepaliveProbes: number
}

/** What a listener's own options accept: the same as the rows they stand in for. */
export type ListenerKinds = { readonly [Key in keyof ListenerOptions]: Kind<ListenerOptions[Key]> }

/** What an address sets beside its place. */
export interface ListenerParameters {
  readonly own: Partial<ListenerOptions>
  /** Permissions of a Unix socket. */
  readonly mode: number | undefined
  /** What is spoken on it. */
  readonly codec: CodecSettings
}

/** Parameters of an address, by the options that they set. */
export const OWN_PARAMETERS: { readonly [Key in keyof ListenerOptions]: string } = {
  heartbeatMs: 'heartbeat-ms',
  idleTimeoutMs: 'idle-timeout-ms',
  maxFrameBytes: 'max-frame-bytes',
  backlog: 'backlog',
  nodelay: 'nodelay',
  keepaliveMs: 'keepalive-ms',
  keepaliveIntervalMs: 'keepalive-interval-ms',
  keepaliveProbes: 'keepalive-probes',
}

/** What only TCP knows. */
export const TCP_OPTIONS: readonly (keyof ListenerOptions)[] = [
  'nodelay',
  'keepaliveMs',
  'keepaliveIntervalMs',
  'keepaliveProbes',
]

const OTHER_PARAMETERS = [...CODEC_PARAMETERS, 'mode']
const MODE_EXPECTED = 'mode: three octal digits, with or without a 0 before them, as chmod takes them: 0660'
const OPTION_KEYS = Object.keys(OWN_PARAMETERS) as readonly (keyof ListenerOptions)[]

/** Makes the fault of a whole address of a complaint. */
type Complain = (complaint: string) => Fault

type MutableOptions = { -readonly [Key in keyof ListenerOptions]?: ListenerOptions[Key] }

export interface ParametersParsed extends ListenerParameters {
  readonly faults: readonly Fault[]
}

/** @param isUnix whether the address is a Unix socket, which has other parameters than TCP */
export function parseParameters(
  query: string,
  kinds: ListenerKinds,
  isUnix: boolean,
  complain: Complain,
): ParametersParsed {
  const own: MutableOptions = {}
  const faults: Fault[] = []
  const seen = new Set<string>()
  let mode: number | undefined
  const { settings: codec, complaints } = parseCodec(query)
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) faults.push(complain(`sets ${name} twice`))
    seen.add(name)
    const key = OPTION_KEYS.find((option) => OWN_PARAMETERS[option] === name)
    if (key !== undefined && isUnix && TCP_OPTIONS.includes(key)) {
      faults.push(complain(`sets ${name}, which a Unix socket does not have`))
    } else if (key === 'heartbeatMs' && !hasPing(codec.codec)) {
      faults.push(complain(`sets ${name}, which codec=${codec.codec} does not have: it has no PING`))
    } else if (key !== undefined) faults.push(...setOption(own, key, kinds[key].parse(value), complain))
    else if (name === 'mode' && isUnix) {
      mode = parseMode(value)
      if (mode === undefined) faults.push(modeFault(value, complain))
    } else if (!isCodecParameter(name)) faults.push(...otherFaults(name, complain))
  }
  return { own, mode, codec, faults: [...faults, ...complaints.map(complain)] }
}

function setOption(
  own: MutableOptions,
  key: keyof ListenerOptions,
  parsed: Parsed<number | boolean>,
  complain: Complain,
): readonly Fault[] {
  if (parsed.ok) {
    Object.assign(own, { [key]: parsed.value })
    return []
  }
  const name = OWN_PARAMETERS[key]
  return parsed.faults.map(({ value, complaint, expected }) => {
    return { ...complain(`has ${name}=${quote(value)}, which ${complaint}`), expected: `${name}: ${expected}` }
  })
}

/** A mode that nobody may connect with, or that lets in everybody, is still one. */
function parseMode(value: string): number | undefined {
  return /^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined
}

function modeFault(value: string, complain: Complain): Fault {
  return { ...complain(`has mode=${quote(value)}, which is no mode of three octal digits`), expected: MODE_EXPECTED }
}

/** What is wrong with a parameter that there is not. */
function otherFaults(name: string, complain: Complain): readonly Fault[] {
  if (name === 'mode') return [complain('sets mode, which only a Unix socket has')]
  const near = closestName(name, [...OTHER_PARAMETERS, ...Object.values(OWN_PARAMETERS)])
  const advice = near === undefined ? '' : `: did you mean ${near}?`
  return [complain(`has an unknown parameter ${quote(name)}${advice}`)]
}
