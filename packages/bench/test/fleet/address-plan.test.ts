import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { ownSource, portsPerAddress, shareAddresses } from '../../src/fleet/address-plan.ts'
import type { AddressRequest } from '../../src/fleet/address-plan.ts'
import { parseAddresses, parseSources } from '../../src/options/address-spec.ts'

const LIMITS = { perProcess: 19_936, portsPerAddress: 28_232 }

function request(change: Partial<AddressRequest> = {}): AddressRequest {
  const base = { hosts: ['127.0.0.1'], port: 7400, sources: 'auto', limits: LIMITS } as const
  return { ...base, connections: 1000, others: 64, ...change }
}

test('a million connections to this machine take the processes that descriptors want, each with its own source', () => {
  const shares = shareAddresses(request({ connections: 1_000_000 }))
  expect(shares).toHaveLength(51)
  expect(shares.reduce((sum, { connections }) => sum + connections, 0)).toBe(1_000_000)
  expect(new Set(shares.map(({ route }) => route.localAddress)).size).toBe(51)
  expect(shares[0]?.route.localAddress).toBe('127.64.0.1')
})

test('few connections leave the source to the system, and so do those to another machine', () => {
  expect(shareAddresses(request()).map(({ route }) => route.localAddress)).toEqual([null])
  const away = shareAddresses(request({ connections: 100_000, hosts: ['10.0.0.1'] }))
  expect(away.every(({ route }) => route.localAddress === null)).toBe(true)
})

test('several targets multiply the ports', () => {
  const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
  const shares = shareAddresses(request({ connections: 30_000, hosts }))
  expect(shares.map(({ route }) => route.localAddress)).toEqual([null, null])
  const one = shareAddresses(request({ connections: 30_000 }))
  expect(one.map(({ route }) => route.localAddress)).toEqual(['127.64.0.1', '127.64.0.2'])
})

test('no share is more than descriptors or ports allow, whatever is asked', () => {
  const limits = fc.record({
    perProcess: fc.integer({ min: 10, max: 50_000 }),
    portsPerAddress: fc.integer({ min: 100, max: 64_511 }),
  })
  fc.assert(
    fc.property(limits, fc.integer({ min: 0, max: 300_000 }), (some, connections) => {
      const sources = ['127.1.0.1', '127.1.0.2']
      const shares = shareAddresses(request({ limits: some, connections, sources }))
      let next = 0
      for (const share of shares) {
        expect(share.connectionFirst).toBe(next)
        expect(share.connections).toBeLessThanOrEqual(Math.min(some.perProcess, some.portsPerAddress))
        next += share.connections
      }
      expect(next).toBe(connections)
    }),
  )
})

test('sources of our own are addresses of 127.0.0.0/8', () => {
  expect([0, 254, 255, 65_534].map(ownSource)).toEqual(['127.64.0.1', '127.64.0.255', '127.64.1.0', '127.64.255.255'])
})

describe('ports', () => {
  test.each([
    ['32768 60999', undefined, 28_232],
    ['32768 60999', '', 28_232],
    ['1024 65535', '7400,8000-8009', 64_501],
    ['32768 60999', '7400', 28_232],
    ['32768 60999', '32000-32769', 28_230],
    ['', undefined, undefined],
    [undefined, undefined, undefined],
  ])('of %o without %o', (range, reserved, ports) => {
    expect(portsPerAddress(range, reserved)).toBe(ports)
  })
})

describe('lists of addresses', () => {
  test.each([
    ['127.0.0.1', ['127.0.0.1']],
    ['::1,10.0.0.1', ['::1', '10.0.0.1']],
    ['127.0.0.254-127.0.1.1,10.0.0.9', ['127.0.0.254', '127.0.0.255', '127.0.1.0', '127.0.1.1', '10.0.0.9']],
    ['127.0.0.9-127.0.0.1', undefined],
    ['10.0.0.0-10.255.255.255', undefined],
    ['localhost', undefined],
    ['', undefined],
  ])('%o', (text, addresses) => {
    expect(parseAddresses(text)).toEqual(addresses)
  })

  test('of sources may be left to the bench or to the system', () => {
    expect(parseSources('auto')).toBe('auto')
    expect(parseSources('none')).toBe('none')
  })
})
