import { BufferPool, type RingBuffer } from '@shardwire/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { Budget } from '../../src/worker/budget.ts'
import type { Connection } from '../../src/worker/connection.ts'
import { createCounters } from '../../src/worker/counters.ts'
import { RING_BYTES_MIN, Rings } from '../../src/worker/rings.ts'
import { connect } from './fake-transport.ts'

const BLOCK_BYTES_MAX = 64 * 1024
const BYTES_MAX = 128 * 1024
const RESERVE_BYTES = 1024

let pool: BufferPool
let shed: Connection[]
let rings: Rings
let connection: Connection
beforeEach(() => {
  const blocks = { blockBytesMin: RING_BYTES_MIN, blockBytesMax: BLOCK_BYTES_MAX }
  pool = new BufferPool({ bytesMax: BYTES_MAX + RESERVE_BYTES, ...blocks, freeBytesMax: BYTES_MAX, poison: true })
  shed = []
  connection = connect()
  const connections = new Set([connection])
  const budget = new Budget({ pool, reserveBytes: RESERVE_BYTES, connections, shed: (victim) => shed.push(victim) })
  rings = new Rings(budget, BLOCK_BYTES_MAX, createCounters())
})

/** Bytes that name their places, so that one that moved or is lost shows. */
function numbered(count: number, first = 0): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (first + index) % 251)
}

/** Begins a ring with `bytes`. */
function kept(bytes: Uint8Array): RingBuffer {
  expect(rings.keep(connection, bytes, 0, bytes.length)).toBe(true)
  if (connection.ring === null) throw new Error('no ring')
  return connection.ring
}

/** Fills what is writable, as a read would. */
function fill(ring: RingBuffer): void {
  const bytes = numbered(ring.writableBytes, ring.readableBytes)
  ring.memory.set(bytes, ring.tail)
  ring.commit(bytes.length)
}

function unread(ring: RingBuffer): Buffer {
  return Buffer.from(ring.memory.subarray(ring.head, ring.tail))
}

describe('a ring', () => {
  it('begins with the smallest block, whatever the header of its frame promises', () => {
    const ring = kept(numbered(10))
    expect(rings.makeRoom(connection, ring, 1_048_586)).toBe(true)
    expect(ring.memory).toHaveLength(RING_BYTES_MIN)
    expect(pool.leasedBytes).toBe(RING_BYTES_MIN)
  })

  it('keeps what could not be decoded, from the place where it stood', () => {
    const memory = numbered(100)
    expect(rings.keep(connection, memory, 90, 100)).toBe(true)
    expect(connection.ring === null ? undefined : unread(connection.ring)).toEqual(Buffer.from(memory.subarray(90)))
  })

  it('grows only when it is full of bytes that came, fourfold, and keeps them all', () => {
    const ring = kept(numbered(10))
    const sizes: number[] = []
    while (ring.readableBytes < BLOCK_BYTES_MAX) {
      expect(rings.makeRoom(connection, ring, BLOCK_BYTES_MAX)).toBe(true)
      sizes.push(ring.memory.length)
      fill(ring)
    }
    expect(sizes).toEqual([512, 2048, 8192, 32_768, 65_536])
    expect(unread(ring)).toEqual(Buffer.from(numbered(BLOCK_BYTES_MAX)))
    expect(pool.leasedBytes).toBe(BLOCK_BYTES_MAX)
  })

  it('grows no further than its frame needs, where that is less', () => {
    const ring = kept(numbered(10))
    fill(ring)
    expect(rings.makeRoom(connection, ring, 800)).toBe(true)
    expect(ring.memory).toHaveLength(1024)
  })

  it('doubles while the length of its frame is not known', () => {
    const ring = kept(numbered(512))
    fill(ring)
    expect(rings.makeRoom(connection, ring, 6)).toBe(true)
    expect(ring.memory).toHaveLength(2048)
  })

  it('holds at most four times what came, or the smallest block', () => {
    const ring = kept(numbered(3000))
    expect(ring.memory).toHaveLength(8192)
    for (let came = 3000; came < 30_000; came += 500) {
      rings.makeRoom(connection, ring, BLOCK_BYTES_MAX)
      ring.append(numbered(500, ring.readableBytes), 0, Math.min(500, ring.writableBytes))
      expect(ring.memory.length).toBeLessThanOrEqual(4 * ring.readableBytes)
    }
  })

  it('carries its unread bytes to the front rather than growing, where its frame then fits', () => {
    const ring = kept(numbered(10))
    fill(ring)
    ring.consume(500)
    expect(rings.makeRoom(connection, ring, 200)).toBe(true)
    expect([ring.head, ring.readableBytes, ring.memory.length]).toEqual([0, 12, RING_BYTES_MIN])
    expect(unread(ring)).toEqual(Buffer.from(numbered(12, 500)))
  })

  it('never grows beyond the largest block: a connection that needs more is shed, alone', () => {
    const ring = kept(numbered(BLOCK_BYTES_MAX))
    expect(rings.makeRoomFor(connection, ring, 1)).toBe(false)
    expect(shed).toEqual([connection])
    expect(ring.memory).toHaveLength(BLOCK_BYTES_MAX)
  })

  it('makes room for a chunk of any size that a block can hold, and keeps what it has', () => {
    const ring = kept(numbered(4000))
    expect(rings.makeRoomFor(connection, ring, 20_000)).toBe(true)
    expect(ring.writableBytes).toBeGreaterThanOrEqual(20_000)
    expect(unread(ring)).toEqual(Buffer.from(numbered(4000)))
  })
})

describe('the memory of rings', () => {
  it('goes back once, and giving back without a ring does nothing', () => {
    kept(numbered(10))
    rings.release(connection)
    expect([connection.ring, pool.leasedBytes, pool.leasedBlocks]).toEqual([null, 0, 0])
    rings.release(connection)
    expect(pool.freeBytes).toBe(RING_BYTES_MIN)
  })

  it('the smaller block goes back when a ring grows', () => {
    const ring = kept(numbered(10))
    fill(ring)
    rings.makeRoom(connection, ring, BLOCK_BYTES_MAX)
    expect([pool.leasedBlocks, pool.leasedBytes]).toEqual([1, 2048])
  })

  it('a ring that the budget refuses leaves the connection without one, reset', () => {
    pool.leaseBeyondBound(BLOCK_BYTES_MAX)
    pool.leaseBeyondBound(BLOCK_BYTES_MAX)
    expect(rings.keep(connection, numbered(10), 0, 10)).toBe(false)
    expect([connection.ring, shed]).toEqual([null, [connection]])
  })
})
