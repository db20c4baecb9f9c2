/** Owns the tests of host and port of a listen address. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatHostAndPort, parseHostAndPort } from '../../src/config/host.ts'

describe('accepted', () => {
  it.each([
    ['127.0.0.1:7400', '127.0.0.1', 7400],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['[::1]:65535', '::1', 65_535],
    ['[::]:7400', '::', 7400],
    ['[fe80::1%eth0]:7400', 'fe80::1%eth0', 7400],
    ['localhost:7400', 'localhost', 7400],
    ['my-host.example.org:7400', 'my-host.example.org', 7400],
  ])('%s', (text, host, port) => {
    expect(parseHostAndPort(text)).toEqual({ host, port })
  })

  it.each([
    ['[2001:DB8:0:0::1]:1', '[2001:db8::1]:1'],
    ['LocalHost:1', 'localhost:1'],
    ['localhost:0001', 'localhost:1'],
  ])('%s comes out in one spelling: %s', (text, canonical) => {
    const place = parseHostAndPort(text)
    expect(typeof place === 'string' ? place : formatHostAndPort(place)).toBe(canonical)
  })

  it('any IP address survives being printed and read', () => {
    const port = fc.integer({ min: 0, max: 65_535 })
    const host = fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`),
    )
    fc.assert(
      fc.property(host, port, (someHost, somePort) => {
        const once = parseHostAndPort(`${someHost}:${somePort}`)
        if (typeof once === 'string') throw new Error(once)
        expect(parseHostAndPort(formatHostAndPort(once))).toEqual(once)
      }),
    )
  })
})

describe('refused', () => {
  it.each([
    ['127.0.0.1', 'has no port after its host'],
    ['127.0.0.1:', 'has no port after its host'],
    ['127.0.0.1:http', 'has no port after its host'],
    ['127.0.0.1:65536', 'has a port above 65535'],
    ['127.0.0.1:-1', 'has no port after its host'],
    ['256.0.0.1:1', 'is no IPv4 address'],
    ['1.2.3:1', 'is no IPv4 address'],
    ['::1:7400', 'needs brackets around the IPv6 address: write [::1]:7400'],
    ['fe80::', 'needs brackets around the IPv6 address, and a port: write [fe80::]:7400'],
    ['[::g]:1', 'has no IPv6 address between its brackets'],
    ['[127.0.0.1]:1', 'has no IPv6 address between its brackets'],
    ['[::1]', 'has no port after its host'],
    ['127.0.0.1:1/path', 'has a path'],
    ['me:pw@127.0.0.1:1', 'has a user part'],
    ['-host:1', 'has no valid host name'],
    ['ho st:1', 'has no valid host name'],
    [`${'a'.repeat(64)}:1`, 'has no valid host name'],
    [`${'a.'.repeat(127)}:1`, 'has no valid host name'],
  ])('%s %s', (text, complaint) => {
    expect(parseHostAndPort(text)).toBe(complaint)
  })

  it.each(['*:7400', ':7400'])('%s, with what to write for all addresses', (text) => {
    expect(parseHostAndPort(text)).toBe(
      'does not say which addresses: write [::] for all of IPv6 and IPv4, 0.0.0.0 for all of IPv4',
    )
  })
})
