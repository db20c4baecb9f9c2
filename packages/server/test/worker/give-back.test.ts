import { BufferPool } from '@shardwire/protocol'
import { CallCounter } from '@shardwire/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Counters, createCounters } from '../../src/worker/counters.ts'
import { GiveBack } from '../../src/worker/give-back.ts'

const MIB = 1024 * 1024

let counters: Counters
let pool: BufferPool
let collections: CallCounter<[]>
let heapBytes: number
let giveBack: GiveBack
beforeEach(() => {
  counters = createCounters()
  pool = new BufferPool({ bytesMax: MIB, blockBytesMin: 512, blockBytesMax: MIB, freeBytesMax: MIB })
  collections = new CallCounter()
  heapBytes = 40 * MIB
  giveBack = new GiveBack({ counters, pool, heapBytes: () => heapBytes, collect: () => collections.call() })
})

/** So many connections are open from now on, and two quiet seconds pass. */
function open(count: number): void {
  counters.connectionsTotal += Math.max(0, count - counters.connectionsOpen)
  counters.connectionsOpen = count
  for (let second = 0; second < 3; second++) giveBack.look()
}

/** Leaves a free block in the pool. */
function leaveFreeBlock(): void {
  const block = pool.lease(512)
  if (block === undefined) throw new Error('no block')
  pool.release(block)
}

describe('giving memory back', () => {
  it('happens once when a burst of connections has left', () => {
    open(15_000)
    expect(collections.count).toBe(0)
    leaveFreeBlock()
    open(0)
    expect([collections.count, pool.freeBytes]).toEqual([1, 0])
    open(0)
    expect(collections.count).toBe(1)
  })

  it('happens again after the next burst', () => {
    for (let burst = 1; burst <= 3; burst++) {
      open(2000)
      open(10)
      expect(collections.count).toBe(burst)
    }
  })

  it('waits until half of a burst has left, and a thousand', () => {
    open(3000)
    open(1501)
    expect(collections.count).toBe(0)
    open(1500)
    expect(collections.count).toBe(1)
    open(501)
    expect(collections.count).toBe(1)
  })

  it('waits while there is much to do', () => {
    open(2000)
    counters.connectionsOpen = 0
    for (let second = 0; second < 5; second++) {
      counters.framesIn += 1001
      giveBack.look()
    }
    expect(collections.count).toBe(0)
    counters.framesIn += 1000
    giveBack.look()
    expect(collections.count).toBe(1)
  })

  it('collects no heap that would take long, but drops free blocks all the same', () => {
    heapBytes = 128 * MIB + 1
    open(2000)
    leaveFreeBlock()
    open(0)
    expect([collections.count, pool.freeBytes]).toEqual([0, 0])
  })
})
