/**
 * Owns the parameters of a listen address that say what is spoken on it: `codec=line&delimiter=%0D%0A&route=note`.
 * Must not know: how any codec works, which routes a service has.
 * Invariant: what comes out is written back by `codecTexts` as parameters that mean the same.
 */
import { closestName } from './closest-name.ts'
import { quote } from './problem.ts'

/** What is spoken on an address. */
export interface CodecSettings {
  /** frame, json, line or raw; or the path of a module, as it was written. */
  readonly codec: string
  /** Of line: the bytes that end a line, each as %XX; a line feed where there is none. */
  readonly delimiter?: string
  /** Name or number of the route of messages that name none. */
  readonly route?: string
  /** Of a module: parameters that begin with `codec-`, without that. */
  readonly codecParameters?: Readonly<Record<string, string>>
}

/** What only some codecs have. */
export const CODEC_PARAMETERS = ['codec', 'delimiter', 'route']

const OWN_PREFIX = 'codec-'
const NAMES = ['frame', 'json', 'line', 'raw']
/** Which codecs have which parameters; `module` stands for all that are modules. */
const TAKEN_BY: Readonly<Record<string, readonly string[]>> = { delimiter: ['line'], route: ['line', 'raw', 'module'] }
/** The longest that anybody needs is a boundary of a few characters. */
const DELIMITER_BYTES_MAX = 8
const ROUTE_LENGTH_MAX = 256

/** Whether a parameter of this name says something about the codec. */
export function isCodecParameter(name: string): boolean {
  return CODEC_PARAMETERS.includes(name) || name.startsWith(OWN_PREFIX)
}

/** Whether a codec has PING, and so a heartbeat. */
export function hasPing(codec: string): boolean {
  return codec === 'frame'
}

/** Whether the codec is a module, and not one of this package. */
export function isCodecModule(codec: string): boolean {
  return !NAMES.includes(codec)
}

export interface CodecParsed {
  readonly settings: CodecSettings
  /** What is wrong; each goes on from "ADDRESS, which". */
  readonly complaints: readonly string[]
}

/** @param query all parameters of the address; those that are not about the codec are passed over */
export function parseCodec(query: string): CodecParsed {
  const given = new Map([...new URLSearchParams(query)].filter(([name]) => isCodecParameter(name)))
  const codec = given.get('codec') ?? 'frame'
  const complaints: string[] = []
  const isModule = looksLikeModule(codec)
  if (!isModule && !NAMES.includes(codec)) return { settings: { codec: 'frame' }, complaints: [codecComplaint(codec)] }
  const kind = isModule ? 'module' : codec
  for (const name of given.keys()) {
    const takers = name.startsWith(OWN_PREFIX) ? ['module'] : (TAKEN_BY[name] ?? [kind])
    if (!takers.includes(kind)) complaints.push(`sets ${name}, which codec=${codec} does not have`)
  }
  const delimiter = given.has('delimiter') ? parseDelimiter(query) : undefined
  if (typeof delimiter === 'object') complaints.push(delimiter.complaint)
  const route = given.get('route')
  if (route === '' || (route !== undefined && route.length > ROUTE_LENGTH_MAX)) {
    complaints.push(`has route=${quote(route)}, which is neither the name nor the number of a route`)
  }
  const own = [...given].filter(([name]) => name.startsWith(OWN_PREFIX))
  const settings: CodecSettings = {
    codec,
    ...(typeof delimiter === 'string' ? { delimiter } : {}),
    ...(route === undefined ? {} : { route }),
    ...(own.length === 0
      ? {}
      : { codecParameters: Object.fromEntries(own.map(([name, value]) => [name.slice(OWN_PREFIX.length), value])) }),
  }
  return { settings, complaints }
}

/** The parameters that set it; none for frames. */
export function codecTexts({ codec, delimiter, route, codecParameters = {} }: CodecSettings): string[] {
  if (codec === 'frame') return []
  const own = Object.entries(codecParameters).map(
    ([name, value]) => `${OWN_PREFIX}${name}=${encodeURIComponent(value)}`,
  )
  return [
    `codec=${encodeText(codec)}`,
    ...(delimiter === undefined ? [] : [`delimiter=${delimiter}`]),
    ...(route === undefined ? [] : [`route=${encodeText(route)}`]),
    ...own,
  ]
}

/** The bytes of a delimiter as it stands in `CodecSettings`. */
export function delimiterBytes(delimiter: string): Uint8Array {
  return Uint8Array.from(delimiter.split('%').slice(1), (digits) => Number.parseInt(digits, 16))
}

/** Bytes and not characters: `%FF` is one, though no text. So it is read from the query itself. */
function parseDelimiter(query: string): string | { readonly complaint: string } {
  const name = 'delimiter='
  const text =
    query
      .split('&')
      .find((part) => part.startsWith(name))
      ?.slice(name.length) ?? ''
  const bytes = percentDecoded(text)
  if (bytes === undefined) {
    return { complaint: `has delimiter=${quote(text)}, in which a % is not followed by two hexadecimal digits` }
  }
  if (bytes.length === 0 || bytes.length > DELIMITER_BYTES_MAX) {
    return { complaint: `has delimiter=${quote(text)}, which is not from 1 to ${DELIMITER_BYTES_MAX} bytes long` }
  }
  return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

function percentDecoded(text: string): Uint8Array | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined
  const parts = text.split(/(%[0-9a-f]{2})/i)
  return Buffer.concat(
    parts.map((part) => (part.startsWith('%') ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  )
}

/** A name has neither a slash nor the end of a file's name. */
function looksLikeModule(codec: string): boolean {
  return /[/\\]|\.[cm]?[jt]s$/.test(codec)
}

/** Slashes and dots of a path are as readable as they were. */
function encodeText(text: string): string {
  return encodeURIComponent(text).replaceAll('%2F', '/')
}

function codecComplaint(codec: string): string {
  const near = closestName(codec, NAMES)
  const advice =
    near === undefined ? `write ${NAMES.join(', ')}, or the path of a module: ./${codec}.ts` : `write ${near}`
  return `has an unknown codec ${quote(codec)}: ${advice}`
}
