/**
 * Owns the header of the PROXY protocol, versions 1 and 2: what bytes make one, and what it says of the client.
 * Must not know: sockets.
 * Invariant: it is never given a byte that is not the header's: `wanted` is how many surely still are. So what follows
 * the header, be it a frame or a TLS handshake, stays in the socket. Wrong bytes are told at the first of them.
 *
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
import { isIPv4, isIPv6 } from 'node:net'

export type ProxyVersions = 'v1' | 'v2' | 'any'

/** Who connected to the proxy. */
export interface ClientAddress {
  readonly address: string
  readonly port: number
}

const SIGNATURE_2 = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a)
const SIGNATURE_1 = new TextEncoder().encode('PROXY ')
const CR = 0x0d
const LF = 0x0a
/** The shortest line, "PROXY UNKNOWN" and CRLF, and the longest, both as the specification has them. */
const LINE_BYTES_MIN = 15
const LINE_BYTES_MAX = 107
const FIXED_BYTES = 16
const AT_COMMAND = 12
const AT_FAMILY = 13
const AT_LENGTH = 14
/** Far more than addresses and what proxies add of TLS; a header that announces more is refused unread. */
const TAIL_BYTES_MAX = 4096
const TCP4 = 0x11
const TCP6 = 0x21
const UNIX = 0x31
/** Bytes of addresses and ports by family; of a Unix socket's nothing is used. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 0: 0, [TCP4]: 12, [TCP6]: 36, [UNIX]: 216 }
/** What is kept: the longest line, and version 2 up to the ports. */
const KEPT_BYTES = 108

export class ProxyHeader {
  /** Bytes that surely still belong to the header; 0 when it is complete. */
  wanted: number
  /** Why it is none; undefined while all is well. */
  fault: string | undefined
  /** Undefined where the proxy speaks for itself, or does not say for whom. */
  client: ClientAddress | undefined
  readonly #versions: ProxyVersions
  readonly #kept = new Uint8Array(KEPT_BYTES)
  #length = 0
  #totalBytes = 0

  constructor(versions: ProxyVersions) {
    this.#versions = versions
    this.wanted = versions === 'v2' ? FIXED_BYTES : LINE_BYTES_MIN
  }

  /** Takes memory[0, bytes), which must be no more than is wanted. */
  push(memory: Uint8Array, bytes: number): void {
    for (let at = 0; at < bytes && this.#length + at < KEPT_BYTES; at++) this.#kept[this.#length + at] = memory[at] ?? 0
    const before = this.#length
    this.#length += bytes
    this.wanted = 0
    if (this.#versions !== 'v1' && this.#begins(SIGNATURE_2)) this.#judge2()
    else if (this.#versions !== 'v2' && this.#begins(SIGNATURE_1)) this.#judge1(before)
    else this.fault = `does not begin with a PROXY header${this.#versions === 'any' ? '' : ` of ${this.#versions}`}`
  }

  /** Whether what is there can be the beginning of a header with this signature. */
  #begins(signature: Uint8Array): boolean {
    const bytes = Math.min(this.#length, signature.length)
    for (let at = 0; at < bytes; at++) if (this.#kept[at] !== signature[at]) return false
    return true
  }

  #judge1(before: number): void {
    // An LF ends the line wherever it stands: behind it would be bytes that are not ours.
    const kept = this.#kept.subarray(0, this.#length)
    const end = kept.indexOf(LF, before)
    if (end >= 0) this.#line(kept, end)
    else if (this.#length >= LINE_BYTES_MAX) this.fault = `has a line of more than ${LINE_BYTES_MAX} bytes`
    else if (this.#length < LINE_BYTES_MIN) this.wanted = LINE_BYTES_MIN - this.#length
    else this.wanted = kept[this.#length - 1] === CR ? 1 : Math.min(2, LINE_BYTES_MAX - this.#length)
  }

  #line(kept: Uint8Array, end: number): void {
    const text = Buffer.from(kept.subarray(0, end + 1)).toString('latin1')
    if (end !== this.#length - 1 || !text.endsWith('\r\n')) {
      this.fault = 'has a line that does not end with CRLF'
      return
    }
    if (/^PROXY UNKNOWN( [^\r\n]*)?\r\n$/.test(text)) return
    const [, family, source = '', destination = '', sourcePort, destinationPort] =
      /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n$/.exec(text) ?? []
    const isAddress = family === '4' ? isIPv4 : isIPv6
    if (!isAddress(source) || !isAddress(destination)) this.fault = 'has a line without two addresses of its family'
    else if (Math.max(Number(sourcePort), Number(destinationPort)) > 65_535) this.fault = 'has a port above 65535'
    else this.client = { address: source, port: Number(sourcePort) }
  }

  #judge2(): void {
    if (this.#length < FIXED_BYTES) {
      this.wanted =
        (this.#length < LINE_BYTES_MIN && this.#versions === 'any' ? LINE_BYTES_MIN : FIXED_BYTES) - this.#length
      return
    }
    if (this.#totalBytes === 0) this.#totalBytes = this.#fixed()
    if (this.fault !== undefined) return
    this.wanted = this.#totalBytes - this.#length
    if (this.wanted === 0) this.client = this.#addresses()
  }

  /** The sixteen bytes that every header has. @returns how many it has in all */
  #fixed(): number {
    const command = this.#kept[AT_COMMAND] ?? 0
    const family = this.#kept[AT_FAMILY] ?? 0
    const tailBytes = this.#u16(AT_LENGTH)
    const addressBytes = this.#isLocal ? 0 : ADDRESS_BYTES[family]
    if (command !== 0x20 && command !== 0x21) this.fault = `has version and command 0x${command.toString(16)}`
    else if (addressBytes === undefined) this.fault = `has address family and transport 0x${family.toString(16)}`
    else if (tailBytes < addressBytes) this.fault = `has ${tailBytes} bytes of addresses, ${addressBytes} are needed`
    else if (tailBytes > TAIL_BYTES_MAX) this.fault = `announces ${tailBytes} bytes, more than ${TAIL_BYTES_MAX}`
    return FIXED_BYTES + tailBytes
  }

  /** LOCAL: the proxy connects for itself, to see whether we live. */
  get #isLocal(): boolean {
    return this.#kept[AT_COMMAND] === 0x20
  }

  #addresses(): ClientAddress | undefined {
    const family = this.#kept[AT_FAMILY]
    if (this.#isLocal) return undefined
    if (family === TCP4) {
      const address = this.#kept.subarray(FIXED_BYTES, FIXED_BYTES + 4).join('.')
      return { address, port: this.#u16(FIXED_BYTES + 8) }
    }
    if (family !== TCP6) return undefined
    const groups = Array.from({ length: 8 }, (_, index) => this.#u16(FIXED_BYTES + 2 * index).toString(16))
    const { hostname } = new URL(`http://[${groups.join(':')}]`)
    return { address: hostname.slice(1, -1), port: this.#u16(FIXED_BYTES + 32) }
  }

  #u16(at: number): number {
    return ((this.#kept[at] ?? 0) << 8) | (this.#kept[at + 1] ?? 0)
  }
}
