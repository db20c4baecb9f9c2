/**
 * Owns what of a peer's address limits go by: its plain form, its group, and lists of networks.
 * Must not know: sockets, what a limit does.
 * Invariant: the IPv4 address that a dual-stack socket shows as `::ffff:a.b.c.d` is that IPv4 address everywhere.
 */
import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net'

const MAPPED_PREFIX = '::ffff:'
/** An IPv6 network that one customer has: within it addresses cost nothing. */
const GROUPS_COUNTED = 4
const GROUPS = 8
const BYTE = 256

/** Without a zone, and IPv4 as such. */
export function plainAddress(address: string): string {
  const [digits = ''] = address.split('%')
  if (!digits.toLowerCase().startsWith(MAPPED_PREFIX)) return digits
  const mapped = digits.slice(MAPPED_PREFIX.length)
  return isIPv4(mapped) ? mapped : digits
}

/** What connections are counted by: an IPv4 address, or the /64 of an IPv6 one. @param address a plain one */
export function addressGroup(address: string): string {
  if (!isIPv6(address)) return address
  const groups = groupsOf(address).slice(0, GROUPS_COUNTED)
  return `${groups.map((group) => group.toString(16)).join(':')}::/64`
}

/** The 4 or 16 bytes of an address. @param address a plain one */
export function addressBytes(address: string): number[] {
  if (isIPv4(address)) return address.split('.').map(Number)
  return groupsOf(address).flatMap((group) => [group >> 8, group % BYTE])
}

/** The address that these 4 or 16 bytes are. */
export function addressText(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from(
    { length: GROUPS },
    (_, index) => (bytes[2 * index] ?? 0) * BYTE + (bytes[2 * index + 1] ?? 0),
  )
  const long = groups.map((group) => group.toString(16)).join(':')
  return new SocketAddress({ address: long, family: 'ipv6' }).address
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = '', tail = ''] = address.split('::')
  const [before, after] = [partsOf(head), partsOf(tail)]
  return [...before, ...Array.from({ length: GROUPS - before.length - after.length }, () => 0), ...after]
}

/** Groups of a part of an address, the last two of which may be written as IPv4. */
function partsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * BYTE + b, c * BYTE + d]
  })
}

/** Networks as `parseNetwork` takes them. */
export class AddressList {
  readonly #list = new BlockList()

  constructor(networks: readonly string[]) {
    for (const text of networks) {
      const network = parseNetwork(text)
      if (typeof network === 'string') throw new RangeError(`${text} ${network}`)
      this.#list.addSubnet(network.address, network.prefix, network.family)
    }
  }

  /** @param address a plain one */
  has(address: string): boolean {
    return this.#list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  }
}

export interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/** `10.0.0.0/8`, or one address. @returns what is wrong with it, as a phrase that goes on from "TEXT, which" */
export function parseNetwork(text: string): Network | string {
  const [address = '', length, ...rest] = text.split('/')
  const plain = plainAddress(address)
  if (address.includes('%') || rest.length > 0 || !(isIPv4(plain) || isIPv6(plain))) {
    return 'is neither an IP address nor a network such as 10.0.0.0/8'
  }
  const family = isIPv4(plain) ? 'ipv4' : 'ipv6'
  const bits = family === 'ipv4' ? 32 : 128
  if (length === undefined) return { address: plain, prefix: bits, family }
  if (plain !== address) return `has an IPv4 address written as IPv6: write ${plain}/N`
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits) return `has a prefix length that is not 0 to ${bits}`
  const network: Network = { address: plain, prefix: Number(length), family }
  return isNetwork(network)
    ? network
    : `has bits set behind its first ${length}: it is no network, but an address in one`
}

/** Whether nothing is set behind the prefix: else somebody mistook the address or the length. */
function isNetwork({ address, prefix, family }: Network): boolean {
  const [parts, width] = family === 'ipv4' ? [address.split('.').map(Number), 8] : [groupsOf(address), 16]
  const bits = parts.map((part) => part.toString(2).padStart(width, '0')).join('')
  return !bits.slice(prefix).includes('1')
}
