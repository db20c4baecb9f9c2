import { describe, expect, it } from 'vitest'
import { HeapWatch, oldHeapBytes, onFullCollection } from '../../src/worker/heap-watch.ts'
import { loadCollector } from '../../src/worker/collector.ts'

function setUp(): { watch: HeapWatch; state: { bytes: number; collected: (() => void)[]; full: number[] } } {
  const state = { bytes: 0, collected: [] as (() => void)[], full: [] as number[] }
  const watch = new HeapWatch({
    limitBytes: 100,
    oldBytes: () => state.bytes,
    onCollected: (task) => state.collected.push(task),
    onFull: (bytes) => state.full.push(bytes),
  })
  return { watch, state }
}

describe('a heap', () => {
  it('is not listened to while it is far from its limit', () => {
    const { watch, state } = setUp()
    for (state.bytes = 0; state.bytes < 60; state.bytes++) watch.look()
    expect(state.collected).toEqual([])
  })

  it('is full at 85 % after a full collection, told once; garbage alone is nothing', () => {
    const { watch, state } = setUp()
    state.bytes = 99
    watch.look()
    watch.look()
    expect([state.collected.length, state.full]).toEqual([1, []])
    state.bytes = 84
    state.collected[0]?.()
    expect(state.full).toEqual([])
    state.bytes = 85
    state.collected[0]?.()
    state.bytes = 90
    state.collected[0]?.()
    expect(state.full).toEqual([85])
  })
})

describe('V8', () => {
  it('tells of a full collection, and how much of its heap is old', async () => {
    const collected = Promise.withResolvers<void>()
    onFullCollection(collected.resolve)
    loadCollector()()
    await collected.promise
    expect(oldHeapBytes()).toBeGreaterThan(1024 * 1024)
  })
})
