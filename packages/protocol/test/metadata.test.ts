/** Metadata: the two known keys, everything else for the handler, and what is refused. */
import {
  BAD_FRAME,
  encodeBody,
  encodeMetadata,
  isTraceparent,
  META_BYTES_MAX,
  parseMetadata,
  ShardwireError,
} from '@shardwire/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { propertyRuns } from './support/property.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const PARENT_ID = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE_ID}-${PARENT_ID}-01`

function parse(value: unknown): unknown {
  const block = encodeBody(value)
  return parseMetadata(block, 0, block.length)
}

test('what is encoded is parsed, the unknown keys apart', () => {
  const block = encodeMetadata({ deadlineMs: 1500, traceparent: TRACEPARENT, tenant: 'blue', hops: [1, 2] })
  expect(parseMetadata(block, 0, block.length)).toEqual({
    deadlineMs: 1500,
    traceparent: TRACEPARENT,
    rest: { tenant: 'blue', hops: [1, 2] },
  })
})

test('an empty map, undefined and nil say nothing', () => {
  expect(parse({})).toEqual({ rest: {} })
  expect(parse({ deadlineMs: null, traceparent: null })).toEqual({ rest: {} })
  expect(encodeMetadata({ deadlineMs: undefined, traceparent: undefined })).toEqual(encodeBody({}))
})

test('a deadline is an unsigned integer, and a float without a fraction is one', () => {
  for (const deadlineMs of [0, 1, 4_294_967_296, Number.MAX_SAFE_INTEGER]) {
    expect(parse({ deadlineMs })).toEqual({ deadlineMs, rest: {} })
  }
  const float = Uint8Array.of(0x81, 0xaa, ...Buffer.from('deadlineMs'), 0xcb, 0x40, 0x14, 0, 0, 0, 0, 0, 0)
  expect(parseMetadata(float, 0, float.length)).toEqual({ deadlineMs: 5, rest: {} })
})

test('any other deadline is BAD_FRAME: a caller that meant one is not served without', () => {
  for (const deadlineMs of [-1, 1.5, '5', true, [], NaN, Infinity, new Date(5)]) {
    expect(() => parse({ deadlineMs }), String(deadlineMs)).toThrow(ShardwireError)
    expect(() => parse({ deadlineMs }), String(deadlineMs)).toThrow(/deadlineMs/)
  }
})

test('a traceparent is one by the syntax of W3C, and ignored when it is not', () => {
  const good = [TRACEPARENT, `00-${TRACE_ID}-${PARENT_ID}-ff`, `cc-${TRACE_ID}-${PARENT_ID}-01`]
  const later = [`01-${TRACE_ID}-${PARENT_ID}-01-`, `fe-${TRACE_ID}-${PARENT_ID}-01-what-ever`]
  for (const traceparent of [...good, ...later]) expect(parse({ traceparent })).toEqual({ traceparent, rest: {} })
  const bad = [
    ...['', 'x', 5, null, [], `${TRACEPARENT} `, ` ${TRACEPARENT}`, `${TRACEPARENT}\n`, TRACEPARENT.toUpperCase()],
    ...[`ff-${TRACE_ID}-${PARENT_ID}-01`, `00-${TRACE_ID}-${PARENT_ID}-01-more`, `01-${TRACE_ID}-${PARENT_ID}-01more`],
    ...[`00-${'0'.repeat(32)}-${PARENT_ID}-01`, `00-${TRACE_ID}-${'0'.repeat(16)}-01`, `00-${TRACE_ID}-${PARENT_ID}`],
    ...[`0-${TRACE_ID}-${PARENT_ID}-01`, `00-${TRACE_ID}-${PARENT_ID}-1`, `00_${TRACE_ID}_${PARENT_ID}_01`],
  ]
  for (const traceparent of bad) {
    expect(isTraceparent(traceparent)).toBe(false)
    expect(parse({ traceparent }), String(traceparent)).toEqual({ rest: {} })
  }
})

test('what is no map within the limits is BAD_FRAME', () => {
  for (const value of [null, [], 'x', { a: { b: { c: { d: {} } } } }]) {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: BAD_FRAME }))
  }
})

test('what no receiver would take is not encoded', () => {
  for (const deadlineMs of [-1, 0.5, NaN, Infinity]) expect(() => encodeMetadata({ deadlineMs })).toThrow(RangeError)
  expect(() => encodeMetadata({ traceparent: 'x' })).toThrow(TypeError)
  expect(() => encodeMetadata({ fill: new Uint8Array(META_BYTES_MAX) })).toThrow(RangeError)
  expect(() => encodeMetadata({ a: { b: { c: { d: 1 } } } })).not.toThrow()
  expect(() => encodeMetadata({ a: { b: { c: { d: {} } } } })).toThrow(RangeError)
  expect(() => encodeMetadata({ f: () => 1 })).toThrow(TypeError)
})

test('no bytes make it throw anything but BAD_FRAME', () => {
  const noise = fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    try {
      parseMetadata(bytes, 0, bytes.length)
    } catch (error) {
      expect(error).toMatchObject({ code: BAD_FRAME })
    }
  })
  fc.assert(noise, propertyRuns('metadata of noise', 5000))
})
