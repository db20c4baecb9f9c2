import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProxyHeader, type ProxyVersions } from '../../src/worker/proxy-header.ts'
import { header1, header2 } from './proxy-headers.ts'

/** Gives it what it wants, at most `most` bytes at a time. @returns bytes that were taken */
function feed(header: ProxyHeader, bytes: Uint8Array, most = Number.POSITIVE_INFINITY): number {
  let at = 0
  while (header.wanted > 0 && header.fault === undefined && at < bytes.length) {
    const part = bytes.subarray(at, at + Math.min(header.wanted, most))
    header.push(part, part.length)
    at += part.length
  }
  return at
}

function read(bytes: Uint8Array | string, versions: ProxyVersions = 'any'): ProxyHeader {
  const header = new ProxyHeader(versions)
  feed(header, typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
  return header
}

/** Bytes of version 2, laid out by hand. */
function raw2(command: number, family: number, tail: Uint8Array, length = tail.length): Uint8Array {
  return Buffer.concat([
    Buffer.from('0d0a0d0a000d0a515549540a', 'hex'),
    Buffer.of(command, family, length >> 8, length & 255),
    tail,
  ])
}

const VALID: readonly [string, Uint8Array, object | undefined][] = [
  ['TCP4', header1('TCP4 255.255.255.255 1.1.1.1 65535 1'), { address: '255.255.255.255', port: 65_535 }],
  [
    'TCP6',
    header1(`TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535`),
    { address: `${'ffff:'.repeat(7)}ffff`, port: 65_535 },
  ],
  ['UNKNOWN', header1('UNKNOWN'), undefined],
  ['UNKNOWN with addresses', header1('UNKNOWN ffff::1 ffff::2 1 2'), undefined],
  ['v2 TCP4', header2('1.2.3.4', 9), { address: '1.2.3.4', port: 9 }],
  ['v2 TCP6', header2('2001:db8::1', 9), { address: '2001:db8::1', port: 9 }],
  ['v2 TCP6 with TLVs', header2('2001:db8::1', 9, 4000), { address: '2001:db8::1', port: 9 }],
  ['v2 LOCAL', header2(undefined, 0), undefined],
  ['v2 LOCAL with a family and bytes that mean nothing', raw2(0x20, 0x99, Buffer.alloc(5)), undefined],
  ['v2 UNSPEC', raw2(0x21, 0, Buffer.alloc(7)), undefined],
  ['v2 Unix', raw2(0x21, 0x31, Buffer.alloc(216, 0x61)), undefined],
]

describe.each(VALID)('a header of %s', (_, bytes, client) => {
  it('is read to its last byte and no further, however it is cut', () => {
    for (let most = 1; most <= bytes.length; most++) {
      const header = new ProxyHeader('any')
      const taken = feed(header, Buffer.concat([bytes, Buffer.from('what follows')]), most)
      expect([taken, header.wanted, header.fault, header.client]).toEqual([bytes.length, 0, undefined, client])
    }
  })

  it('is not complete before its last byte', () => {
    for (let end = 0; end < bytes.length; end++) {
      const header = read(bytes.subarray(0, end))
      expect([header.wanted > 0, header.fault]).toEqual([true, undefined])
    }
  })
})

describe('no header', () => {
  it.each([
    ['a frame', Buffer.from('0001000000017811f5c494', 'hex'), 'does not begin with'],
    ['one byte that begins neither', 'X', 'does not begin with'],
    ['a line without CR', 'PROXY UNKNOWN\n......', 'CRLF'],
    ['a line that is too long', `PROXY UNKNOWN ${'x'.repeat(200)}`, 'more than 107 bytes'],
    ['another family', 'PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n', 'two addresses'],
    ['an address of the other family', 'PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n', 'two addresses'],
    ['a missing port', 'PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n', 'two addresses'],
    ['a port that is too high', 'PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n', 'above 65535'],
    ['lower case', 'proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n', 'does not begin with'],
    ['version 3', raw2(0x31, 0x11, Buffer.alloc(12)), 'version and command 0x31'],
    ['an unknown command', raw2(0x22, 0x11, Buffer.alloc(12)), 'version and command 0x22'],
    ['UDP', raw2(0x21, 0x12, Buffer.alloc(12)), 'family and transport 0x12'],
    ['addresses that are cut', raw2(0x21, 0x21, Buffer.alloc(12)), '36 are needed'],
    ['more than anybody sends', raw2(0x21, 0x11, Buffer.alloc(12), 4097), 'more than 4096'],
  ])('%s', (_, bytes, fault) => {
    expect(read(bytes).fault).toContain(fault)
  })

  it('of the other version than is expected', () => {
    expect(read(header1('UNKNOWN'), 'v2').fault).toContain('of v2')
    expect(read(header2('1.2.3.4', 1), 'v1').fault).toContain('of v1')
    expect([read(header1('UNKNOWN'), 'v1').fault, read(header2('1.2.3.4', 1), 'v2').fault]).toEqual([
      undefined,
      undefined,
    ])
  })

  it('whatever bytes come, it ends within its bound and never takes more than it wanted', () => {
    const start = fc.constantFrom(...VALID.map(([, bytes]) => bytes))
    const bytes = fc.tuple(start, fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 60 }))
    fc.assert(
      fc.property(bytes, ([begin, rest, cut]) => {
        const header = new ProxyHeader('any')
        const all = Buffer.concat([begin.subarray(0, cut), rest, Buffer.alloc(5000)])
        return feed(header, all) <= 16 + 4096 && (header.wanted === 0 || header.fault !== undefined)
      }),
    )
  })
})
