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

import { FrameTemplate } from '../../../src/load/message/frame-template.ts'
import { letters, viewOf } from '../../../src/load/message/template.ts'

const forms = fc.record({
  kind: fc.constantFrom(KIND_MESSAGE, KIND_REQUEST, KIND_RESPONSE),
  route: fc.integer({ min: 1, max: 4095 }),
  body: fc
    .oneof(fc.integer({ min: 0, max: 24 }), fc.integer({ min: 300, max: 2000 }))
    .map((bytes): Uint8Array => letters(bytes)),
  isStamped: fc.boolean(),
})
const sequences = fc.integer({ min: 1, max: ID_MAX })
const connections = fc.integer({ min: 0, max: ID_MAX })

function stamped(template: FrameTemplate, connection: number, sequence: number): Uint8Array {
  const frame = template.blank.slice()
  template.stamp(viewOf(frame), 0, connection, sequence)
  return frame
}

test('a stamped frame is what the encoder makes of the same fields', () => {
  fc.assert(
    fc.property(forms, connections, sequences, (form, connection, sequence) => {
      const frame = stamped(new FrameTemplate(form), connection, sequence)
      const body = frame.slice(form.kind === KIND_MESSAGE ? 6 : 10, -4)
      expect(body.length).toBe(form.body.length)
      expect(frame).toEqual(encodeFrame({ kind: form.kind, route: form.route, id: sequence, body }))
      if (!form.isStamped) expect(body).toEqual(form.body)
    }),
  )
})

test('request and answer of one stamp have the same id and body', () => {
  fc.assert(
    fc.property(forms, connections, sequences, (form, connection, sequence) => {
      const request = stamped(new FrameTemplate({ ...form, kind: KIND_REQUEST }), connection, sequence)
      const answer = stamped(new FrameTemplate({ ...form, kind: KIND_RESPONSE }), connection, sequence)
      const decoder = new FrameDecoder(4096)
      expect(decoder.next({ brokenCode: 0 }, answer, 0, answer.length)).toBe(DECODE_FRAME)
      expect(decoder.kind).toBe(KIND_RESPONSE)
      expect(answer.slice(2, -4)).toEqual(request.slice(2, -4))
    }),
  )
})

test('sequence and connection stand in the payload from 4 and from 8 bytes on', () => {
  const bodyOf = (payloadBytes: number): string => {
    const template = new FrameTemplate({ kind: KIND_MESSAGE, route: 1, body: letters(payloadBytes), isStamped: true })
    return Buffer.from(stamped(template, 0x01020304, 0x0a0b0c0d).slice(6, -4)).toString('hex')
  }
  expect(bodyOf(0)).toBe('')
  expect(bodyOf(3)).toBe('616263')
  expect(bodyOf(4)).toBe('0a0b0c0d')
  expect(bodyOf(7)).toBe('0a0b0c0d656667')
  expect(bodyOf(9)).toBe(`010203040a0b0c0d${Buffer.from('i').toString('hex')}`)
})

test('the CRC of the largest frame is right as well', () => {
  const form = { kind: KIND_REQUEST, route: 4095, body: letters(1_048_576), isStamped: true }
  const frame = stamped(new FrameTemplate(form), 7, 123_456_789)
  const end = frame.length - 4
  expect(viewOf(frame).getUint32(end)).toBe(crc32(frame, 0, end))
})

test('every byte belongs to a field', () => {
  const template = new FrameTemplate({ kind: KIND_REQUEST, route: 1, body: letters(2), isStamped: true })
  const names = Array.from({ length: template.bytes }, (_, offset) => template.fieldAt(offset))
  const expected = [...new Array<string>(2).fill('header'), ...new Array<string>(4).fill('length')]
  expected.push(...new Array<string>(4).fill('id'), 'payload', 'payload', ...new Array<string>(4).fill('crc'))
  expect(names).toEqual(expected)
})
