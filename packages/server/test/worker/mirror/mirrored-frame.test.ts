import {
  DECODE_FRAME,
  encodeFrame,
  encodeMetadata,
  FrameDecoder,
  KIND_MESSAGE,
  KIND_REQUEST,
  type Frame,
} from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { writeMirrored } from '../../../src/worker/mirror/mirrored-frame.ts'

const META = encodeMetadata({ deadlineMs: 1000, rest: { tag: 'x' } })

function mirrored(frame: Frame, id: number): Uint8Array {
  const bytes = encodeFrame(frame)
  const memory = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('behind')])
  const decoder = new FrameDecoder(1_048_576)
  expect(decoder.next({ brokenCode: 0 }, memory, 6, memory.length)).toBe(DECODE_FRAME)
  const target = new Uint8Array(bytes.length + 20).fill(0xee)
  writeMirrored(decoder, memory, target, 10, id)
  expect(memory.subarray(6, 6 + bytes.length)).toEqual(Buffer.from(bytes))
  expect([...target.subarray(0, 10), ...target.subarray(-10)]).toEqual(Array.from({ length: 20 }, () => 0xee))
  return target.subarray(10, -10)
}

describe.each([0, 1, 16, 31, 32, 33, 255, 256, 257, 4096, 70_000])('a body of %i bytes', (bytes) => {
  const body = Uint8Array.from({ length: bytes }, (_, index) => index * 7)

  it.each([1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])('a REQUEST is the one that has the id %i', (id) => {
    const frame = { kind: KIND_REQUEST, route: 7, id: 42, body }
    expect(mirrored(frame, id)).toEqual(encodeFrame({ ...frame, id }))
    expect(mirrored({ ...frame, meta: META }, id)).toEqual(encodeFrame({ ...frame, id, meta: META }))
  })

  it('a MESSAGE is what came', () => {
    const frame = { kind: KIND_MESSAGE, route: 7, body }
    expect(mirrored(frame, 9)).toEqual(encodeFrame(frame))
    expect(mirrored({ ...frame, meta: META }, 9)).toEqual(encodeFrame({ ...frame, meta: META }))
  })
})
