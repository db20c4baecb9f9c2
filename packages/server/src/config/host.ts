/**
 * Owns what may stand before and after the colon of a listen address: IPv4, IPv6 in brackets, a name, and a port.
 * Must not know: schemes, codecs, options of a listener.
 * Invariant: two spellings of one address come out the same, so that duplicates are found by comparing text.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'

export interface HostAndPort {
  /** IPv4, IPv6 without brackets, or a name in lower case. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

const PORT_MAX = 65_535

/** @returns what is wrong with it, as a phrase that goes on from "ADDRESS, which" */
export function parseHostAndPort(text: string): HostAndPort | string {
  const [, host, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(text) ?? []
  if (host === undefined || port === undefined) return shapeComplaint(text)
  if (Number(port) > PORT_MAX) return `has a port above ${PORT_MAX}`
  const known = host.startsWith('[') ? parseIPv6(host.slice(1, -1)) : parseHost(host)
  return typeof known === 'string' ? known : { host: known.host, port: Number(port) }
}

/** The text that `parseHostAndPort` reads back as the same. */
export function formatHostAndPort({ host, port }: HostAndPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

function shapeComplaint(text: string): string {
  const [, address, port] = /^(.+):(\d+)$/.exec(text) ?? []
  if (address !== undefined && isIPv6(address))
    return `needs brackets around the IPv6 address: write [${address}]:${port}`
  if (isIPv6(text)) return `needs brackets around the IPv6 address, and a port: write [${text}]:7400`
  if (text.includes('@')) return 'has a user part'
  if (text.includes('/')) return 'has a path'
  return 'has no port after its host'
}

function parseIPv6(address: string): { host: string } | string {
  if (!isIPv6(address)) return 'has no IPv6 address between its brackets'
  const [digits = '', zone] = address.split('%')
  const shortest = new SocketAddress({ address: digits, family: 'ipv6' }).address
  return { host: zone === undefined ? shortest : `${shortest}%${zone}` }
}

/** `*` and nothing are refused, since they mean IPv4 only to some and both families to others. */
function parseHost(host: string): { host: string } | string {
  if (host === '' || host === '*') {
    return 'does not say which addresses: write [::] for all of IPv6 and IPv4, 0.0.0.0 for all of IPv4'
  }
  if (isIPv4(host)) return { host }
  if (/^[\d.]+$/.test(host)) return 'is no IPv4 address'
  return isHostName(host) ? { host: host.toLowerCase() } : 'has no valid host name'
}

function isHostName(host: string): boolean {
  const labels = host.replace(/\.$/, '').split('.')
  return host.length <= 253 && labels.every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i.test(label))
}
