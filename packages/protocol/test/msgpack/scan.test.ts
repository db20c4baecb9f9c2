/** The scanner: what it lets through the decoder builds, and what it refuses it refuses at once. */
import { decode, encode } from '@msgpack/msgpack'
import {
  BODY_LIMITS_DEFAULT,
  isMsgpackMap,
  MSGPACK_BAD_TIMESTAMP,
  MSGPACK_DEPTH_MAX,
  MSGPACK_INTEGER_RANGE,
  MSGPACK_OK,
  MSGPACK_PROTO_KEY,
  MSGPACK_TOO_DEEP,
  MSGPACK_TOO_MANY,
  MSGPACK_TRAILING_BYTES,
  MSGPACK_TRUNCATED,
  type MsgpackLimits,
  MsgpackScanner,
  msgpackFaultText,
  scanMsgpack,
} from '@shardwire/protocol'
import { joinBytes, withSeed } from '@shardwire/testkit'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { fromHex, toHex } from '../../../../scripts/protocol-vectors/vector.ts'
import { isOneValue } from '../support/oracle-msgpack.ts'
import { bodyValues, propertyRuns } from '../support/property.ts'
import { VECTORS } from '../support/vectors.ts'

const BIGINT: MsgpackLimits = { ...BODY_LIMITS_DEFAULT, bigint: true }
const VALID = VECTORS.validBodies.map(({ name, hex, bigint = false }) => ({ name, bytes: fromHex(hex), bigint }))

function scan(bytes: Uint8Array, limits: Partial<MsgpackLimits> = {}): number {
  return scanMsgpack(bytes, 0, bytes.length, { ...BODY_LIMITS_DEFAULT, ...limits })
}

/** A header of `form` and a count of 32 bits. */
function header32(form: number, count: number): Uint8Array {
  return Uint8Array.of(form, count >>> 24, count >>> 16, count >>> 8, count)
}

describe('vectors', () => {
  test.each(VALID)('valid: $name', ({ bytes, bigint }) => {
    expect(scan(bytes, { bigint })).toBe(MSGPACK_OK)
  })

  test.each(VALID)('cut anywhere: $name', ({ bytes, bigint }) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(scan(bytes.subarray(0, length), { bigint }), `${length} bytes`).not.toBe(MSGPACK_OK)
    }
  })

  test.each(VALID)('with any byte behind it: $name', ({ bytes, bigint }) => {
    for (let byte = 0; byte < 256; byte++) {
      expect(scan(joinBytes([bytes, Uint8Array.of(byte)]), { bigint })).toBe(MSGPACK_TRAILING_BYTES)
    }
  })

  test.each(VALID)('in the middle of other bytes: $name', ({ bytes, bigint }) => {
    const memory = joinBytes([Uint8Array.of(0xc1, 0xdd), bytes, Uint8Array.of(0xc1)])
    const limits = { ...BODY_LIMITS_DEFAULT, bigint }
    expect(scanMsgpack(memory, 2, 2 + bytes.length, limits)).toBe(MSGPACK_OK)
  })

  test.each(VECTORS.invalidBodies)('invalid: $name', ({ hex, fault }) => {
    expect(msgpackFaultText(scan(fromHex(hex)))).toBe(fault)
  })
})

describe('limits', () => {
  test('depth counts maps and arrays; a scalar has none', () => {
    for (const depthMax of [0, 1, 4, 32, MSGPACK_DEPTH_MAX]) {
      for (const [open, inner] of [
        ['91', '90'],
        ['81a161', '80'],
      ] as const) {
        const fits = depthMax === 0 ? 'c0' : open.repeat(depthMax - 1) + inner
        expect(scan(fromHex(fits), { depthMax }), `depth ${depthMax}`).toBe(MSGPACK_OK)
        expect(scan(fromHex(open.repeat(depthMax) + inner), { depthMax })).toBe(MSGPACK_TOO_DEEP)
      }
    }
  })

  test('limits above the fixed stack are held to it', () => {
    const bomb = fromHex('91'.repeat(100_000) + '90')
    expect(scan(bomb, { depthMax: 1_000_000 })).toBe(MSGPACK_TOO_DEEP)
  })

  test('elements are counted over the whole value, keys and values each', () => {
    const list = encode([[1, 2, 3], { a: 1, b: [4] }])
    expect(scan(list, { elementsMax: 10 })).toBe(MSGPACK_OK)
    expect(scan(list, { elementsMax: 9 })).toBe(MSGPACK_TOO_MANY)
  })

  test('one element more than the default limit is refused before the elements are read', () => {
    const { elementsMax } = BODY_LIMITS_DEFAULT
    const most = joinBytes([header32(0xdd, elementsMax), new Uint8Array(elementsMax)])
    const more = joinBytes([header32(0xdd, elementsMax + 1), new Uint8Array(elementsMax + 1).fill(0xc1)])
    expect(scan(most)).toBe(MSGPACK_OK)
    expect(scan(more)).toBe(MSGPACK_TOO_MANY)
  })

  test('a header of billions of elements is refused at its first byte, whatever the limits', () => {
    const scanner = new MsgpackScanner()
    const boundless = { depthMax: MSGPACK_DEPTH_MAX, elementsMax: Number.MAX_SAFE_INTEGER, bigint: true }
    for (const form of [0xdd, 0xdf, 0xdb, 0xc6, 0xc9]) {
      const bytes = joinBytes([header32(form, 0xffff_ffff), new Uint8Array(100)])
      expect(scanner.scan(bytes, 0, bytes.length, boundless)).toBe(MSGPACK_TRUNCATED)
      expect(scanner.faultAt).toBe(0)
    }
  })

  test('many open arrays that each promise all bytes left are refused by their number', () => {
    const bomb = joinBytes(Array.from({ length: 30 }, () => header32(0xdd, 60_000)))
    expect(scan(joinBytes([bomb, new Uint8Array(60_000)]))).toBe(MSGPACK_TOO_MANY)
  })

  test('integers beyond 2^53 - 1 need bigint, on both sides of zero', () => {
    const cases: readonly (readonly [string, number])[] = [
      ['cf001fffffffffffff', MSGPACK_OK],
      ['cf0020000000000000', MSGPACK_INTEGER_RANGE],
      ['cfffffffffffffffff', MSGPACK_INTEGER_RANGE],
      ['d3001fffffffffffff', MSGPACK_OK],
      ['d30020000000000000', MSGPACK_INTEGER_RANGE],
      ['d3ffe0000000000001', MSGPACK_OK],
      ['d3ffe0000000000000', MSGPACK_INTEGER_RANGE],
      ['d38000000000000000', MSGPACK_INTEGER_RANGE],
      ['d3ffffffffffffffff', MSGPACK_OK],
    ]
    for (const [hex, fault] of cases) {
      expect(scan(fromHex(hex)), hex).toBe(fault)
      expect(scanMsgpack(fromHex(hex), 0, 9, BIGINT), hex).toBe(MSGPACK_OK)
    }
  })
})

describe('strings and keys', () => {
  test('every code point in its shortest form passes, and no other sequence of its length', () => {
    for (const [first, second] of [
      [0xc0, 0xdf],
      [0xe0, 0xff],
    ] as const) {
      for (let one = first; one <= second; one++) {
        for (let two = 0; two < 256; two++) {
          for (const bytes of [
            [one, two],
            [one, two, 0x80],
            [one, two, 0xbf, 0x80],
          ]) {
            const value = Uint8Array.of(0xa0 + bytes.length, ...bytes)
            expect(scan(value) === MSGPACK_OK, toHex(value)).toBe(isValid(value.subarray(1)))
          }
        }
      }
    }
  })

  test('short and long strings are judged alike', async () => {
    await withSeed('UTF-8 in strings', (random) => {
      for (let run = 0; run < 2000; run++) {
        const text = '€'.repeat(random.integer(0, 120))
        const bytes = new TextEncoder().encode(text)
        if (bytes.length > 0 && random.next() < 0.7) bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255)
        const value = joinBytes([Uint8Array.of(0xda, bytes.length >> 8, bytes.length), bytes])
        expect(scan(value) === MSGPACK_OK, toHex(value)).toBe(isValid(bytes))
      }
    })
  })

  test('__proto__ is refused as a key and allowed as a value, and keys like it are keys', () => {
    expect(scan(encode(JSON.parse('{"__proto__":1}')))).toBe(MSGPACK_PROTO_KEY)
    expect(scan(encode({ a: '__proto__' }))).toBe(MSGPACK_OK)
    expect(scan(encode({ constructor: 1, prototype: 2, __proto___: 3, ___proto__: 4 }))).toBe(MSGPACK_OK)
  })

  test('a string is no map, whatever its bytes', () => {
    const first = (byte: number): boolean => isMsgpackMap(Uint8Array.of(0, byte), 1, 2)
    const maps = Array.from({ length: 256 }, (_, byte) => byte).filter(first)
    expect(maps).toEqual([...Array.from({ length: 16 }, (_, size) => 0x80 + size), 0xde, 0xdf])
    expect(isMsgpackMap(Uint8Array.of(0x80), 0, 0)).toBe(false)
  })
})

describe('against the library', () => {
  test('whatever the library encodes of the values that we allow, the scanner lets through', () => {
    const allowed = fc.property(bodyValues(), (value) => {
      const bytes = encode(value)
      expect(scan(bytes)).toBe(MSGPACK_OK)
    })
    fc.assert(allowed, propertyRuns('scan of encoded values', 3000))
  })

  test('any cut of an encoded value is refused', () => {
    const cut = fc.property(
      bodyValues(),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (value, part) => {
        const bytes = encode(value)
        expect(scan(bytes.subarray(0, Math.floor(part * bytes.length)))).not.toBe(MSGPACK_OK)
      },
    )
    fc.assert(cut, propertyRuns('scan of cut values', 3000))
  })

  test('after any damage: what the scanner lets through the decoder builds, and it says the same again', () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 })
    let passed = 0
    const damaged = fc.property(bodyValues(), mutations, fc.boolean(), (value, changes, bigint) => {
      const bytes = encode(value)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      const isValue = isOneValue(bytes, { ...BODY_LIMITS_DEFAULT, bigint })
      expect(scan(bytes, { bigint }) === MSGPACK_OK).toBe(isValue)
      if (!isValue) return
      passed++
      const built = decode(bytes, { useBigInt64: bigint })
      expect(scan(encode(built, { useBigInt64: bigint }), { bigint })).toBe(MSGPACK_OK)
    })
    fc.assert(damaged, propertyRuns('scan of damaged values', 20_000))
    expect(passed).toBeGreaterThan(1000)
  })

  test('random bytes: the scanner and the oracle agree, and what they let through the decoder builds', () => {
    const likely = fc.oneof(
      fc.nat({ max: 255 }),
      fc.constantFrom(0x81, 0x91, 0x92, 0xa1, 0x61, 0xc7, 0xcf, 0xd3, 0xd4, 0xd6, 0xd7, 0xd9, 0xdc, 0xde, 0xff, 0),
    )
    const random = fc.property(fc.array(likely, { maxLength: 24 }), fc.boolean(), (list, bigint) => {
      const bytes = Uint8Array.from(list)
      const isValue = isOneValue(bytes, { ...BODY_LIMITS_DEFAULT, bigint })
      expect(scan(bytes, { bigint }) === MSGPACK_OK).toBe(isValue)
      if (isValue) decode(bytes, { useBigInt64: bigint })
    })
    fc.assert(random, propertyRuns('scan of random bytes', 50_000))
  })

  test('small limits: the scanner and the oracle agree', () => {
    const limits = fc.record({ depthMax: fc.nat({ max: 4 }), elementsMax: fc.nat({ max: 20 }), bigint: fc.boolean() })
    const limited = fc.property(bodyValues(), limits, (value, small) => {
      const bytes = encode(value)
      expect(scan(bytes, small) === MSGPACK_OK).toBe(isOneValue(bytes, small))
    })
    fc.assert(limited, propertyRuns('scan within small limits', 5000))
  })
})

test('a scan makes no view of the memory unless a string is long', () => {
  const values = { list: [1, 2.5, 'short', new Uint8Array(300), null], map: { key: new Date(5) } }
  const bytes = encode(values)
  const subarray = vi.spyOn(Uint8Array.prototype, 'subarray')
  const slice = vi.spyOn(Uint8Array.prototype, 'slice')
  expect(scan(bytes)).toBe(MSGPACK_OK)
  expect([subarray.mock.calls.length, slice.mock.calls.length]).toEqual([0, 0])
  vi.restoreAllMocks()
})

test('a timestamp is a moment that a Date can hold, to the second', () => {
  const seconds = (value: bigint): Uint8Array => {
    const bytes = Buffer.from('c70cff000000000000000000000000', 'hex')
    bytes.writeBigInt64BE(value, 7)
    return bytes
  }
  for (const value of [-8_640_000_000_000n, 0n, 8_639_999_999_999n, 8_640_000_000_000n]) {
    expect(scan(seconds(value))).toBe(MSGPACK_OK)
    expect(decode(seconds(value))).toEqual(new Date(Number(value) * 1000))
  }
  for (const value of [-8_640_000_000_001n, 8_640_000_000_001n])
    expect(scan(seconds(value))).toBe(MSGPACK_BAD_TIMESTAMP)
  const behindTheLast = seconds(8_640_000_000_000n)
  behindTheLast[6] = 1
  expect(scan(behindTheLast)).toBe(MSGPACK_BAD_TIMESTAMP)
})

test('a header that promises one element more than there are bytes is the fault, not its last element', () => {
  const scanner = new MsgpackScanner()
  expect(scanner.scan(fromHex('93c0c0'), 0, 3, BODY_LIMITS_DEFAULT)).toBe(MSGPACK_TRUNCATED)
  expect(scanner.faultAt).toBe(0)
})

test('the scanner says where the fault is, and whether there is binary data', () => {
  const scanner = new MsgpackScanner()
  const bytes = fromHex('82a16101a162d40100')
  expect(scanner.scan(bytes, 0, bytes.length, BODY_LIMITS_DEFAULT)).not.toBe(MSGPACK_OK)
  expect([scanner.faultAt, scanner.hasBinary]).toEqual([6, false])
  const binary = encode([new Uint8Array(1)])
  expect(scanner.scan(binary, 0, binary.length, BODY_LIMITS_DEFAULT)).toBe(MSGPACK_OK)
  expect(scanner.hasBinary).toBe(true)
})

function isValid(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}
