/** Rules of the cuts. */
import { expect, it } from 'vitest'
import { Random } from '../src/random.ts'
import { everySplit, joinBytes, randomChunks } from '../src/splits.ts'

it('cuts into the whole, every two parts, and single bytes', () => {
  const splits = [...everySplit(Uint8Array.of(1, 2, 3))].map((parts) => parts.map((part) => [...part]))
  expect(splits).toEqual([[[1, 2, 3]], [[1], [2, 3]], [[1, 2], [3]], [[1], [2], [3]]])
})

it('cuts a single byte one way only', () => {
  expect([...everySplit(Uint8Array.of(1))]).toHaveLength(1)
})

it('gives every part memory of its own', () => {
  const bytes = Buffer.from([1, 2, 3])
  for (const parts of everySplit(bytes)) {
    for (const part of parts) expect(part.buffer).not.toBe(bytes.buffer)
  }
})

it('cuts at random without losing or adding a byte', () => {
  const random = new Random(11)
  const bytes = random.bytes(300)
  const chunks = randomChunks(bytes, random, 7)
  expect(chunks.every((chunk) => chunk.length >= 1 && chunk.length <= 7)).toBe(true)
  expect(joinBytes(chunks)).toEqual(bytes)
})
