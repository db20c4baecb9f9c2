/**
 * Owns the text of SHARDWIRE_LISTEN: `tcp://host:port?codec=frame&heartbeat-ms=5000`, several with commas between.
 * Must not know: the values of other options, or how a listener is opened.
 * Invariant: what comes out has only schemes, codecs and options that this version has; all that is wrong is reported
 * at once, each with the address it is in.
 */
import { closestName } from './closest-name.ts'
import { formatHostAndPort, parseHostAndPort, type HostAndPort } from './host.ts'
import { quote } from './problem.ts'
import type { Fault, Kind, Parsed } from './value-kinds.ts'

/** Limits that a listener may have of its own. */
export interface ListenerLimits {
  readonly heartbeatMs: number
  readonly idleTimeoutMs: number
  readonly maxFrameBytes: number
}

/** An address as it was written, completed by nothing but the default codec. */
export interface ListenAddress extends HostAndPort {
  readonly scheme: 'tcp'
  readonly codec: 'frame'
  /** Only those that the address sets. */
  readonly limits: Partial<ListenerLimits>
}

/** What a listener's own limits accept: the same as the options they stand in for. */
export type LimitKinds = { readonly [Key in keyof ListenerLimits]: Kind<number> }

export const LISTEN_EXPECTED =
  'tcp://host:port[?codec=frame&heartbeat-ms=N&idle-timeout-ms=N&max-frame-bytes=N], several with commas between'

/** Parameters of an address and the limits they set. */
export const LIMIT_PARAMETERS: { readonly [Key in keyof ListenerLimits]: string } = {
  heartbeatMs: 'heartbeat-ms',
  idleTimeoutMs: 'idle-timeout-ms',
  maxFrameBytes: 'max-frame-bytes',
}

const LATER_SCHEMES = ['tls', 'unix', 'fd']
const LATER_CODECS = ['json', 'line', 'raw']
const PARAMETERS = ['codec', ...Object.values(LIMIT_PARAMETERS)]
/** Far more than anybody listens on; a list that is longer was pasted from somewhere else. */
const ADDRESSES_MAX = 64

/** The kind of SHARDWIRE_LISTEN. */
export function listenAddresses(kinds: LimitKinds): Kind<readonly ListenAddress[]> {
  return { expected: LISTEN_EXPECTED, parse: (text) => parseList(text, kinds) }
}

/** The address without its parameters, as logs and problems name it. */
export function addressText(address: HostAndPort): string {
  return `tcp://${formatHostAndPort(address)}`
}

function parseList(text: string, kinds: LimitKinds): Parsed<readonly ListenAddress[]> {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.length > ADDRESSES_MAX) return failed(text, `has more than ${ADDRESSES_MAX} addresses`)
  const addresses: ListenAddress[] = []
  const faults: Fault[] = []
  for (const entry of entries) {
    const parsed = parseAddress(entry, kinds)
    if (!parsed.ok) faults.push(...parsed.faults)
    else if (isTaken(parsed.value, addresses)) faults.push(fault(entry, 'is listed twice'))
    else addresses.push(parsed.value)
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, value: addresses }
}

/** Port 0 is never taken: every listener gets a free one of its own. */
function isTaken(address: ListenAddress, others: readonly ListenAddress[]): boolean {
  return address.port !== 0 && others.some((other) => addressText(other) === addressText(address))
}

function parseAddress(entry: string, kinds: LimitKinds): Parsed<ListenAddress> {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(entry) ?? []
  if (scheme?.toLowerCase() !== 'tcp' || rest === undefined) return failed(entry, schemeComplaint(entry, scheme))
  if (!rest.startsWith('//')) return failed(entry, 'does not begin with tcp://')
  const [authority = '', ...query] = rest.slice(2).split('?')
  const place = parseHostAndPort(authority)
  const parameters = parseParameters(entry, query.join('?'), kinds)
  const faults = [...(typeof place === 'string' ? [fault(entry, place)] : []), ...parameters.faults]
  if (faults.length > 0 || typeof place === 'string') return { ok: false, faults }
  return { ok: true, value: { scheme: 'tcp', ...place, codec: 'frame', limits: parameters.limits } }
}

function schemeComplaint(entry: string, scheme: string | undefined): string {
  if (entry === '') return 'is empty: there is a comma too many'
  const known = scheme?.toLowerCase() ?? ''
  if (LATER_SCHEMES.includes(known)) return `asks for ${known}, which this version does not have yet: it has tcp only`
  return typeof parseHostAndPort(entry) === 'string'
    ? 'does not begin with tcp://'
    : `has no scheme: write tcp://${entry}`
}

type MutableLimits = { -readonly [Key in keyof ListenerLimits]?: number }

interface Parameters {
  readonly limits: Partial<ListenerLimits>
  readonly faults: readonly Fault[]
}

function parseParameters(entry: string, query: string, kinds: LimitKinds): Parameters {
  const limits: MutableLimits = {}
  const faults: Fault[] = []
  const seen = new Set<string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) faults.push(fault(entry, `sets ${name} twice`))
    seen.add(name)
    const limit = limitOf(name)
    if (limit === undefined) faults.push(...otherParameterFaults(entry, name, value))
    else faults.push(...setLimit(limits, limit, kinds[limit].parse(value), entry))
  }
  return { limits, faults }
}

function limitOf(name: string): keyof ListenerLimits | undefined {
  if (name === LIMIT_PARAMETERS.heartbeatMs) return 'heartbeatMs'
  if (name === LIMIT_PARAMETERS.idleTimeoutMs) return 'idleTimeoutMs'
  return name === LIMIT_PARAMETERS.maxFrameBytes ? 'maxFrameBytes' : undefined
}

function setLimit(
  limits: MutableLimits,
  limit: keyof ListenerLimits,
  parsed: Parsed<number>,
  entry: string,
): readonly Fault[] {
  if (parsed.ok) {
    limits[limit] = parsed.value
    return []
  }
  const name = LIMIT_PARAMETERS[limit]
  return parsed.faults.map(({ value, complaint, expected }) => {
    return {
      value: entry,
      complaint: `has ${name}=${quote(value)}, which ${complaint}`,
      expected: `${name}: ${expected}`,
    }
  })
}

/** What is wrong with a parameter that is no limit; nothing when it is the codec of this version. */
function otherParameterFaults(entry: string, name: string, value: string): readonly Fault[] {
  if (name === 'codec') return value === 'frame' ? [] : [fault(entry, codecComplaint(value))]
  const near = closestName(name, PARAMETERS)
  const advice = near === undefined ? '' : `: did you mean ${near}?`
  return [fault(entry, `has an unknown parameter ${quote(name)}${advice}`)]
}

function codecComplaint(codec: string): string {
  if (!LATER_CODECS.includes(codec)) return `has an unknown codec ${quote(codec)}: write codec=frame`
  return `asks for the codec ${codec}, which this version does not have yet: it has frame only`
}

function failed(entry: string, complaint: string): { readonly ok: false; readonly faults: readonly Fault[] } {
  return { ok: false, faults: [fault(entry, complaint)] }
}

function fault(entry: string, complaint: string): Fault {
  return { value: entry, complaint, expected: LISTEN_EXPECTED }
}
