/** Frames that are looked for all at once: what comes of them is what comes of them one by one. */
import {
  allocateKernelMemory,
  DECODE_FRAME,
  encodeFrame,
  type Frame,
  FrameDecoder,
  KIND_CONTROL,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
} from '@shardwire/protocol'
import { joinBytes, mutate, type Random, withSeed } from '@shardwire/testkit'
import { expect, test } from 'vitest'
import { FOUND_MAX, FOUND_WORDS } from '../src/crc/kernel-layout.ts'
import { found, scanFrames } from '../src/frame-scan.ts'
import { decodeWhole } from './support/feed.ts'
import { decodeStream } from './support/oracle-decoder.ts'

const MAX = 2000
const inKernel = allocateKernelMemory(128 * 1024) ?? expect.fail('this Node has no CRC kernel, or its memory is spent')

/** Plain frames, mostly of nearly one length, as the lanes have it, or of any. */
function run(random: Random, count: number): Uint8Array[] {
  const bodyBytes = random.pick([0, 1, 3, 8, 16, 64, 100, 170, 186, 400])
  const spread = random.pick([0, 0, 1, 20, 300])
  return Array.from({ length: count }, () => {
    const body = random.bytes(bodyBytes + random.integer(0, spread))
    const kind = random.pick([KIND_MESSAGE, KIND_REQUEST])
    return encodeFrame({ kind, route: random.integer(0, 4095), id: random.integer(1, 0xffff_ffff), body })
  })
}

function other(random: Random): Uint8Array {
  const meta = new Uint8Array([0x80])
  const frames: readonly Frame[] = [
    { kind: KIND_MESSAGE, route: 1, meta },
    { kind: KIND_REQUEST, route: 1, id: 7, meta, body: random.bytes(9) },
    { kind: KIND_REQUEST, route: 1, id: 0, body: random.bytes(9) },
    { kind: KIND_RESPONSE, route: 1, id: 7, body: random.bytes(70) },
    { kind: KIND_CONTROL, route: 0, body: random.bytes(8) },
    { kind: KIND_MESSAGE, route: 1, body: random.bytes(MAX + 1) },
  ]
  return encodeFrame(random.pick(frames))
}

test('whatever stands in a read, wherever it stands', async () => {
  await withSeed('frames of a read', (random) => {
    const codes = new Set<number>()
    for (let round = 0; round < 3000; round++) {
      const parts = run(random, random.integer(0, 40))
      if (random.next() < 0.3) parts.splice(random.integer(0, parts.length), 0, other(random))
      const whole = joinBytes(parts)
      const stream = random.next() < 0.4 && whole.length > 0 ? mutate(whole, random) : whole
      const oracle = decodeStream(stream, MAX)
      codes.add(oracle.code)
      expect(decodeWhole(stream, inKernel, random.integer(0, 33), MAX), `round ${round}`).toEqual(oracle)
    }
    expect(codes).toEqual(new Set([0, 1, 2, 3]))
  })
}, 60_000)

test('the first frame that is wrong is told apart in each lane, by every bit that may be wrong', () => {
  const frames = Array.from({ length: 16 }, (_, index) => {
    return encodeFrame({
      kind: KIND_REQUEST,
      route: 1,
      id: index + 1,
      body: new Uint8Array(20 + (index % 3)).fill(index),
    })
  })
  const starts = frames.map((_, index) => joinBytes(frames.slice(0, index)).length)
  inKernel.set(joinBytes(frames))
  const end = joinBytes(frames).length
  expect(scanFrames(inKernel, 0, end, MAX)).toBe(16)
  for (const [index, frame] of frames.entries()) {
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const at = (starts[index] ?? 0) + (bit >> 3)
      const byte = inKernel[at] ?? 0
      inKernel[at] = byte ^ (1 << (bit & 7))
      expect(scanFrames(inKernel, 0, end, MAX), `frame ${index}, bit ${bit}`).toBe(index)
      inKernel[at] = byte
    }
  }
})

test('every count of frames around that of the lanes, whole and cut', () => {
  for (let count = 0; count <= 35; count++) {
    const frames = Array.from({ length: count }, (_, id) => encodeFrame({ kind: KIND_REQUEST, route: 9, id: id + 1 }))
    const stream = joinBytes(frames)
    inKernel.set(stream, 5)
    expect(scanFrames(inKernel, 5, 5 + stream.length, MAX), `${count} frames`).toBe(count)
    const ids = Array.from({ length: count }, (_, index) => found[index * FOUND_WORDS + 2])
    expect(ids).toEqual(Array.from({ length: count }, (_, index) => index + 1))
    if (count > 0) expect(scanFrames(inKernel, 5, 4 + stream.length, MAX), `${count} frames, cut`).toBe(count - 1)
  }
})

test('more frames than are found at once are decoded all the same', () => {
  const count = 3 * FOUND_MAX + 5
  const body = new Uint8Array(7).fill(3)
  const stream = joinBytes(Array.from({ length: count }, () => encodeFrame({ kind: KIND_MESSAGE, route: 2, body })))
  const { frames, code, rest } = decodeWhole(stream, inKernel, 0, MAX)
  expect([frames.length, code, rest]).toEqual([count, 0, 0])
  inKernel.set(stream)
  expect(scanFrames(inKernel, 0, stream.length, MAX)).toBe(FOUND_MAX)
})

test('a length that no memory has is not added up to a short one', () => {
  const frame = encodeFrame({ kind: KIND_MESSAGE, route: 1, body: new Uint8Array(30) })
  for (const length of [0xffff_fff6, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff]) {
    new DataView(frame.buffer, frame.byteOffset).setUint32(2, length)
    inKernel.set(frame)
    expect(scanFrames(inKernel, 0, frame.length, 0xffff_ffff)).toBe(0)
  }
})

test('memory elsewhere is left to the decoder', () => {
  const frame = encodeFrame({ kind: KIND_MESSAGE, route: 1 })
  expect(scanFrames(frame, 0, frame.length, MAX)).toBe(0)
})

test('a decoder that begins within the frames of another one changes nothing for that', () => {
  const frames = (count: number, bytes: number): Uint8Array[] => {
    return Array.from({ length: count }, (_, index) => {
      return encodeFrame({ kind: KIND_REQUEST, route: 1, id: index + 1, body: new Uint8Array(bytes).fill(index + 1) })
    })
  }
  const [outer, inner] = [joinBytes(frames(20, 30)), joinBytes(frames(20, 300))]
  inKernel.set(outer)
  inKernel.set(inner, outer.length)
  const [decoder, nested] = [new FrameDecoder(MAX), new FrameDecoder(MAX)]
  const stream = { brokenCode: 0 }
  decoder.begin(inKernel, 0, outer.length)
  let at = 0
  for (let id = 1; id <= 20; id++) {
    expect(decoder.next(stream, inKernel, at, outer.length)).toBe(DECODE_FRAME)
    expect([decoder.id, decoder.bodyEnd - decoder.bodyStart]).toEqual([id, 30])
    at = decoder.frameEnd
    if (id % 3 === 0) nested.begin(inKernel, outer.length, outer.length + inner.length)
  }
  expect(at).toBe(outer.length)
})
