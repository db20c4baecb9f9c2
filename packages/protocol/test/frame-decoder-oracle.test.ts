/** The decoder against an oracle: any frames, with any damage, cut in any way. */
import { BAD_CRC, BAD_FRAME, encodeFrame, type Frame, FRAME_TOO_LARGE, sealFrame, writeU16 } from '@shardwire/protocol'
import { joinBytes, Random, randomChunks } from '@shardwire/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex } from '../../../scripts/protocol-vectors/vector.ts'
import { decodeParts } from './support/feed.ts'
import { decodeStream } from './support/oracle-decoder.ts'
import { propertyRuns } from './support/property.ts'

/** One byte of one frame, changed; `seal` gives the frame a CRC that fits again. */
interface Damage {
  readonly at: number
  readonly byte: number
  readonly seal: boolean
}

interface GivenStream {
  readonly list: readonly (Omit<Frame, 'meta'> & { readonly meta: Uint8Array | undefined })[]
  readonly damages: readonly Damage[]
  readonly cutOff: number
}

const blocks = fc.constantFrom('80', '81a16101', '81aa646561646c696e654d73cd05dc', '90', '8101c0', '81a161c1', '')
const frames = fc.record({
  meta: fc.option(blocks.map(fromHex), { freq: 3, nil: undefined }),
  kind: fc.constantFrom(0, 0, 1, 1, 2, 3, 4, 5, 6, 7),
  route: fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constant(4095)),
  id: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(0xffff_ffff)),
  body: fc.uint8Array({ maxLength: 140 }),
})
const damage = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), seal: fc.boolean() })
const streams = fc.record({
  list: fc.array(frames, { maxLength: 6 }),
  damages: fc.array(damage, { maxLength: 2 }),
  seed: fc.nat(),
  cutOff: fc.nat({ max: 12 }),
})

/** The frames one after the other, damaged, and without their last bytes. */
function bytesOf({ list, damages, cutOff }: GivenStream): Uint8Array {
  const parts = list.map(({ meta, ...fields }) => encodeFrame(meta === undefined ? fields : { ...fields, meta }))
  for (const { at, byte, seal } of damages) {
    const frame = parts[at % Math.max(1, parts.length)]
    if (frame === undefined) continue
    frame[(at >> 3) % frame.length] = byte
    if (seal) sealFrame(frame, 0, frame.length - 4)
  }
  const stream = joinBytes(parts)
  return stream.subarray(0, Math.max(0, stream.length - cutOff))
}

test('any frames, with any damage, cut in any way', () => {
  const codes = new Set<number>()
  const agree = fc.property(streams, (given) => {
    const bytes = bytesOf(given)
    const oracle = decodeStream(bytes, 150)
    codes.add(oracle.code)
    const chunks = randomChunks(bytes, new Random(given.seed), 40)
    const { frames: found, code, rest } = decodeParts(chunks, 150)
    expect({ found, code }).toEqual({ found: oracle.frames, code: oracle.code })
    if (code === 0) expect(rest).toBe(oracle.rest)
  })
  fc.assert(agree, propertyRuns('decoder against the oracle', 20_000))
  expect(codes).toEqual(new Set([0, BAD_FRAME, BAD_CRC, FRAME_TOO_LARGE]))
})

test('random headers over random bytes', () => {
  const noise = fc.uint8Array({ maxLength: 60 })
  const sealed = fc.property(fc.nat({ max: 0xffff }), noise, (header, payload) => {
    const memory = new Uint8Array(payload.length + 10)
    memory.set(payload, 6)
    writeU16(memory, 0, header)
    sealFrame(memory, 0, 6 + payload.length)
    const oracle = decodeStream(memory, 150)
    expect(decodeParts([memory], 150)).toMatchObject({ frames: oracle.frames, code: oracle.code })
  })
  fc.assert(sealed, propertyRuns('decoder over noise', 20_000))
})
