import {
  crc32,
  DECODE_FRAME,
  encodeFrame,
  FrameDecoder,
  ID_MAX,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
} from '@shardwire/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { FrameTemplate, viewOf } from '../../src/load/frame-template.ts'
import type { FrameShape } from '../../src/load/frame-template.ts'

const shapes = fc.record<FrameShape>({
  mode: fc.constantFrom('message', 'request'),
  route: fc.integer({ min: 1, max: 4095 }),
  payloadBytes: fc.oneof(fc.integer({ min: 0, max: 24 }), fc.integer({ min: 300, max: 2000 })),
})
const sequences = fc.integer({ min: 1, max: ID_MAX })
const connections = fc.integer({ min: 0, max: ID_MAX })

function stamped(
  template: FrameTemplate,
  blank: Uint8Array,
  connection: number,
  sequence: number,
  flip = 0,
): Uint8Array {
  const frame = blank.slice()
  const crc = template.crcFor(template.connectionCrc(connection), sequence) ^ flip
  template.stamp(viewOf(frame), 0, connection, sequence, crc)
  return frame
}

test('a stamped frame is what the encoder makes of the same fields', () => {
  fc.assert(
    fc.property(shapes, connections, sequences, (shape, connection, sequence) => {
      const template = new FrameTemplate(shape)
      const frame = stamped(template, template.request, connection, sequence)
      const isRequest = shape.mode === 'request'
      const body = frame.slice(isRequest ? 10 : 6, -4)
      const kind = isRequest ? KIND_REQUEST : KIND_MESSAGE
      expect(body.length).toBe(shape.payloadBytes)
      expect(frame).toEqual(encodeFrame({ kind, route: shape.route, id: sequence, body }))
    }),
  )
})

test('its answer is the same body under the kind of an answer, and whole', () => {
  fc.assert(
    fc.property(shapes, connections, sequences, (shape, connection, sequence) => {
      const template = new FrameTemplate(shape)
      const request = stamped(template, template.request, connection, sequence)
      const answer = stamped(template, template.answer, connection, sequence, template.answerCrcFlip)
      const decoder = new FrameDecoder(4096)
      expect(decoder.next({ brokenCode: 0 }, answer, 0, answer.length)).toBe(DECODE_FRAME)
      expect(decoder.kind).toBe(shape.mode === 'request' ? KIND_RESPONSE : KIND_MESSAGE)
      expect(answer.slice(2, -4)).toEqual(request.slice(2, -4))
    }),
  )
})

test('sequence and connection stand in the payload from 4 and from 8 bytes on', () => {
  const bodyOf = (payloadBytes: number): string => {
    const template = new FrameTemplate({ mode: 'message', route: 1, payloadBytes })
    return Buffer.from(stamped(template, template.request, 0x01020304, 0x0a0b0c0d).slice(6, -4)).toString('hex')
  }
  expect(bodyOf(0)).toBe('')
  expect(bodyOf(3)).toBe('616263')
  expect(bodyOf(4)).toBe('0a0b0c0d')
  expect(bodyOf(7)).toBe('0a0b0c0d656667')
  expect(bodyOf(9)).toBe(`010203040a0b0c0d${Buffer.from('i').toString('hex')}`)
})

test('the CRC of the largest frame is right as well', () => {
  const template = new FrameTemplate({ mode: 'request', route: 4095, payloadBytes: 1_048_576 })
  const frame = stamped(template, template.request, 7, 123_456_789)
  const end = frame.length - 4
  expect(viewOf(frame).getUint32(end)).toBe(crc32(frame, 0, end))
})

test('every byte belongs to a field', () => {
  const template = new FrameTemplate({ mode: 'request', route: 1, payloadBytes: 2 })
  const names = Array.from({ length: template.frameBytes }, (_, offset) => template.fieldAt(offset))
  const expected = [...new Array<string>(2).fill('header'), ...new Array<string>(4).fill('length')]
  expected.push(...new Array<string>(4).fill('id'), 'payload', 'payload', ...new Array<string>(4).fill('crc'))
  expect(names).toEqual(expected)
})
