/** Rules of the memory that bodies are handed out in. */
import { withSeed } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { BodyMemory } from '../src/body-memory.ts'

const LENGTH_MAX = 600

it('copies bodies of any length from anywhere, to memory of their own', async () => {
  await withSeed('bodies', (random) => {
    const memory = new BodyMemory()
    const sources = [0, 1, 7].map((offset) => random.bytes(LENGTH_MAX + 50).subarray(offset))
    const kept: { readonly body: Uint8Array; readonly expected: Uint8Array }[] = []
    for (let length = 0; length <= LENGTH_MAX; length++) {
      const source = random.pick(sources)
      const start = random.integer(0, source.length - length)
      const body = memory.copy(source, start, start + length)
      expect(Object.getPrototypeOf(body)).toBe(Uint8Array.prototype)
      kept.push({ body, expected: source.slice(start, start + length) })
    }
    // Compared at the end: no later body has written into an earlier one, nor does its owner into another.
    for (const { body, expected } of kept) {
      expect(body).toEqual(expected)
      body.fill(0xee)
    }
  })
})

it('begins bodies where any typed array may begin', () => {
  const memory = new BodyMemory()
  const source = new Uint8Array(300).fill(7)
  for (let length = 0; length <= 300; length++) expect(memory.copy(source, 0, length).byteOffset % 8).toBe(0)
})

it('copies from memory that was written to since, and from a second one', () => {
  const memory = new BodyMemory()
  const [one, other] = [new Uint8Array(64).fill(1), new Uint8Array(64).fill(2)]
  const first = memory.copy(one, 0, 64)
  one.fill(3)
  const bodies = [first, memory.copy(one, 0, 64), memory.copy(other, 0, 64), memory.copy(one, 0, 64)]
  expect(bodies.map((body) => body[63])).toEqual([1, 3, 2, 3])
})
