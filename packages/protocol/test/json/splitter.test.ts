/** Owns the tests of the boundaries of JSON objects. */
import { describe, expect, it } from 'vitest'
import { JSON_DEPTH_MAX, SPLIT_CUT, SPLIT_FOUND, SPLIT_TOO_DEEP, Splitter } from '../../src/json/splitter.ts'

/** Where the object at the beginning ends, shown in parts of `step` bytes. */
function endOf(text: string | Uint8Array, step: number): number | 'cut' | 'deep' {
  const bytes = Buffer.from(text)
  const splitter = new Splitter()
  let state: { bytes: number; depth: number; inString: boolean } | undefined
  for (let end = Math.min(step, bytes.length); ; end = Math.min(end + step, bytes.length)) {
    const split = splitter.next(bytes, 0, end, state)
    if (split === SPLIT_TOO_DEEP) return 'deep'
    if (split === SPLIT_FOUND) return splitter.end
    expect(split).toBe(SPLIT_CUT)
    if (end === bytes.length) return 'cut'
    // Bytes that were looked at are not looked at again.
    state = { bytes: splitter.bytes, depth: splitter.depth, inString: splitter.inString }
    bytes.fill(0, 0, state.bytes)
  }
}

const WHOLE = [
  '{}',
  '{"a":1}',
  '{"a":{"b":[{"c":[]}]}}',
  '{"a":"}"}',
  '{"a":"{[\\""}',
  String.raw`{"a":"\\"}`,
  String.raw`{"a":"\\\"}"}`,
  String.raw`{"\"}":"\u007d"}`,
  '{"ü":"ß}\u{1f600}{"}',
  '{ "a" : [ "]" , {"}":"]"} ] }',
]

describe('the end of an object', () => {
  it.each(WHOLE)('%s, whatever follows, however it is cut', (text) => {
    const bytes = Buffer.byteLength(text)
    for (const behind of ['', '{', '}', '"', '\n', 'x']) {
      for (let step = 1; step <= bytes + 1; step++) expect(endOf(text + behind, step)).toBe(bytes)
    }
  })

  it.each(WHOLE)('%s without its last byte is cut', (text) => {
    const bytes = Buffer.from(text)
    for (let step = 1; step < bytes.length; step++) expect(endOf(bytes.subarray(0, -1), step)).toBe('cut')
  })

  it('a bracket that closes another one is an end all the same: it is for JSON.parse to refuse', () => {
    expect(endOf('{"a":1]x', 100)).toBe(7)
  })
})

describe('depth', () => {
  const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`

  it(`up to ${JSON_DEPTH_MAX} an object is found, beyond it is not looked for`, () => {
    for (const step of [1, 3, 1000]) {
      expect(endOf(nested(JSON_DEPTH_MAX), step)).toBe(nested(JSON_DEPTH_MAX).length)
      expect(endOf(nested(JSON_DEPTH_MAX + 1), step)).toBe('deep')
    }
  })

  it('brackets that never close are given up at the limit, with the byte that goes beyond it', () => {
    const text = `{"a":${'['.repeat(1_000_000)}`
    expect(endOf(text.slice(0, 5 + JSON_DEPTH_MAX - 1), 7)).toBe('cut')
    expect(endOf(text.slice(0, 5 + JSON_DEPTH_MAX), 7)).toBe('deep')
    expect(endOf(text, 1_000_005)).toBe('deep')
  })
})
