/**
 * Owns the text of SHARDWIRE_MIRROR: `tcp://host:port?compare=greet,digest&sample=frames`, `tls://host:port?ca=ca.crt`,
 * `unix:/path`.
 * Must not know: which routes a service has, how frames are mirrored, what is in the files.
 * Invariant: what comes out is plain data, and `mirrorText` makes of it a text that means the same.
 */
import { closestName } from './closest-name.ts'
import { formatHostAndPort, parseHostAndPort, type HostAndPort } from './host.ts'
import { quote } from './problem.ts'
import type { Fault, Kind } from './value-kinds.ts'

/** What a percentage is taken of: of connections, each with all of its frames or none; or of frames, one by one. */
export type MirrorSample = 'connections' | 'frames'

/** Paths of PEM files, and the name that the target's certificate must have where that is not its host. */
export interface MirrorTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

export type MirrorTarget =
  | (HostAndPort & { readonly scheme: 'tcp' })
  | (HostAndPort & MirrorTls & { readonly scheme: 'tls' })
  | { readonly scheme: 'unix'; readonly path: string }

export type MirrorAddress = MirrorTarget & {
  /** Routes whose answers are compared, by name or number; none for `[]`. */
  readonly compare: 'all' | readonly string[]
  readonly sample: MirrorSample
}

export const MIRROR_EXPECTED =
  'tcp://host:port, tls://host:port or unix:/path, with [?compare=ROUTES&sample=OF], ROUTES being all, or names and ' +
  'numbers with commas between, and OF connections or frames'

const TLS_PARAMETERS: readonly string[] = ['ca', 'cert', 'key', 'servername'] satisfies (keyof MirrorTls)[]
const PARAMETERS = ['compare', 'sample', ...TLS_PARAMETERS]
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
export function mirrorTarget(target: MirrorTarget): string {
  return target.scheme === 'unix' ? `unix:${target.path}` : `${target.scheme}://${formatHostAndPort(target)}`
}

/** The text that sets it. */
export function mirrorText(address: MirrorAddress): string {
  const { compare, sample } = address
  const tls = address.scheme === 'tls' ? Object.entries(tlsOf(address)) : []
  const parameters = [
    ...tls.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%2F', '/')}`),
    ...(compare === 'all' ? ['compare=all'] : []),
    ...(compare !== 'all' && compare.length > 0 ? [`compare=${compare.join()}`] : []),
    ...(sample === 'connections' ? [] : [`sample=${sample}`]),
  ]
  return [mirrorTarget(address), parameters.join('&')].filter((part) => part !== '').join('?')
}

function tlsOf({ ca, cert, key, servername }: MirrorTls): Record<string, string> {
  const all = { ca, cert, key, servername }
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** @returns the address, or complaints that go on from "TEXT, which" */
function parse(text: string): MirrorAddress | string[] {
  if (/,\s*[a-z]+:\/\//i.test(text)) return ['is a list: frames are mirrored to one address']
  const [, schemeText, rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(text) ?? []
  const scheme = schemeText?.toLowerCase()
  if (scheme !== 'tcp' && scheme !== 'tls' && scheme !== 'unix') return [schemeComplaint(text)]
  const [place = '', ...query] = rest.split('?')
  const { compare, sample, tls, complaints } = parseParameters(query.join('?'), scheme === 'tls')
  const target = scheme === 'unix' ? parsePath(place) : parseInternet(scheme, place)
  if (typeof target === 'string') return [target, ...complaints]
  return complaints.length > 0 ? complaints : { ...target, ...tls, compare, sample }
}

function parseInternet(scheme: 'tcp' | 'tls', text: string): MirrorTarget | string {
  if (!text.startsWith('//')) return `does not begin with ${scheme}://`
  const place = parseHostAndPort(text.slice(2))
  if (typeof place === 'string') return place
  return place.port === 0 ? 'has port 0, at which nobody can be reached' : { scheme, ...place }
}

/** `unix:/path`, and `unix:///path` for those who are used to it. */
function parsePath(text: string): MirrorTarget | string {
  const path = text.replace(/^\/\/(?=\/)/, '')
  if (!path.startsWith('/') || path.startsWith('//')) return 'has no absolute path: write unix:/run/shardwire.sock'
  return { scheme: 'unix', path }
}

function schemeComplaint(text: string): string {
  return typeof parseHostAndPort(text) === 'string'
    ? 'does not begin with tcp://, tls:// or unix:'
    : `has no scheme: write tcp://${text}`
}

interface Parameters {
  compare: MirrorAddress['compare']
  sample: MirrorSample
  tls: MirrorTls
  readonly complaints: string[]
}

function parseParameters(query: string, isTls: boolean): Parameters {
  const parameters: Parameters = { compare: [], sample: 'connections', tls: {}, complaints: [] }
  const { complaints } = parameters
  const seen = new Set<string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) complaints.push(`sets ${name} twice`)
    seen.add(name)
    if (name === 'compare') setCompare(parameters, value)
    else if (TLS_PARAMETERS.includes(name)) setTls(parameters, name, value, isTls)
    else if (name !== 'sample') complaints.push(unknownComplaint(name))
    else if (isSample(value)) parameters.sample = value
    else complaints.push(`has sample=${quote(value)}, which is neither connections nor frames`)
  }
  const { cert, key } = parameters.tls
  if ((cert === undefined) !== (key === undefined)) {
    complaints.push(`has ${cert === undefined ? 'key without cert' : 'cert without key'}: it takes both, or neither`)
  }
  return parameters
}

function setTls(parameters: Parameters, name: string, value: string, isTls: boolean): void {
  if (!isTls) parameters.complaints.push(`sets ${name}, which only tls:// has`)
  else if (value === '') parameters.complaints.push(`sets ${name} to nothing`)
  else parameters.tls = { ...parameters.tls, [name]: value }
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
