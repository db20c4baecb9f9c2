import { describe, expect, it } from 'vitest'
import { QUEUE_BLOCK_BYTES, SendQueue } from '../../../src/worker/mirror/send-queue.ts'

/** @returns false when there is no room */
function put(queue: SendQueue, bytes: number, fill = 1): boolean {
  const room = queue.reserve(bytes)
  if (room === undefined) return false
  room.memory.fill(fill, room.end, room.end + bytes)
  queue.commit(bytes, 1)
  return true
}

describe('the queue to a mirror', () => {
  it('gives what was put in, in order, in writes of at most so many bytes', () => {
    const queue = new SendQueue(4 * QUEUE_BLOCK_BYTES)
    put(queue, 10, 1)
    put(queue, 10, 2)
    expect([...(queue.next(15) ?? [])]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2])
    expect(queue.next(15)).toBeUndefined()
    expect(queue.taken(15)).toBe(0)
    expect([...(queue.next(15) ?? [])]).toEqual([2, 2, 2, 2, 2])
    expect(queue.taken(5)).toBe(2)
    expect([queue.isEmpty, queue.heldBytes]).toEqual([true, 0])
  })

  it('leaves the bytes of a write as they are while frames come behind them', () => {
    const queue = new SendQueue(4 * QUEUE_BLOCK_BYTES)
    put(queue, 10, 1)
    const written = queue.next(100)
    put(queue, 10, 2)
    expect([...(written ?? [])]).toEqual(Array.from({ length: 10 }, () => 1))
    expect(queue.taken(10)).toBe(0)
    expect(queue.next(100)).toHaveLength(10)
    expect(queue.taken(10)).toBe(2)
  })

  it('never holds more than its bound, whatever the sizes', () => {
    const queue = new SendQueue(4 * QUEUE_BLOCK_BYTES)
    const sizes = [1, 60_000, 33_000, 70_000, 65_536, 10, 200_000, 40_000, 40_000]
    for (const bytes of sizes) {
      put(queue, bytes)
      expect(queue.heldBytes).toBeLessThanOrEqual(4 * QUEUE_BLOCK_BYTES)
    }
    expect(put(queue, 60_000)).toBe(false)
    expect(put(queue, 5 * QUEUE_BLOCK_BYTES)).toBe(false)
  })

  it('has room again for what was taken', () => {
    const queue = new SendQueue(2 * QUEUE_BLOCK_BYTES)
    expect([put(queue, 65_536), put(queue, 65_536), put(queue, 1)]).toEqual([true, true, false])
    queue.taken(queue.next(65_536)?.length ?? 0)
    expect([put(queue, 65_536), put(queue, 1)]).toEqual([true, false])
  })

  it('drops what waits, but not the block of which a part is being written', () => {
    const queue = new SendQueue(4 * QUEUE_BLOCK_BYTES)
    put(queue, 40_000)
    put(queue, 40_000)
    put(queue, 40_000)
    expect(queue.next(100)).toHaveLength(100)
    expect(queue.dropWaiting()).toBe(2)
    queue.taken(100)
    expect(queue.next(QUEUE_BLOCK_BYTES)).toHaveLength(39_900)
    expect([queue.taken(39_900), queue.isEmpty]).toEqual([1, true])
  })

  it('counts only frames that are to be counted', () => {
    const queue = new SendQueue(4 * QUEUE_BLOCK_BYTES)
    queue.reserve(10)
    queue.commit(10, 0)
    put(queue, 10)
    expect(queue.abandon()).toBe(1)
  })
})
