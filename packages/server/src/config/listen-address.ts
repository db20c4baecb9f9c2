/**
 * Owns the text of SHARDWIRE_LISTEN: `tcp://host:port?codec=frame&heartbeat-ms=5000`, `tls://host:port`, `unix:/path`,
 * `fd://3`, several with commas between.
 * Must not know: the values of other options, or how a listener is opened.
 * Invariant: what comes out has only schemes, codecs and options that this version has; all that is wrong is reported
 * at once, each with the address it is in.
 */
import type { CodecSettings } from './codec-parameters.ts'
import { formatHostAndPort, parseHostAndPort, type HostAndPort } from './host.ts'
import { type ListenerKinds, type ListenerOptions, parseParameters } from './listen-parameters.ts'
import type { Fault, Kind, Parsed } from './value-kinds.ts'

/** Where TCP is listened on, with TLS over it or without. */
export interface InternetPlace extends HostAndPort {
  readonly scheme: 'tcp' | 'tls'
}

export interface UnixPlace {
  readonly scheme: 'unix'
  /** Absolute. */
  readonly path: string
  /** Permissions of the socket: who may write to it may connect. */
  readonly mode: number
}

/** A socket that whoever started the daemon has bound, and handed on. */
export interface DescriptorPlace {
  readonly scheme: 'fd'
  /** 3 or more: the others are the standard streams. */
  readonly fd: number
}

export type ListenPlace = InternetPlace | UnixPlace | DescriptorPlace

/** An address as it was written, completed by nothing but the default codec and mode. */
export type ListenAddress = ListenPlace &
  CodecSettings & {
    /** Only those that the address sets. */
    readonly own: Partial<ListenerOptions>
  }

export const LISTEN_EXPECTED =
  'tcp://host:port, tls://host:port, unix:/path or fd://N, each with ?parameters as below, several with commas between'

const FD_MIN = 3
/** The kernel's own bound. */
const FD_MAX = 2 ** 20
/** The user and the group of the daemon. */
const MODE_DEFAULT = 0o660
/** Linux has room for 107 bytes and their end; some systems for 103. */
const PATH_BYTES_MAX = 107
/** Far more than anybody listens on; a list that is longer was pasted from somewhere else. */
const ADDRESSES_MAX = 64

/** The kind of SHARDWIRE_LISTEN. */
export function listenAddresses(kinds: ListenerKinds): Kind<readonly ListenAddress[]> {
  return { expected: LISTEN_EXPECTED, parse: (text) => parseList(text, kinds) }
}

/** The address without its parameters, as logs and problems name it. */
export function addressText(place: ListenPlace): string {
  if (place.scheme === 'fd') return `fd://${place.fd}`
  return place.scheme === 'unix' ? `unix:${place.path}` : `${place.scheme}://${formatHostAndPort(place)}`
}

/** The parameters that are the address's alone, and not in their default. */
export function placeParameters(place: ListenPlace): string[] {
  const isPlain = place.scheme !== 'unix' || place.mode === MODE_DEFAULT
  return isPlain ? [] : [`mode=0${place.mode.toString(8).padStart(3, '0')}`]
}

function parseList(text: string, kinds: ListenerKinds): Parsed<readonly ListenAddress[]> {
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

/** Port 0 is never taken: every listener gets a free one of its own. With TLS or without, a port is one. */
function isTaken(address: ListenAddress, others: readonly ListenAddress[]): boolean {
  if ('port' in address && address.port === 0) return false
  return others.some((other) => placeText(other) === placeText(address))
}

function placeText(place: ListenPlace): string {
  return 'port' in place ? formatHostAndPort(place) : addressText(place)
}

function parseAddress(entry: string, kinds: ListenerKinds): Parsed<ListenAddress> {
  const [, schemeText, rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(entry) ?? []
  const scheme = schemeText?.toLowerCase()
  if (!isScheme(scheme)) return failed(entry, schemeComplaint(entry))
  const [place = '', ...query] = rest.split('?')
  const complain = (complaint: string): Fault => fault(entry, complaint)
  const { own, mode, codec, faults } = parseParameters(query.join('?'), kinds, scheme === 'unix', complain)
  const parsed = parsePlace(scheme, place, mode)
  if (typeof parsed === 'string') return { ok: false, faults: [fault(entry, parsed), ...faults] }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, value: { ...parsed, ...codec, own } }
}

function isScheme(scheme: string | undefined): scheme is ListenPlace['scheme'] {
  return scheme === 'tcp' || scheme === 'tls' || scheme === 'unix' || scheme === 'fd'
}

function parsePlace(scheme: ListenPlace['scheme'], text: string, mode: number | undefined): ListenPlace | string {
  if (scheme === 'unix') return parsePath(text, mode)
  return scheme === 'fd' ? parseDescriptor(text) : parseInternet(scheme, text)
}

/** `fd://3` */
function parseDescriptor(text: string): DescriptorPlace | string {
  const [, digits] = /^\/\/(\d{1,7})$/.exec(text) ?? []
  const fd = Number(digits)
  if (digits === undefined || fd > FD_MAX) return 'names no descriptor: write fd://3 for the first that was handed on'
  return fd < FD_MIN ? `is a standard stream: those that are handed on begin with fd://${FD_MIN}` : { scheme: 'fd', fd }
}

function parseInternet(scheme: 'tcp' | 'tls', text: string): InternetPlace | string {
  if (!text.startsWith('//')) return `does not begin with ${scheme}://`
  const place = parseHostAndPort(text.slice(2))
  return typeof place === 'string' ? place : { scheme, ...place }
}

/** `unix:/path`, and `unix:///path` for those who are used to it. */
function parsePath(text: string, mode = MODE_DEFAULT): UnixPlace | string {
  const path = text.replace(/^\/\/(?=\/)/, '')
  if (!path.startsWith('/') || path.startsWith('//')) return 'has no absolute path: write unix:/run/shardwire.sock'
  if (path.includes('&')) return 'has a & in its path: parameters begin with ?, and no path of ours has either'
  if (path.endsWith('/')) return 'ends with /: the path must be that of the socket itself'
  const bytes = Buffer.byteLength(path)
  if (bytes > PATH_BYTES_MAX) return `has a path of ${bytes} bytes: the system takes ${PATH_BYTES_MAX} for a socket`
  return { scheme: 'unix', path, mode }
}

function schemeComplaint(entry: string): string {
  if (entry === '') return 'is empty: there is a comma too many'
  return typeof parseHostAndPort(entry) === 'string'
    ? 'does not begin with tcp://, tls://, unix: or fd://'
    : `has no scheme: write tcp://${entry}`
}

function failed(entry: string, complaint: string): { readonly ok: false; readonly faults: readonly Fault[] } {
  return { ok: false, faults: [fault(entry, complaint)] }
}

function fault(entry: string, complaint: string): Fault {
  return { value: entry, complaint, expected: LISTEN_EXPECTED }
}
