/** The encoder: the bytes of every vector, and a frame that is valid only once it is sealed. */
import {
  BAD_CRC,
  encodeFrame,
  frameBytesOf,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  META_BYTES_MAX,
  openFrame,
  sealFrame,
  writeFrame,
} from '@shardwire/protocol'
import { withSeed } from '@shardwire/testkit'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { encodeFields, fromHex, toHex } from '../../../scripts/protocol-vectors/vector.ts'
import { decodeStream } from './support/oracle-decoder.ts'
import { VECTORS } from './support/vectors.ts'

describe('vectors', () => {
  test.each(VECTORS.validFrames.filter(({ decodeOnly }) => decodeOnly !== true))('$name', (vector) => {
    expect(toHex(encodeFields(vector))).toBe(vector.hex)
  })
})

test('the example of the protocol page, byte by byte', () => {
  const frame = encodeFrame({ kind: KIND_MESSAGE, route: 1, body: Uint8Array.of(0x78) })
  expect([...frame]).toEqual([0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x78, 0x11, 0xf5, 0xc4, 0x94])
})

test('writing in place gives the bytes of encodeFrame, at any offset, and the offset behind it', async () => {
  await withSeed('encoder in place', (random) => {
    for (let run = 0; run < 1000; run++) {
      const kind = random.integer(0, 4)
      const [route, id, at] = [random.integer(0, 4095), random.integer(0, 0xffff_ffff), random.integer(0, 20)]
      const body = random.bytes(random.integer(0, 500))
      const expected = encodeFrame({ kind, route, id, body })
      const memory = new Uint8Array(at + expected.length + 5).fill(0xee)
      expect(frameBytesOf(kind, body.length)).toBe(expected.length)
      expect(writeFrame(memory, at, kind, route, id, body, 0, body.length)).toBe(at + expected.length)
      expect(toHex(memory)).toBe('ee'.repeat(at) + toHex(expected) + 'ee'.repeat(5))
    }
  })
})

test('the body may be written between opening and sealing', () => {
  const memory = new Uint8Array(32)
  const body = openFrame(memory, 2, KIND_REQUEST, 5, 7)
  memory.set(fromHex('aabbcc'), body)
  const end = sealFrame(memory, 2, body + 3)
  expect(toHex(memory.subarray(2, end))).toBe(
    toHex(encodeFrame({ kind: KIND_REQUEST, route: 5, id: 7, body: fromHex('aabbcc') })),
  )
})

test('a frame that is not sealed is not valid', () => {
  const memory = new Uint8Array(14)
  openFrame(memory, 0, KIND_RESPONSE, 1, 1)
  memory[5] = 4
  expect(decodeStream(memory, 100).code).toBe(BAD_CRC)
})

test('the CRC covers header, length and payload', () => {
  const frame = Buffer.from(encodeFrame({ kind: KIND_REQUEST, route: 2, id: 3, body: fromHex('0102') }))
  expect(frame.readUInt32BE(frame.length - 4)).toBe(crc32(frame.subarray(0, -4)))
})

test('a metadata block above the limit is refused', () => {
  const meta = new Uint8Array(META_BYTES_MAX + 1)
  expect(() => encodeFrame({ kind: KIND_MESSAGE, route: 1, meta })).toThrow(RangeError)
})
