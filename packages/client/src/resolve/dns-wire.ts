/**
 * Owns the bytes of DNS: a question as they are, and what an answer comes to.
 * Must not know: sockets, servers, what is done with an answer.
 * Invariant: what does not answer exactly this question is none; nothing of it is used. An address counts only if it
 * belongs to the name that was asked for, or to one that its chain of aliases leads to. Never throws.
 */
import { isIP } from 'node:net'
import { decode, encode, RECURSION_DESIRED, streamEncode, TRUNCATED_RESPONSE } from 'dns-packet'
import type { Answer, DecodedPacket } from 'dns-packet'

export type DnsType = 'A' | 'AAAA'

export interface DnsQuestion {
  readonly id: number
  /** As `dnsNameOf` writes it. */
  readonly name: string
  readonly type: DnsType
}

/** What a server says. */
export type DnsReply =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttlMs: number }
  /** The name is there, but has none. The time is how long that holds; undefined where the server does not say. */
  | { readonly kind: 'none'; readonly ttlMs: number | undefined }
  | { readonly kind: 'no-such-name'; readonly ttlMs: number | undefined }
  /** It did not fit: ask again over TCP. */
  | { readonly kind: 'truncated' }
  /** It cannot, or will not, say. */
  | { readonly kind: 'failed'; readonly code: string }

const RCODE_MASK = 0x0f
const NO_ERROR = 0
const NO_SUCH_NAME = 3
const CODES: Readonly<Record<number, string>> = { 1: 'EFORMERR', 2: 'ESERVFAIL', 4: 'ENOTIMP', 5: 'EREFUSED' }
const ALIASES_MAX = 16
/** A time to live with the highest bit set is none (RFC 2181, 8). */
const TTL_S_MAX = 0x7fff_ffff
const MS_PER_S = 1000

/** The question for UDP. */
export function encodeQuestion({ id, name, type }: DnsQuestion): Uint8Array {
  return encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type, name, class: 'IN' }] })
}

/** The question for TCP, its length before it. */
export function encodeStreamQuestion({ id, name, type }: DnsQuestion): Uint8Array {
  return streamEncode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type, name, class: 'IN' }] })
}

/** What `bytes` say to the question; undefined for what is no answer to it, which may be anybody's. */
export function readReply(bytes: Uint8Array, question: DnsQuestion): DnsReply | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < 2 || buffer.readUInt16BE(0) !== question.id) return undefined
  const packet = tryDecode(buffer)
  if (packet === undefined) return { kind: 'failed', code: 'EBADRESP' }
  const flags = packet.flags ?? 0
  const rcode = flags & RCODE_MASK
  if (packet.type !== 'response' || !isAbout(packet, question, rcode)) return undefined
  if ((flags & TRUNCATED_RESPONSE) !== 0) return { kind: 'truncated' }
  if (rcode === NO_SUCH_NAME) return { kind: 'no-such-name', ttlMs: negativeTtlMs(packet) }
  if (rcode !== NO_ERROR) return { kind: 'failed', code: CODES[rcode] ?? 'EBADRESP' }
  return addressesOf(packet, question)
}

function tryDecode(buffer: Buffer): DecodedPacket | undefined {
  try {
    return decode(buffer)
  } catch (error) {
    // The library throws plain errors for whatever is wrong with the bytes.
    if (error instanceof Error) return undefined
    throw error
  }
}

/** Some servers leave out the question when they refuse it. */
function isAbout({ questions = [] }: DecodedPacket, { name, type }: DnsQuestion, rcode: number): boolean {
  const [asked] = questions
  if (asked === undefined) return rcode !== NO_ERROR
  return questions.length === 1 && asked.type === type && asked.name.toLowerCase() === name
}

function addressesOf(packet: DecodedPacket, { name, type }: DnsQuestion): DnsReply {
  const answers = packet.answers ?? []
  let [owner, ttlS] = [name, TTL_S_MAX]
  for (let hops = 0; hops < ALIASES_MAX; hops++) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && isNamed(answer, owner))
    if (alias?.type !== 'CNAME') break
    owner = alias.data.toLowerCase()
    ttlS = Math.min(ttlS, ttlOf(alias))
  }
  const addresses: string[] = []
  for (const answer of answers) {
    if ((answer.type !== 'A' && answer.type !== 'AAAA') || answer.type !== type || !isNamed(answer, owner)) continue
    // What was cut or spoiled may read as anything.
    if (isIP(answer.data) !== (type === 'A' ? 4 : 6)) return { kind: 'failed', code: 'EBADRESP' }
    addresses.push(answer.data)
    ttlS = Math.min(ttlS, ttlOf(answer))
  }
  if (addresses.length === 0) return { kind: 'none', ttlMs: negativeTtlMs(packet) }
  return { kind: 'addresses', addresses, ttlMs: ttlS * MS_PER_S }
}

function isNamed(answer: Answer, owner: string): boolean {
  return 'name' in answer && answer.name.toLowerCase() === owner
}

function ttlOf(answer: Answer): number {
  const ttlS = 'ttl' in answer ? (answer.ttl ?? 0) : 0
  return ttlS > TTL_S_MAX ? 0 : ttlS
}

/** RFC 2308, 5: the smaller of the SOA's own time and the one it says. */
function negativeTtlMs({ authorities = [] }: DecodedPacket): number | undefined {
  const soa = authorities.find((authority) => authority.type === 'SOA')
  if (soa?.type !== 'SOA') return undefined
  return Math.min(ttlOf(soa), soa.data.minimum ?? 0) * MS_PER_S
}
