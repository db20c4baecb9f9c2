/** HELLO, WELCOME and GOAWAY: there and back, their limits, and what is none of them. */
import {
  CONTROL_BYTES_MAX,
  encodeBody,
  encodeGoaway,
  encodeHello,
  encodeWelcome,
  type Goaway,
  parseGoaway,
  parseHello,
  parseWelcome,
} from '@shardwire/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../../scripts/protocol-vectors/vector.ts'
import { propertyRuns } from './support/property.ts'
import { VECTORS } from './support/vectors.ts'

const WELCOME = { protocol: 1, server: 's/1', connection: 'c-1', shard: 3, maxFrameBytes: 1024, heartbeatMs: 0 }
const GOAWAY: Goaway = { reason: 'drain', retry: 'later', retryAfterMs: 1, jitterMs: 2, deadlineMs: 3 }

type Parser = (memory: Uint8Array, start: number, end: number) => unknown

/** The payload of a whole frame, parsed. */
function parseFrame(frame: Uint8Array, parse: Parser): unknown {
  return parse(frame, 6, frame.length - 4)
}

function parseValue(value: unknown, parse: Parser): unknown {
  const payload = encodeBody(value)
  return parse(payload, 0, payload.length)
}

describe('there and back', () => {
  test('HELLO, with and without what is optional', () => {
    const full = { protocol: 1, name: 'probe', version: '2', token: 'secret' }
    expect(parseFrame(encodeHello(full), parseHello)).toEqual(full)
    expect(parseFrame(encodeHello({ protocol: 1 }), parseHello)).toEqual({ protocol: 1 })
    expect(parseFrame(encodeHello({ protocol: 1, name: undefined }), parseHello)).toEqual({ protocol: 1 })
  })

  test('WELCOME and GOAWAY', () => {
    expect(parseFrame(encodeWelcome(WELCOME), parseWelcome)).toEqual(WELCOME)
    for (const retry of ['now', 'later', 'never'] as const) {
      expect(parseFrame(encodeGoaway({ ...GOAWAY, retry }), parseGoaway)).toEqual({ ...GOAWAY, retry })
    }
  })

  test('the frames are those of the vectors', () => {
    const hello = VECTORS.validFrames.find(({ name }) => name === 'HELLO in full')
    const frame = encodeHello({ protocol: 1, name: 'probe', version: '2.0', token: 'secret' })
    expect(frame).toEqual(fromHex(hello?.hex ?? ''))
  })
})

describe('what comes', () => {
  test('unknown keys are ignored', () => {
    expect(parseValue({ ...WELCOME, region: 'north', nested: { a: [1] } }, parseWelcome)).toEqual(WELCOME)
    expect(parseValue({ ...GOAWAY, more: 1 }, parseGoaway)).toEqual(GOAWAY)
    expect(parseValue({ protocol: 1, resume: {} }, parseHello)).toEqual({ protocol: 1 })
  })

  test('nil is as good as absent where a key is optional', () => {
    expect(parseValue({ protocol: 1, name: null, version: null, token: null }, parseHello)).toEqual({ protocol: 1 })
    expect(parseValue({ ...WELCOME, server: null }, parseWelcome)).toBeUndefined()
  })

  test('of another protocol nothing but its number is read', () => {
    expect(parseValue({ protocol: 2, name: 5, token: [1] }, parseHello)).toEqual({ protocol: 2 })
  })

  test('each key that is missing or has the wrong type makes it none', () => {
    const cases: readonly (readonly [Record<string, unknown>, Parser])[] = [
      [WELCOME, parseWelcome],
      [{ ...GOAWAY }, parseGoaway],
    ]
    for (const [map, parse] of cases) {
      for (const key of Object.keys(map)) {
        for (const wrong of [undefined, null, [], -1, 1.5, true, Number.NaN]) {
          expect(parseValue({ ...map, [key]: wrong }, parse), `${key} ${String(wrong)}`).toBeUndefined()
        }
      }
    }
    for (const protocol of [undefined, '1', -1, 1.5]) expect(parseValue({ protocol }, parseHello)).toBeUndefined()
    expect(parseValue({ ...GOAWAY, retry: 'soon' }, parseGoaway)).toBeUndefined()
  })

  test('what is no map, or no msgpack, is none', () => {
    for (const parse of [parseHello, parseWelcome, parseGoaway]) {
      for (const value of [null, [1], 'x', 5, new Date(0), new Uint8Array(3)]) {
        expect(parseValue(value, parse)).toBeUndefined()
      }
      expect(parse(new Uint8Array(0), 0, 0)).toBeUndefined()
      expect(parse(fromHex('81a9'), 0, 2)).toBeUndefined()
    }
  })

  test('no bytes make a parser throw', () => {
    const noise = fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      for (const parse of [parseHello, parseWelcome, parseGoaway]) expect(parse(bytes, 0, bytes.length)).toBeUndefined()
    })
    fc.assert(noise, propertyRuns('control maps of noise', 3000))
  })
})

describe('limits', () => {
  test('texts have 256 characters at most, and one more makes it none', () => {
    expect(parseValue({ protocol: 1, name: 'n'.repeat(256) }, parseHello)).toBeDefined()
    expect(parseValue({ protocol: 1, name: 'n'.repeat(257) }, parseHello)).toBeUndefined()
    expect(parseValue({ ...GOAWAY, reason: 'r'.repeat(257) }, parseGoaway)).toBeUndefined()
  })

  test('a token has 4096 bytes at most', () => {
    expect(parseValue({ protocol: 1, token: 'é'.repeat(2048) }, parseHello)).toBeDefined()
    expect(parseValue({ protocol: 1, token: `${'é'.repeat(2048)}x` }, parseHello)).toBeUndefined()
  })

  test('a map has 8192 bytes and depth 4 at most, unknown keys included', () => {
    const bytes = CONTROL_BYTES_MAX - encodeBody({ protocol: 1, fill: new Uint8Array(300) }).length + 300
    expect(parseValue({ protocol: 1, fill: new Uint8Array(bytes) }, parseHello)).toEqual({ protocol: 1 })
    expect(parseValue({ protocol: 1, fill: new Uint8Array(bytes + 1) }, parseHello)).toBeUndefined()
    expect(parseValue({ protocol: 1, deep: [[[1]]] }, parseHello)).toEqual({ protocol: 1 })
    expect(parseValue({ protocol: 1, deep: [[[[1]]]] }, parseHello)).toBeUndefined()
  })

  test('what no parser would take is not encoded', () => {
    expect(() => encodeHello({ protocol: 1, name: 'n'.repeat(257) })).toThrow(RangeError)
    expect(() => encodeHello({ protocol: 1, token: 't'.repeat(4097) })).toThrow(RangeError)
    expect(() => encodeWelcome({ ...WELCOME, shard: -1 })).toThrow(RangeError)
    expect(() => encodeGoaway({ ...GOAWAY, jitterMs: 0.5 })).toThrow(RangeError)
  })
})
