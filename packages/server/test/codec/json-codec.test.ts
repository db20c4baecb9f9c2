/** Owns the tests of the JSON codec by itself: streams held against a second opinion, and what it writes. */
import { BAD_FRAME, FRAME_TOO_LARGE, JSON_DEPTH_MAX, ShardwireError } from '@shardwire/protocol'
import { joinBytes, randomChunks, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { encodeAnswerWith, encodeErrorWith, replayCodec } from '../../src/codec/index.ts'
import { createJsonCodec } from '../../src/codec/json/json-codec.ts'
import type { JsonRequest } from '../../src/codec/json/request.ts'
import { jsonStream } from './json-streams.ts'
import { readJsonStream } from './oracle-json.ts'

const WHEN = Date.parse('2026-01-02T03:04:05.678Z')
const LIMIT = 4096
const codec = createJsonCodec({ messageBytesMax: LIMIT, parameters: {} }, () => WHEN)

/** What the codec makes of parts, in the words of the oracle. */
function told(parts: readonly Uint8Array[]) {
  const { finds, ends } = replayCodec(codec, parts, { messageBytesMax: LIMIT })
  const objects = finds.map(({ life, value, tag, route }) => {
    return life === undefined ? { uid: tag, route, val: (value as JsonRequest).val } : 'life'
  })
  return { objects, ends: typeof ends === 'number' ? 'broken' : ends }
}

describe('any stream, whole or spoiled, however it is cut', () => {
  it('says what a second opinion says', async () => {
    await withSeed('json streams', (random) => {
      for (let round = 0; round < 1500; round++) {
        const bytes = jsonStream(random)
        const expected = readJsonStream(bytes)
        const parts = randomChunks(bytes, random, random.pick([1, 3, 20, 1000]))
        const got = told(parts)
        expect(wellKnown(got), `round ${round}: ${JSON.stringify(Buffer.from(bytes).toString())}`).toEqual(
          wellKnown(expected),
        )
      }
    })
  })

  /** A route of a wrong type is a route that is not there. */
  function wellKnown({ objects, ends }: { readonly objects: readonly unknown[]; readonly ends: string }) {
    const known = objects.map((one) => {
      if (one === 'life') return one
      const { uid, route, val } = one as Record<string, unknown>
      return { uid, route: typeof route === 'string' || typeof route === 'number' ? route : 0, val }
    })
    return { objects: known, ends }
  }
})

describe('limits', () => {
  const ofBytes = (bytes: number): string => `{"val":"${'x'.repeat(bytes - 10)}"}`

  it('an object of as many bytes as allowed is one, and one more breaks the stream as soon as that is known', () => {
    const [fits, not] = [ofBytes(LIMIT), ofBytes(LIMIT + 1)]
    for (const size of [1000, 4096, 10_000]) {
      const parts = (all: string): Uint8Array[] => chunksOf(Buffer.from(all), size)
      expect(told(parts(`${fits}\n${fits}`))).toMatchObject({ objects: [{}, {}], ends: 'whole' })
      expect(told(parts(`${fits}${not}`))).toMatchObject({ objects: [{}], ends: 'broken' })
      // Its end need not have come.
      expect(told(parts(not.slice(0, -1)))).toMatchObject({ objects: [], ends: 'broken' })
    }
  })

  it('one that is too large before it is nested too deep is too large, however it is cut', () => {
    // The last bracket is one too many.
    const [head, tail] = ['{"val":"', `","d":${'['.repeat(JSON_DEPTH_MAX)}`]
    for (const [at, code] of [
      [LIMIT, BAD_FRAME],
      [LIMIT + 1, FRAME_TOO_LARGE],
    ] as const) {
      const bytes = Buffer.from(`${head}${'x'.repeat(at - head.length - tail.length)}${tail}`)
      for (const size of [1, 1000, 10_000]) {
        expect(replayCodec(codec, chunksOf(bytes, size), { messageBytesMax: LIMIT }).ends).toBe(code)
      }
    }
  })

  it('is met or kept as a second opinion says, whatever else is wrong with an object, however it is cut', async () => {
    await withSeed('json streams with long objects', (random) => {
      for (let round = 0; round < 400; round++) {
        const bytes = jsonStream(random, 4 * LIMIT)
        const { sizes, ends, objects } = readJsonStream(bytes)
        const large = sizes.findIndex((size) => size > LIMIT)
        const expected = large >= 0 ? FRAME_TOO_LARGE : ends === 'broken' ? BAD_FRAME : ends
        const parts = randomChunks(bytes, random, random.pick([1, 20, 1000, 10_000]))
        const got = replayCodec(codec, parts, { messageBytesMax: LIMIT })
        const served = large >= 0 ? large : objects.length
        expect([got.ends, got.finds.length], `round ${round}: ${Buffer.from(bytes).toString()}`).toEqual([
          expected,
          served,
        ])
      }
    })
  })

  it('blanks between objects may be as many as somebody likes', () => {
    const bytes = joinBytes([Buffer.from('{"val":1}'), Buffer.alloc(3 * LIMIT, ' '), Buffer.from('{"val":2}')])
    expect(told(chunksOf(bytes, 700))).toMatchObject({ objects: [{ val: 1 }, { val: 2 }], ends: 'whole' })
  })

  function chunksOf(bytes: Uint8Array, size: number): Uint8Array[] {
    return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size))
  }
})

describe('what it writes', () => {
  const answer = (fields: Parameters<typeof encodeAnswerWith>[1]): string => {
    return Buffer.from(encodeAnswerWith(codec, fields)).toString()
  }
  const TS = '"ts":"2026-01-02T03:04:05.678Z"'

  it('uid as it came, val, and the time', () => {
    expect(answer({ tag: '12345678901234567890', value: { a: [1, 'ü'] } })).toBe(
      `{"uid":12345678901234567890,"val":{"a":[1,"ü"]},${TS}}\n`,
    )
    expect(answer({ tag: '"u-1"', value: undefined })).toBe(`{"uid":"u-1","val":null,${TS}}\n`)
    expect(answer({ value: '\n' })).toBe(`{"val":"\\n",${TS}}\n`)
  })

  it('of greet the result itself, with the uid of the caller', () => {
    expect(answer({ route: 'greet', tag: '"a"', value: { uid: 'z', val: 'hello', ts: 'now' } })).toBe(
      '{"uid":"a","val":"hello","ts":"now"}\n',
    )
    expect(answer({ route: 'greet', value: { uid: null, val: 'hello', mood: 1 } })).toBe(
      `{"val":"hello","mood":1,${TS}}\n`,
    )
    expect(answer({ route: 'greet', tag: '1', value: 'plain' })).toBe(`{"uid":1,"val":"plain",${TS}}\n`)
  })

  it.each([() => 1, Symbol('s'), 5n, cyclic()])('nothing for what JSON has no form for', (value) => {
    expect(() => answer({ value })).toThrow(TypeError)
  })

  it('errors, with what is known of them, and details only where they have a form', () => {
    const error = (details: unknown): unknown => {
      const bytes = encodeErrorWith(codec, new ShardwireError(11, 'busy', { retryAfterMs: 7, details }), '"u"')
      return JSON.parse(Buffer.from(bytes ?? []).toString())
    }
    const known = { code: 11, name: 'OVERLOADED', message: 'busy', retryable: true, retryAfterMs: 7 }
    expect(error(undefined)).toEqual({ uid: 'u', error: known })
    expect(error({ item: 'apple' })).toEqual({ uid: 'u', error: { ...known, details: { item: 'apple' } } })
    for (const details of [5n, cyclic(), 'x'.repeat(20_000), { toJSON: () => raise() }]) {
      expect(error(details)).toEqual({ uid: 'u', error: known })
    }
  })

  it('an error that concerns the connection names nothing', () => {
    const bytes = encodeErrorWith(codec, new ShardwireError(1, 'no'))
    expect(Buffer.from(bytes ?? []).toString()).toMatch(/^\{"error":\{"code":1,.*\}\}\n$/)
  })

  function cyclic(): unknown {
    const value: Record<string, unknown> = {}
    value['self'] = value
    return value
  }

  function raise(): never {
    throw new Error('toJSON')
  }
})
