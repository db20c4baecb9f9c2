/** The ring against a model that is an array, and its refusals. */
import { RingBuffer } from '@shardwire/protocol'
import { withSeed } from '@shardwire/testkit'
import { expect, test } from 'vitest'

function unread(ring: RingBuffer): number[] {
  return [...ring.memory.subarray(ring.head, ring.tail)]
}

function assertCursors(ring: RingBuffer): void {
  expect(ring.head).toBeGreaterThanOrEqual(0)
  expect(ring.tail).toBeGreaterThanOrEqual(ring.head)
  expect(ring.memory.length).toBeGreaterThanOrEqual(ring.tail)
  expect(ring.readableBytes).toBe(ring.tail - ring.head)
  expect(ring.writableBytes).toBe(ring.memory.length - ring.tail)
}

test('any sequence of steps leaves what an array would hold', async () => {
  await withSeed('ring against an array', (random) => {
    let ring = new RingBuffer(new Uint8Array(64))
    let model: number[] = []
    const append = (): void => {
      const bytes = random.bytes(random.integer(0, ring.writableBytes))
      ring.append(bytes, 0, bytes.length)
      model.push(...bytes)
    }
    const commit = (): void => {
      const bytes = random.bytes(random.integer(0, ring.writableBytes))
      ring.memory.set(bytes, ring.tail)
      ring.commit(bytes.length)
      model.push(...bytes)
    }
    const consume = (): void => {
      const bytes = random.integer(0, ring.readableBytes)
      ring.consume(bytes)
      model = model.slice(bytes)
    }
    const makeRoom = (): void => {
      const bytes = random.integer(0, 100)
      expect(ring.makeRoom(bytes)).toBe(bytes <= ring.memory.length)
      if (bytes <= ring.memory.length) expect(ring.memory.length - ring.head).toBeGreaterThanOrEqual(bytes)
    }
    const moveTo = (): void => {
      const before = ring.memory
      expect(ring.moveTo(new Uint8Array(random.integer(Math.max(1, ring.readableBytes), 128)))).toBe(before)
      before.fill(0xdb)
    }
    for (let step = 0; step < 20_000; step++) {
      random.pick([append, commit, consume, consume, makeRoom, moveTo])()
      assertCursors(ring)
      expect(unread(ring)).toEqual(model)
      if (step % 500 === 0) [ring, model] = [new RingBuffer(new Uint8Array(64)), []]
    }
  })
})

test('consuming moves nothing: a read under way still lands at the tail', () => {
  const ring = new RingBuffer(new Uint8Array(8))
  ring.append(Uint8Array.of(1, 2, 3), 0, 3)
  ring.consume(3)
  expect([ring.head, ring.tail, ring.writableBytes]).toEqual([3, 3, 5])
  ring.memory.set([4, 5], ring.tail)
  ring.commit(2)
  expect(unread(ring)).toEqual([4, 5])
})

test('room is made by carrying the unread bytes to the front, and only then', () => {
  const ring = new RingBuffer(new Uint8Array(8))
  ring.append(Uint8Array.of(1, 2, 3, 4, 5, 6), 0, 6)
  ring.consume(4)
  expect(ring.makeRoom(4)).toBe(true)
  expect(ring.head).toBe(4)
  expect(ring.makeRoom(5)).toBe(true)
  expect([ring.head, ring.tail]).toEqual([0, 2])
  expect(unread(ring)).toEqual([5, 6])
  expect(ring.makeRoom(9)).toBe(false)
})

test('what does not fit or is not there throws, and changes nothing', () => {
  const ring = new RingBuffer(new Uint8Array(4))
  ring.append(Uint8Array.of(9, 1, 2, 3, 9), 1, 4)
  expect(() => ring.append(new Uint8Array(2), 0, 2)).toThrow(RangeError)
  expect(() => ring.commit(2)).toThrow(RangeError)
  expect(() => ring.commit(-1)).toThrow(RangeError)
  expect(() => ring.consume(4)).toThrow(RangeError)
  expect(() => ring.consume(-1)).toThrow(RangeError)
  expect(() => ring.moveTo(new Uint8Array(2))).toThrow(RangeError)
  expect(unread(ring)).toEqual([1, 2, 3])
})
