/** The pool: its bound holds in every order of steps, and a block has one holder. */
import { BufferPool, type BufferPoolOptions, POISON_BYTE } from '@shardwire/protocol'
import { withSeed } from '@shardwire/testkit'
import { expect, test } from 'vitest'

const OPTIONS = { bytesMax: 4096, blockBytesMin: 64, blockBytesMax: 1024, freeBytesMax: 1024 }

function poolOf(options: Partial<BufferPoolOptions> = {}): BufferPool {
  return new BufferPool({ ...OPTIONS, ...options })
}

function lease(pool: BufferPool, bytes: number): Uint8Array {
  const block = pool.lease(bytes)
  if (block === undefined) throw new Error(`no block of ${bytes} bytes`)
  return block
}

test('blocks are powers of two between the smallest and the largest', () => {
  const pool = poolOf({ blockBytesMin: 50, blockBytesMax: 1000 })
  const sizes = [0, 1, 64, 65, 128, 1000, 1024].map((bytes) => lease(pool, bytes).length)
  expect(sizes).toEqual([64, 64, 64, 128, 128, 1024, 1024])
  expect(pool.blockBytesMax).toBe(1024)
})

test('no block is larger than the largest, however much is asked for', () => {
  const pool = poolOf()
  for (const bytes of [1025, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, 2 ** 40]) {
    expect(pool.lease(bytes), `${bytes} bytes`).toBeUndefined()
  }
  expect(pool.leasedBlocks).toBe(0)
})

test('the bound is exact: the last block that fits is lent, the next one is not', () => {
  const pool = poolOf()
  for (let count = 0; count < 4; count++) lease(pool, 1024)
  expect(pool.lease(1)).toBeUndefined()
  expect(pool.leasedBytes).toBe(4096)
})

test('a block that came back is lent again', () => {
  const pool = poolOf()
  const block = lease(pool, 100)
  pool.release(block)
  expect([pool.leasedBytes, pool.leasedBlocks, pool.freeBytes]).toEqual([0, 0, 128])
  expect(lease(pool, 128)).toBe(block)
  expect(pool.freeBytes).toBe(0)
})

test('free blocks beyond freeBytesMax go back to the system', () => {
  const pool = poolOf({ freeBytesMax: 128 })
  const blocks = [64, 64, 64].map((bytes) => lease(pool, bytes))
  for (const block of blocks) pool.release(block)
  expect(pool.freeBytes).toBe(128)
})

test('what was lent beyond the bound is no way around it when it is back', () => {
  const pool = poolOf()
  const blocks = [1024, 1024, 1024, 1024].map((bytes) => lease(pool, bytes))
  for (const block of blocks) {
    const beyond = pool.leaseBeyondBound(1024)
    pool.release(block)
    expect(pool.lease(1024)).toBeUndefined()
    expect(pool.leasedBytes).toBe(4096)
    expect(beyond).toHaveLength(1024)
  }
})

test('a block counts as its length and its overhead, leased and free', () => {
  const pool = poolOf({ blockOverheadBytes: 36 })
  expect(pool.costOf(50)).toBe(100)
  const blocks = Array.from({ length: 40 }, () => lease(pool, 64))
  expect([pool.leasedBytes, pool.lease(64)]).toEqual([4000, undefined])
  for (const block of blocks) pool.release(block)
  expect([pool.leasedBytes, pool.freeBytes]).toEqual([0, 1000])
})

test('blocks of which a slab holds sixteen are cut from it, side by side; larger ones have memory of their own', () => {
  const pool = poolOf({ slabBytes: 1024 })
  const small = Array.from({ length: 17 }, () => lease(pool, 64))
  expect(small.map(({ byteOffset }) => byteOffset)).toEqual([...Array(16).keys()].map((at) => at * 64).concat(0))
  expect(small.map(({ buffer }) => small.findIndex((other) => other.buffer === buffer))).toEqual([
    ...Array<number>(16).fill(0),
    16,
  ])
  expect(lease(pool, 65).buffer.byteLength).toBe(128)
})

test('after its free blocks are dropped a pool refers to no slab that nobody holds a block of', () => {
  const pool = poolOf({ slabBytes: 1024 })
  const before = lease(pool, 64)
  pool.release(before)
  pool.dropFree()
  expect([pool.leasedBytes, pool.freeBytes]).toEqual([0, 0])
  expect(lease(pool, 64).buffer).not.toBe(before.buffer)
})

test('free blocks of other sizes make way for a lease', () => {
  const pool = poolOf({ freeBytesMax: 4096 })
  const blocks = Array.from({ length: 4 }, () => lease(pool, 1024))
  for (const block of blocks) pool.release(block)
  expect(pool.freeBytes).toBe(4096)
  lease(pool, 64)
  expect(pool.freeBytes).toBe(3072)
})

test('giving a block back twice throws, and so does one that is not ours', () => {
  const pool = poolOf()
  const block = lease(pool, 64)
  pool.release(block)
  expect(() => pool.release(block)).toThrow(/given back twice/)
  expect(() => pool.release(new Uint8Array(64))).toThrow(/not leased/)
  expect(pool.freeBytes).toBe(64)
})

test('a poisoned block reads as poison after it came back, and only where asked for', () => {
  const poisoned = lease(poolOf(), 64).fill(1)
  const pool = poolOf({ poison: true })
  const block = lease(pool, 64).fill(1)
  pool.release(block)
  expect(new Set(block)).toEqual(new Set([POISON_BYTE]))
  expect(new Set(poisoned)).toEqual(new Set([1]))
})

test('a smallest block above the largest is refused', () => {
  expect(() => poolOf({ blockBytesMin: 2048 })).toThrow(RangeError)
})

test('any order of leases and releases keeps the bound, and nothing is left when all came back', async () => {
  await withSeed('pool', (random) => {
    const pool = poolOf({ freeBytesMax: 2048 })
    const held: Uint8Array[] = []
    for (let step = 0; step < 20_000; step++) {
      const block = random.next() < 0.55 ? pool.lease(random.integer(0, 1200)) : undefined
      if (block !== undefined) {
        expect(held).not.toContain(block)
        held.push(block)
      } else if (held.length > 0) {
        const [back] = held.splice(random.integer(0, held.length - 1), 1)
        if (back !== undefined) pool.release(back)
      }
      expect(pool.leasedBytes).toBe(held.reduce((total, { length }) => total + length, 0))
      expect(pool.leasedBytes + pool.freeBytes).toBeLessThanOrEqual(OPTIONS.bytesMax)
      expect(pool.freeBytes).toBeLessThanOrEqual(2048)
    }
    for (const block of held) pool.release(block)
    expect([pool.leasedBytes, pool.leasedBlocks]).toEqual([0, 0])
  })
})
