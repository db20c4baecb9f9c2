/**
 * Owns the cases of bodies: a small map, as requests carry it, between bytes and values.
 * Must not know: frames.
 */
import { decode, encode } from '@msgpack/msgpack'
import { decodeBody, encodeBody } from '@shardwire/protocol'
import type { Variant } from './loop.ts'
import type { MicroCase } from './micro-case.ts'

const VALUES = Array.from({ length: 200 }, (_, n) => ({
  uid: `device-${n * 7919}`,
  val: `reading number ${n}`,
  sequence: n * 65_537,
  celsius: 20 + n / 7,
  valid: n % 3 === 0,
}))

function decoding(name: string, bytes: readonly Uint8Array[], read: (bytes: Uint8Array) => unknown): Variant {
  return {
    name,
    operations: bytes.length,
    run() {
      let sum = 0
      for (const one of bytes) sum += (read(one) as { sequence: number }).sequence
      return sum
    },
  }
}

function encoding(name: string, write: (value: unknown) => Uint8Array): Variant {
  return {
    name,
    operations: VALUES.length,
    run() {
      let sum = 0
      for (const value of VALUES) sum += write(value).length
      return sum
    },
  }
}

const PEERS = '@msgpack/msgpack, the library below it, does without its checks, and reuses no encoder'

export const bodyCases: readonly MicroCase[] = [
  {
    name: 'body-decode',
    unit: 'ns',
    ratios: [
      ['decodeBody', '@msgpack/msgpack'],
      ['decodeBody', 'JSON.parse'],
    ],
    notes: [PEERS, 'JSON from bytes, as they come from a socket'],
    build: () => {
      const packed = VALUES.map((value) => encodeBody(value))
      return [
        decoding('decodeBody', packed, (bytes) => decodeBody(bytes, 0, bytes.length)),
        decoding('@msgpack/msgpack', packed, (bytes) => decode(bytes)),
        decoding(
          'JSON.parse',
          VALUES.map((value) => Buffer.from(JSON.stringify(value))),
          (bytes) => JSON.parse((bytes as Buffer).toString('utf8')),
        ),
      ]
    },
  },
  {
    name: 'body-encode',
    unit: 'ns',
    ratios: [
      ['encodeBody', '@msgpack/msgpack'],
      ['encodeBody', 'JSON.stringify'],
    ],
    notes: [PEERS, 'JSON to bytes, as they go to a socket'],
    build: () => [
      encoding('encodeBody', (value) => encodeBody(value)),
      encoding('@msgpack/msgpack', (value) => encode(value)),
      encoding('JSON.stringify', (value) => Buffer.from(JSON.stringify(value))),
    ],
  },
]
