/** Owns the tests of addresses that are kept in twenty bytes. */
import fc from 'fast-check'
import { SocketAddress } from 'node:net'
import { expect, it } from 'vitest'
import { PEER_WORDS, PeerBook, peerOf } from '../../../src/admin/inspect/peer-book.ts'

function remembered(address: string | undefined, port: number | undefined): string | undefined {
  const book = new PeerBook()
  book.remember(3, address, port)
  const words = new Int32Array(PEER_WORDS * 2)
  book.copy(3, words, PEER_WORDS)
  return peerOf(words, PEER_WORDS)
}

it.each([
  ['127.0.0.1', 7400, '127.0.0.1:7400'],
  ['255.254.253.252', 65_535, '255.254.253.252:65535'],
  ['::ffff:10.0.0.1', 1, '10.0.0.1:1'],
  ['::1', 7400, '[::1]:7400'],
  ['fe80::1%eth0', 7400, '[fe80::1]:7400'],
  ['2001:db8:ffff:ffff:ffff:ffff:ffff:fffe', 2, '[2001:db8:ffff:ffff:ffff:ffff:ffff:fffe]:2'],
])('%s and port %i come back as %s', (address, port, text) => {
  expect(remembered(address, port)).toBe(text)
})

it('what has no address has none', () => {
  expect(remembered(undefined, undefined)).toBe(undefined)
  expect(remembered('', undefined)).toBe(undefined)
})

it('any IPv6 address comes back as it is written shortest', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 0, max: 65_535 }), (address, port) => {
      const shortest = new SocketAddress({ address, family: 'ipv6' }).address
      const expected = shortest.startsWith('::ffff:') && shortest.includes('.') ? undefined : `[${shortest}]:${port}`
      if (expected !== undefined) expect(remembered(shortest, port)).toBe(expected)
    }),
  )
})

it('a place that was forgotten has none, and others keep theirs, also beyond the first memory', () => {
  const book = new PeerBook()
  for (let place = 0; place < 2000; place++) book.remember(place, `10.0.${place >> 8}.${place & 255}`, place)
  book.forget(7)
  const words = new Int32Array(PEER_WORDS)
  const at = (place: number): string | undefined => {
    book.copy(place, words, 0)
    return peerOf(words, 0)
  }
  expect([at(6), at(7), at(8), at(1999)]).toEqual(['10.0.0.6:6', undefined, '10.0.0.8:8', '10.0.7.207:1999'])
})
