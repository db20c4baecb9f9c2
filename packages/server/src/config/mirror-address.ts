/**
 * Owns the text of SHARDWIRE_MIRROR: `tcp://host:port?compare=all&sample=frames`.
 * Must not know: how frames are mirrored, which routes there are.
 * Invariant: what comes out is written back by `mirrorText` as a text that means the same.
 */
import { closestName } from './closest-name.ts'
import { formatHostAndPort, parseHostAndPort, type HostAndPort } from './host.ts'
import { quote } from './problem.ts'
import type { Fault, Kind } from './value-kinds.ts'

/** What a percentage is taken of: of connections, each with all of its frames or none; or of frames, one by one. */
export type MirrorSample = 'connections' | 'frames'

export interface MirrorAddress extends HostAndPort {
  readonly scheme: 'tcp'
  /** Routes whose answers are compared, by name or number; none for `[]`. */
  readonly compare: 'all' | readonly string[]
  readonly sample: MirrorSample
}

export const MIRROR_EXPECTED =
  'tcp://host:port[?compare=ROUTES&sample=OF], ROUTES being all, or names and numbers with commas between, and ' +
  'OF connections or frames'

const LATER_SCHEMES = ['tls', 'unix']
const PARAMETERS = ['compare', 'sample']
const SAMPLES: readonly string[] = ['connections', 'frames'] satisfies MirrorSample[]

/** The kind of SHARDWIRE_MIRROR. */
export function mirrorAddress(): Kind<MirrorAddress> {
  return {
    expected: MIRROR_EXPECTED,
    parse(text) {
      const parsed = parse(text)
      if (!Array.isArray(parsed)) return { ok: true, value: parsed as MirrorAddress }
      const faults = parsed.map((complaint: string): Fault => ({ value: text, complaint, expected: MIRROR_EXPECTED }))
      return { ok: false, faults }
    },
  }
}

/** The address alone, as logs name it. */
export function mirrorTarget(address: HostAndPort): string {
  return `tcp://${formatHostAndPort(address)}`
}

/** The text that sets it. */
export function mirrorText(address: MirrorAddress): string {
  const { compare, sample } = address
  const parameters = [
    ...(compare === 'all' ? ['compare=all'] : []),
    ...(compare !== 'all' && compare.length > 0 ? [`compare=${compare.join()}`] : []),
    ...(sample === 'connections' ? [] : [`sample=${sample}`]),
  ]
  return [mirrorTarget(address), parameters.join('&')].filter((part) => part !== '').join('?')
}

/** @returns the address, or complaints that go on from "TEXT, which" */
function parse(text: string): MirrorAddress | string[] {
  if (/,\s*[a-z]+:\/\//i.test(text)) return ['is a list: frames are mirrored to one address']
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(text) ?? []
  if (scheme?.toLowerCase() !== 'tcp' || rest?.startsWith('//') !== true) return [schemeComplaint(text, scheme)]
  const [authority = '', ...query] = rest.slice(2).split('?')
  const place = parseHostAndPort(authority)
  const { compare, sample, complaints } = parseParameters(query.join('?'))
  if (typeof place === 'string') return [place, ...complaints]
  if (place.port === 0) complaints.push('has port 0, at which nobody can be reached')
  return complaints.length > 0 ? complaints : { scheme: 'tcp', ...place, compare, sample }
}

function schemeComplaint(text: string, scheme: string | undefined): string {
  const known = scheme?.toLowerCase() ?? ''
  if (LATER_SCHEMES.includes(known)) return `asks for ${known}, which this version does not have yet: it has tcp only`
  return typeof parseHostAndPort(text) === 'string'
    ? 'does not begin with tcp://'
    : `has no scheme: write tcp://${text}`
}

interface Parameters {
  compare: MirrorAddress['compare']
  sample: MirrorSample
  readonly complaints: string[]
}

function parseParameters(query: string): Parameters {
  const parameters: Parameters = { compare: [], sample: 'connections', complaints: [] }
  const { complaints } = parameters
  const seen = new Set<string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) complaints.push(`sets ${name} twice`)
    seen.add(name)
    if (name === 'compare') setCompare(parameters, value)
    else if (name !== 'sample') complaints.push(unknownComplaint(name))
    else if (isSample(value)) parameters.sample = value
    else complaints.push(`has sample=${quote(value)}, which is neither connections nor frames`)
  }
  return parameters
}

function setCompare(parameters: Parameters, value: string): void {
  const routes = value.split(',').map((name) => name.trim())
  if (routes.includes('')) parameters.complaints.push('has compare without a route: write compare=all, or name routes')
  else parameters.compare = routes.length === 1 && routes[0] === 'all' ? 'all' : routes
}

function isSample(value: string): value is MirrorSample {
  return SAMPLES.includes(value)
}

function unknownComplaint(name: string): string {
  const near = closestName(name, PARAMETERS)
  return `has an unknown parameter ${quote(name)}${near === undefined ? '' : `: did you mean ${near}?`}`
}
