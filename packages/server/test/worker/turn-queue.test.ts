import { nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { TURN_MS, TurnQueue } from '../../src/worker/turn-queue.ts'

interface Waiter {
  readonly name: number
}

/** A queue whose waiters each take `costMs` of the turn that they go on in, and come to wait again `again` times. */
function queueOf(count: number, costMs: number, again = Infinity) {
  let nowMs = 0
  const served: number[] = []
  const rounds = new Map<Waiter, number>()
  const queue = new TurnQueue<Waiter>(
    () => nowMs,
    (waiter) => {
      served.push(waiter.name)
      nowMs += costMs
      const round = (rounds.get(waiter) ?? 0) + 1
      rounds.set(waiter, round)
      if (round < again) queue.wait(waiter)
    },
  )
  for (let name = 0; name < count; name++) queue.wait({ name })
  return { queue, served, now: () => nowMs }
}

describe('connections that wait for their turn', () => {
  it('all go on in the next one while they are few', async () => {
    const { served } = queueOf(10, 0.1, 1)
    expect(served).toEqual([])
    await nextTurn()
    expect(served).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('a single one goes on in each turn, whatever it takes', async () => {
    const { served } = queueOf(1, 1000)
    for (let turn = 1; turn <= 5; turn++) {
      await nextTurn()
      expect(served).toHaveLength(turn)
    }
  })

  it('go on in their order, so many in a turn that it takes about its time, however many wait', async () => {
    const { served, now } = queueOf(1000, 0.5)
    const took: number[] = []
    for (let turn = 0; turn < 200; turn++) {
      const beforeMs = now()
      await nextTurn()
      took.push(now() - beforeMs)
    }
    expect(Math.max(...took)).toBeLessThanOrEqual(TURN_MS * 1.5)
    const settled = took.slice(20)
    expect(settled.reduce((sum, ms) => sum + ms, 0) / settled.length).toBeGreaterThan(TURN_MS / 3)
    expect(served.slice(0, 1000)).toEqual(Array.from({ length: 1000 }, (_, name) => name))
    const counts = Map.groupBy(served, (name) => name)
    const numbers = [...counts.values()].map((list) => list.length)
    expect(Math.max(...numbers) - Math.min(...numbers)).toBeLessThanOrEqual(1)
  })

  it('that cost nothing are all served in a few turns', async () => {
    const { served } = queueOf(3000, 0, 1)
    for (let turn = 0; turn < 30; turn++) await nextTurn()
    expect(served).toHaveLength(3000)
  })
})
