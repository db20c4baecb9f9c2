/** Bodies: what goes in comes out, what has no form is named, and no memory is shared with anybody. */
import {
  BAD_BODY,
  BODY_LIMITS_DEFAULT,
  decodeBody,
  encodeBody,
  encodeBodyInto,
  MSGPACK_DEPTH_MAX,
  MSGPACK_OK,
  scanMsgpack,
  ShardwireError,
} from '@shardwire/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, fromTagged, toHex, toTagged } from '../../../../scripts/protocol-vectors/vector.ts'
import { bodyValues, propertyRuns } from '../support/property.ts'
import { VECTORS } from '../support/vectors.ts'

const BIGINT = { ...BODY_LIMITS_DEFAULT, bigint: true }

function decodeAll(bytes: Uint8Array, limits = BODY_LIMITS_DEFAULT): unknown {
  return decodeBody(bytes, 0, bytes.length, limits)
}

function errorOf(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe('vectors', () => {
  test.each(VECTORS.validBodies)('decode: $name', ({ hex, value, bigint = false }) => {
    expect(toTagged(decodeAll(fromHex(hex), { ...BODY_LIMITS_DEFAULT, bigint }))).toEqual(value)
  })

  const written = VECTORS.validBodies.filter(({ decodeOnly }) => decodeOnly !== true)
  test.each(written)('encode: $name', ({ hex, value, bigint = false }) => {
    expect(toHex(encodeBody(fromTagged(value), { bigint }))).toBe(hex)
  })

  test.each(VECTORS.invalidBodies)('refuse: $name', ({ hex, fault }) => {
    const error = errorOf(() => decodeAll(fromHex(hex)))
    expect(error).toBeInstanceOf(ShardwireError)
    expect(error).toMatchObject({ code: BAD_BODY, message: expect.stringContaining(fault) })
  })
})

describe('decoding', () => {
  test('the message names the fault and its offset in the body, not in the memory', () => {
    const memory = fromHex('ffff' + '82a16101a162a1ff' + 'ff')
    expect(errorOf(() => decodeBody(memory, 2, 10))).toMatchObject({
      message: 'body: a string that is no valid UTF-8 (at byte 6)',
    })
  })

  test('what was decoded does not change when the memory is used again', () => {
    const value = {
      text: 'a'.repeat(300),
      key: new Uint8Array([1, 2, 3]),
      when: new Date(7),
      list: [new Uint8Array(9)],
    }
    const memory = Buffer.from(encodeBody(value))
    const decoded = decodeAll(memory)
    memory.fill(0xdb)
    expect(decoded).toEqual(value)
  })

  test('binary data is a Uint8Array, also where the memory is a Buffer', () => {
    const memory = Buffer.from(encodeBody(new Uint8Array([1])))
    expect(Object.getPrototypeOf(decodeAll(memory))).toBe(Uint8Array.prototype)
  })

  test('64-bit forms are bigints where the limits take them, and only those forms', () => {
    expect(decodeAll(fromHex('93cf000000000000000505d3ffffffffffffffff'), BIGINT)).toEqual([5n, 5, -1n])
  })

  test('no key reaches the prototype', () => {
    const decoded = decodeAll(encodeBody({ constructor: 1, toString: 2, prototype: 3 }))
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
    expect(Object.keys(decoded as object)).toEqual(['constructor', 'toString', 'prototype'])
  })

  test('known: the library drops a byte order mark that begins a string above 200 bytes', () => {
    const [short, long] = [`\ufeff${'a'.repeat(100)}`, `\ufeff${'a'.repeat(300)}`]
    expect(decodeAll(encodeBody(short))).toBe(short)
    expect(decodeAll(encodeBody(long))).toBe(long.slice(1))
  })

  test('an empty body is no value', () => {
    expect(errorOf(() => decodeBody(new Uint8Array(4), 2, 2))).toMatchObject({ code: BAD_BODY })
  })
})

describe('encoding', () => {
  test('undefined is an empty body, left out in a map and nil in an array', () => {
    expect(encodeBody(undefined)).toHaveLength(0)
    expect(toHex(encodeBody({ a: undefined, b: 1 }))).toBe('81a16201')
    expect(toHex(encodeBody([undefined]))).toBe('91c0')
  })

  test('the bytes are ours alone: the next body does not change them', () => {
    const first = encodeBody('first')
    encodeBody('other')
    expect(decodeAll(first)).toBe('first')
  })

  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  const NO_FORM: readonly (readonly [string, unknown, RegExp])[] = [
    ['a function', { f: () => 1 }, /function/],
    ['a symbol', [Symbol('s')], /symbol/],
    ['a Map', new Map([[1, 2]]), /Map/],
    ['a Set', { set: new Set([1]) }, /Set/],
    ['a Promise, which somebody forgot to await', { value: Promise.resolve(1) }, /Promise/],
    ['an Error', new Error('no'), /Error/],
    ['an ArrayBuffer', new ArrayBuffer(4), /ArrayBuffer/],
    ['an invalid Date', new Date(NaN), /invalid Date/],
    ['a bigint, where none are taken', { a: 1n }, /bigint/],
    ['a lone surrogate in a value', ['\ud800'], /surrogate/],
    ['a lone surrogate at the top', 'a\udc00', /surrogate/],
    ['a lone surrogate in a long string', { a: '\ud800'.padStart(500, 'a') }, /surrogate/],
    ['a lone surrogate in a key', { '\ud800': 1 }, /surrogate/],
    ['a property __proto__', JSON.parse('{"__proto__":1}'), /__proto__/],
    ['a cycle', cyclic, /nested/],
  ]
  test.each(NO_FORM)('%s is refused by name', (_, value, named) => {
    const error = errorOf(() => encodeBody(value))
    expect(error).toBeInstanceOf(TypeError)
    expect(String(error)).toMatch(named)
    expect(decodeAll(encodeBody({ after: 'it' }))).toEqual({ after: 'it' })
  })

  test('bigints beyond 64 bits are refused, not cut', () => {
    for (const value of [2n ** 64n, -(2n ** 63n) - 1n]) {
      expect(() => encodeBody([value], BIGINT)).toThrow(/beyond 64 bits/)
      expect(() => encodeBody(value, BIGINT)).toThrow(/beyond 64 bits/)
    }
    expect(decodeAll(encodeBody([2n ** 64n - 1n, -(2n ** 63n), 5n], BIGINT), BIGINT)).toEqual([
      2n ** 64n - 1n,
      -(2n ** 63n),
      5n,
    ])
  })

  test('nesting is written to the same depth as it is read at most', () => {
    const nest = (depth: number): unknown => (depth === 0 ? 1 : [nest(depth - 1)])
    const deepest = encodeBody(nest(MSGPACK_DEPTH_MAX))
    expect(scanMsgpack(deepest, 0, deepest.length, { ...BODY_LIMITS_DEFAULT, depthMax: 128 })).toBe(MSGPACK_OK)
    expect(() => encodeBody(nest(MSGPACK_DEPTH_MAX + 1))).toThrow(`cannot encode a value nested deeper than`)
    expect(() => encodeBody(nest(MSGPACK_DEPTH_MAX + 1))).toThrow(TypeError)
  })

  test('says of a value whose getter throws just that, and what it threw', () => {
    const cause = new Error('the getter')
    const value = {
      get broken(): never {
        throw cause
      },
    }
    expect(() => encodeBody(value)).toThrow(
      expect.objectContaining({ message: 'cannot encode a value, which throws when it is read', cause }),
    )
  })

  test('objects of a class are the map of their own properties, objects without a prototype too', () => {
    class Point {
      x = 1
      readonly #hidden = 2
      get sum(): number {
        return this.x + this.#hidden
      }
    }
    expect(toHex(encodeBody(new Point()))).toBe(toHex(encodeBody({ x: 1 })))
    expect(toHex(encodeBody(Object.assign(Object.create(null), { x: 1 })))).toBe(toHex(encodeBody({ x: 1 })))
  })

  test('views of any type are the bytes they show', () => {
    const memory = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    for (const view of [new DataView(memory.buffer, 2, 2), memory.subarray(2, 4), Buffer.from(memory.buffer, 2, 2)]) {
      expect(toHex(encodeBody(view))).toBe('c4020304')
    }
  })

  test('a large value leaves no large memory behind, and the next body is right', () => {
    const large = 'x'.repeat(2_000_000)
    expect(decodeAll(encodeBody(large))).toBe(large)
    expect(decodeAll(encodeBody({ a: 1 }))).toEqual({ a: 1 })
  })

  test('encoding from within a getter of a value that is being encoded mixes nothing up', () => {
    const value = {
      before: 1,
      get inner(): Uint8Array {
        return encodeBody({ nested: 'one' })
      },
      after: 2,
    }
    expect(decodeAll(encodeBody(value))).toEqual({ before: 1, inner: encodeBody({ nested: 'one' }), after: 2 })
  })
})

describe('encoding into memory', () => {
  test('the body stands at the offset, nothing else is touched, and the end is returned', () => {
    const memory = new Uint8Array(10).fill(0xee)
    expect(encodeBodyInto({ a: 1 }, memory, 3)).toBe(7)
    expect(toHex(memory)).toBe('eeeeee81a16101eeeeee')
  })

  test('what does not fit is -1 and leaves the memory as it is; what fits to the byte is written', () => {
    const memory = new Uint8Array(10).fill(0xee)
    expect(encodeBodyInto({ a: 1 }, memory, 7)).toBe(-1)
    expect(toHex(memory)).toBe('ee'.repeat(10))
    expect(encodeBodyInto({ a: 1 }, memory, 6)).toBe(10)
    expect(encodeBodyInto('x'.repeat(1000), memory, 0)).toBe(-1)
  })

  test('undefined writes nothing', () => {
    expect(encodeBodyInto(undefined, new Uint8Array(0), 0)).toBe(0)
  })
})

describe('properties', () => {
  test('what is encoded is decoded to the same', () => {
    const roundTrip = fc.property(bodyValues(), (value) => {
      expect(decodeAll(encodeBody(value))).toEqual(value)
    })
    fc.assert(roundTrip, propertyRuns('bodies there and back', 3000))
  })

  test('whatever can be encoded at all can be decoded', () => {
    const anything = fc.anything({
      withDate: true,
      withTypedArray: true,
      withMap: true,
      withSet: true,
      withBigInt: true,
    })
    const odd = fc.oneof(
      anything,
      fc.string({ unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    )
    const property = fc.property(odd, fc.boolean(), (value, bigint) => {
      const bytes = errorOf(() => encodeBody(value, { bigint }))
      if (bytes instanceof Uint8Array && value !== undefined) decodeAll(bytes, { ...BODY_LIMITS_DEFAULT, bigint })
      else if (value !== undefined) expect(bytes).toBeInstanceOf(TypeError)
    })
    fc.assert(property, propertyRuns('bodies of anything', 5000))
  })
})
