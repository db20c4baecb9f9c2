/** docs/protocol-vectors.json is what its sources say, and says something about every rule. */
import { ERROR_TABLE, KIND_NAMES } from '@shardwire/protocol'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { protocolVectors, VECTORS_FILE } from '../../../scripts/protocol-vectors.ts'
import { fromTagged, toTagged } from '../../../scripts/protocol-vectors/vector.ts'
import { VECTORS } from './support/vectors.ts'

test('the file is in step with its sources: else run `node scripts/protocol-vectors.ts`', () => {
  expect(readFileSync(VECTORS_FILE, 'utf8') === protocolVectors()).toBe(true)
})

test('no two vectors of a list have the same name', () => {
  for (const list of [VECTORS.validFrames, VECTORS.invalidFrames, VECTORS.validBodies, VECTORS.invalidBodies]) {
    const names = list.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  }
})

test('every kind occurs, and each that may have META with and without it', () => {
  const seen = new Set(VECTORS.validFrames.map(({ kind, meta }) => (meta === undefined ? kind : `${kind} with META`)))
  const plain = KIND_NAMES.filter((name) => !name.startsWith('kind '))
  const withMeta = ['MESSAGE', 'REQUEST', 'RESPONSE', 'ERROR'].map((name) => `${name} with META`)
  expect([...seen].sort()).toEqual([...plain, ...withMeta].sort())
})

test('every error code occurs as an ERROR frame', () => {
  const codes = VECTORS.validFrames.flatMap(({ kind, body }) => {
    if (kind !== 'ERROR' || body === undefined || !('msgpack' in body)) return []
    return [(body.msgpack as { code: number }).code]
  })
  expect(codes).toEqual(expect.arrayContaining(ERROR_TABLE.map(({ code }) => code)))
})

test('what JSON cannot hold is tagged and comes back', () => {
  const value = {
    big: 5n,
    bytes: Uint8Array.of(1, 2),
    when: new Date(5),
    list: [NaN, -Infinity, { $a: 1 }],
    text: '$a',
  }
  expect(fromTagged(JSON.parse(JSON.stringify(toTagged(value))))).toEqual(value)
})
