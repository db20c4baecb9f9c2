/**
 * Owns the text of SHARDWIRE_ADMIN: `http://host:port`, or `off`.
 * Must not know: what is served there.
 */
import { BlockList, isIP, isIPv6 } from 'node:net'
import { formatHostAndPort, type HostAndPort, parseHostAndPort } from './host.ts'
import type { Kind, Parsed } from './value-kinds.ts'

/** Where the admin server listens, or that there is none. */
export type AdminAddress = HostAndPort | 'off'

const EXPECTED = 'http://host:port, or off'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** The kind of SHARDWIRE_ADMIN. */
export function adminAddress(): Kind<AdminAddress> {
  return { expected: EXPECTED, parse }
}

/** The text that `adminAddress` reads back as the same. */
export function adminText(address: AdminAddress): string {
  return address === 'off' ? address : `http://${formatHostAndPort(address)}`
}

/** Whether only processes of this machine can connect to it. What a name stands for is not known here. */
export function isLoopback(host: string): boolean {
  const [address = ''] = host.split('%')
  if (address === 'localhost') return true
  return isIP(address) !== 0 && LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

function parse(text: string): Parsed<AdminAddress> {
  if (text === 'off') return { ok: true, value: text }
  const complain = (complaint: string): Parsed<AdminAddress> => {
    return { ok: false, faults: [{ value: text, complaint, expected: EXPECTED }] }
  }
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? []
  if (scheme === undefined) {
    const isPlace = typeof parseHostAndPort(text) !== 'string'
    return complain(isPlace ? `has no scheme: write http://${text}` : `is not ${EXPECTED}`)
  }
  if (scheme.toLowerCase() !== 'http') return complain('does not begin with http://: TLS is for a proxy before it')
  const place = parseHostAndPort(rest.replace(/\/$/, ''))
  return typeof place === 'string' ? complain(place) : { ok: true, value: place }
}
