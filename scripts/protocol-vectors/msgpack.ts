/**
 * Owns the vectors of msgpack bodies.
 * Must not know: how they are published.
 * Invariant: every form of the msgpack specification occurs, and every fault that takes no large body.
 */
import {
  BODY_LIMITS_DEFAULT,
  MSGPACK_BAD_TIMESTAMP,
  MSGPACK_BAD_UTF8,
  MSGPACK_EXTENSION,
  MSGPACK_INTEGER_RANGE,
  MSGPACK_KEY_NO_STRING,
  MSGPACK_PROTO_KEY,
  MSGPACK_TOO_DEEP,
  MSGPACK_TRAILING_BYTES,
  MSGPACK_TRUNCATED,
  MSGPACK_UNUSED_BYTE,
  msgpackFaultText,
} from '@shardwire/protocol'
import { toTagged, type InvalidBody, type ValidBody } from './vector.ts'

/** Name, hex, value; these are what an encoder writes. */
const SHORTEST: readonly (readonly [string, string, unknown])[] = [
  ['nil', 'c0', null],
  ['false', 'c2', false],
  ['true', 'c3', true],
  ['positive fixint', '7f', 127],
  ['negative fixint', 'e0', -32],
  ['uint 8', 'ccff', 255],
  ['uint 16', 'cdffff', 65_535],
  ['uint 32', 'ceffffffff', 4_294_967_295],
  ['uint 64, the largest', 'cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['int 8', 'd080', -128],
  ['int 16', 'd18000', -32_768],
  ['int 32', 'd280000000', -2_147_483_648],
  ['int 64, the smallest', 'd3ffe0000000000001', Number.MIN_SAFE_INTEGER],
  ['float 64', 'cb3ff8000000000000', 1.5],
  ['float 64, infinite', 'cb7ff0000000000000', Infinity],
  ['fixstr, empty', 'a0', ''],
  ['fixstr with two, three and four bytes a character', 'a9c3a9e282acf09d849e', 'é€𝄞'],
  ['str 8', `d920${'61'.repeat(32)}`, 'a'.repeat(32)],
  ['str 16', `da0100${'61'.repeat(256)}`, 'a'.repeat(256)],
  ['bin 8', 'c40300ff80', Uint8Array.of(0, 255, 128)],
  ['bin 16', `c50100${'00'.repeat(256)}`, new Uint8Array(256)],
  ['fixarray', '93010203', [1, 2, 3]],
  ['array 16', `dc0010${'c0'.repeat(16)}`, Array.from({ length: 16 }, () => null)],
  ['fixmap, empty', '80', {}],
  ['fixmap', '82a16101a162c0', { a: 1, b: null }],
  ['timestamp 32', 'd6ff00000001', new Date(1000)],
  ['timestamp 64', 'd7ff77359400665b2f80', new Date(1_717_251_968_500)],
  ['timestamp 96, before 1970', 'c70cff00000000ffffffffffffffff', new Date(-1000)],
  ['depth 32', `${'91'.repeat(31)}90`, nested(32)],
]

/** What an encoder would write shorter, and a decoder takes all the same. */
const LONGER: readonly (readonly [string, string, unknown])[] = [
  ['uint 64 of a small number', 'cf0000000000000005', 5],
  ['int 32 of a small number', 'd200000005', 5],
  ['float 32', 'ca3fc00000', 1.5],
  ['str 32', 'db0000000161', 'a'],
  ['bin 32', 'c60000000101', Uint8Array.of(1)],
  ['array 32', 'dd00000001c0', [null]],
  ['map 16', 'de0001a16101', { a: 1 }],
  ['map 32', 'df00000001a16101', { a: 1 }],
  ['map with a key of str 8', '81d9016101', { a: 1 }],
  ['map with a repeated key: the last one wins', '82a16101a16102', { a: 2 }],
  ['timestamp of ext 8', 'c704ff00000001', new Date(1000)],
]

function nested(depth: number): unknown[] {
  return depth === 1 ? [] : [nested(depth - 1)]
}

export function validBodies(): ValidBody[] {
  return [
    ...SHORTEST.map(([name, hex, value]) => ({ name, hex, value: toTagged(value) })),
    ...LONGER.map(([name, hex, value]) => ({ name, hex, value: toTagged(value), decodeOnly: true })),
    { name: 'bigint: uint 64', hex: 'cfffffffffffffffff', value: toTagged(2n ** 64n - 1n), bigint: true },
    { name: 'bigint: int 64', hex: 'd38000000000000000', value: toTagged(-(2n ** 63n)), bigint: true },
  ]
}

export function invalidBodies(): InvalidBody[] {
  return [...shapeFaults(), ...stringFaults(), ...limitFaults()]
}

function invalid(name: string, hex: string, fault: number): InvalidBody {
  return { name, hex, fault: msgpackFaultText(fault) }
}

function shapeFaults(): InvalidBody[] {
  return [
    invalid('no bytes', '', MSGPACK_TRUNCATED),
    invalid('two values', 'c0c0', MSGPACK_TRAILING_BYTES),
    invalid('the byte 0xc1', 'c1', MSGPACK_UNUSED_BYTE),
    invalid('uint 32 cut', 'ce000000', MSGPACK_TRUNCATED),
    invalid('str 8 without its length', 'd9', MSGPACK_TRUNCATED),
    invalid('fixstr cut', 'a26f', MSGPACK_TRUNCATED),
    invalid('bin 32 of 4 GiB', 'c6ffffffff', MSGPACK_TRUNCATED),
    invalid('array 32 of 4 billion elements', 'ddffffffff', MSGPACK_TRUNCATED),
    invalid('map 32 of 4 billion entries', 'dfffffffff', MSGPACK_TRUNCATED),
    invalid('map without its value', '81a161', MSGPACK_TRUNCATED),
    invalid('timestamp cut', 'd6ff0000', MSGPACK_TRUNCATED),
  ]
}

function stringFaults(): InvalidBody[] {
  return [
    invalid('key that is an integer', '8101c0', MSGPACK_KEY_NO_STRING),
    invalid('key that is nil', '81c0c0', MSGPACK_KEY_NO_STRING),
    invalid('key that is binary', '81c40161c0', MSGPACK_KEY_NO_STRING),
    invalid('key that is a map', '8180c0', MSGPACK_KEY_NO_STRING),
    invalid('key __proto__', '81a95f5f70726f746f5f5fc0', MSGPACK_PROTO_KEY),
    invalid('key __proto__, as str 8, further in', '9181d9095f5f70726f746f5f5fc0', MSGPACK_PROTO_KEY),
    invalid('UTF-8: a lone continuation byte', 'a180', MSGPACK_BAD_UTF8),
    invalid('UTF-8: an overlong slash', 'a2c0af', MSGPACK_BAD_UTF8),
    invalid('UTF-8: an overlong form of three bytes', 'a3e08080', MSGPACK_BAD_UTF8),
    invalid('UTF-8: a surrogate', 'a3eda080', MSGPACK_BAD_UTF8),
    invalid('UTF-8: beyond U+10FFFF', 'a4f4908080', MSGPACK_BAD_UTF8),
    invalid('UTF-8: a character cut by the end of the string', '92a1c3a1a9', MSGPACK_BAD_UTF8),
    invalid('UTF-8: in a key', '81a1ffc0', MSGPACK_BAD_UTF8),
  ]
}

function limitFaults(): InvalidBody[] {
  return [
    invalid('uint 64 of 2^53', 'cf0020000000000000', MSGPACK_INTEGER_RANGE),
    invalid('int 64 of -2^53', 'd3ffe0000000000000', MSGPACK_INTEGER_RANGE),
    invalid('extension of the application', 'd40100', MSGPACK_EXTENSION),
    invalid('extension -2', 'd4fe00', MSGPACK_EXTENSION),
    invalid('timestamp of 5 bytes', 'c705ff0000000001', MSGPACK_BAD_TIMESTAMP),
    invalid('timestamp 64 with 10^9 nanoseconds', 'd7ffee6b280000000001', MSGPACK_BAD_TIMESTAMP),
    invalid('timestamp 96 beyond what a Date holds', 'c70cff000000007fffffffffffffff', MSGPACK_BAD_TIMESTAMP),
    invalid('depth 33', `${'91'.repeat(BODY_LIMITS_DEFAULT.depthMax)}90`, MSGPACK_TOO_DEEP),
  ]
}
