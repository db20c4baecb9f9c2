import { describe, expect, it } from 'vitest'
import { addressGroup, AddressList, parseNetwork, plainAddress } from '../../src/admission/address.ts'
import { AddressRules } from '../../src/admission/address-rules.ts'
import { AddressTable } from '../../src/admission/address-table.ts'
import { ConnectionRate } from '../../src/admission/connection-rate.ts'
import { configOf } from '../config/machines.ts'

describe('an address', () => {
  it.each([
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::FFFF:10.1.2.3', '10.1.2.3'],
    ['fe80::1%eth0', 'fe80::1'],
    ['10.1.2.3', '10.1.2.3'],
    ['2001:db8::1', '2001:db8::1'],
  ])('%s is plainly %s', (text, plain) => {
    expect(plainAddress(text)).toBe(plain)
  })

  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:DB8:1::1', '2001:db8:1:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ])('%s is counted as %s', (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })
})

describe('a list of networks', () => {
  const list = new AddressList(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7', '::ffff:198.51.100.1'])

  it.each([
    ['10.255.0.1', true],
    ['11.0.0.1', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['198.51.100.1', true],
    ['2001:db8:ffff::1', true],
    ['2001:db9::1', false],
  ])('has %s: %s', (address, isIn) => {
    expect(list.has(address)).toBe(isIn)
  })

  it.each([
    ['10.0.0.1/8', 'bits set behind its first 8'],
    ['2001:db8::1/32', 'bits set behind its first 32'],
    ['10.0.0.0/33', 'not 0 to 32'],
    ['::/129', 'not 0 to 128'],
    ['10.0.0.0/08', 'not 0 to 32'],
    ['10.0.0', 'neither'],
    ['example.org', 'neither'],
    ['fe80::1%eth0', 'neither'],
    ['10.0.0.0/8/8', 'neither'],
    ['::ffff:10.0.0.0/104', 'write 10.0.0.0/N'],
  ])('does not take %s: %s', (text, complaint) => {
    expect(parseNetwork(text)).toContain(complaint)
  })
})

it('what both lists name is denied; where nothing is set nobody is asked', () => {
  const config = configOf({ SHARDWIRE_ALLOW: '10.0.0.0/8', SHARDWIRE_DENY: '10.1.0.0/16' })
  const rules = new AddressRules(config)
  expect(['10.2.0.1', '10.1.0.1', '11.0.0.1'].map((address) => rules.isAllowed(address))).toEqual([true, false, false])
  expect(new AddressRules(configOf({}))).toMatchObject({ concernsClients: false, concernsPeers: false })
})

describe('a rate of connections', () => {
  it('lets in a second of them at once, then one for each that time gives', () => {
    const rate = new ConnectionRate(10)
    const taken = (nowMs: number, count: number): number => {
      return Array.from({ length: count }, () => rate.take(nowMs)).filter(Boolean).length
    }
    expect([taken(0, 100), taken(99, 10), taken(100, 10), taken(350, 10), taken(10_000, 100)]).toEqual([
      10, 0, 1, 2, 10,
    ])
  })

  it('below one a second lets in one', () => {
    const rate = new ConnectionRate(0.5)
    expect([0, 0, 1999, 2000, 2000].map((nowMs) => rate.take(nowMs))).toEqual([true, false, false, true, false])
  })
})

describe('the table of addresses', () => {
  it('forgets an address with its last connection, whoever held it, and counts no end twice', () => {
    const table = new AddressTable<string>()
    for (const [holder, id] of [
      ['a', 1],
      ['a', 2],
      ['b', 3],
    ] as const) {
      table.add('x')
      table.settle(holder, id, 'x')
    }
    table.gone('a', [1, 1, 99])
    table.gone('c', [3])
    expect(table.count('x')).toBe(2)
    table.holderGone('a')
    table.gone('a', [2])
    expect([table.count('x'), table.size]).toEqual([1, 1])
    table.gone('b', [3])
    expect([table.count('x'), table.size]).toEqual([0, 0])
  })

  it('is bounded: an address that finds it full is not counted, one that is in it is', () => {
    const table = new AddressTable<string>(1)
    expect([table.add('x'), table.add('y'), table.add('x')]).toEqual([true, false, true])
    expect([table.count('x'), table.count('y'), table.size]).toEqual([2, 0, 1])
  })
})
