import { FakeClock } from '@shardwire/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { TURN_BYTES_MAX, TURN_MS_MAX, TurnBudget } from '../../src/worker/turn-budget.ts'

const connection = {}
const other = {}

describe('TurnBudget', () => {
  it('is spent by bytes over several reads in a row', () => {
    const budget = new TurnBudget(() => 0)
    budget.begin(connection, TURN_BYTES_MAX)
    expect(budget.isSpent()).toBe(false)
    budget.begin(connection, 1)
    expect(budget.isSpent()).toBe(true)
  })

  it('begins anew when another connection was served in between', () => {
    const budget = new TurnBudget(() => 0)
    budget.begin(connection, TURN_BYTES_MAX)
    budget.begin(other, 1)
    budget.begin(connection, TURN_BYTES_MAX)
    expect(budget.isSpent()).toBe(false)
  })

  it('notices a slow handler after two frames', () => {
    const clock = new FakeClock()
    const budget = new TurnBudget(() => clock.nowMs())
    budget.begin(connection, 10)
    clock.advance(TURN_MS_MAX + 0.5)
    expect(budget.isSpent()).toBe(false)
    clock.advance(TURN_MS_MAX + 0.5)
    expect(budget.isSpent()).toBe(true)
  })

  it('notices handlers that are slow together at latest after twice the frames', () => {
    const clock = new FakeClock()
    const budget = new TurnBudget(() => clock.nowMs())
    budget.begin(connection, 10)
    let frames = 0
    do {
      frames++
      clock.advance(0.1)
    } while (!budget.isSpent())
    expect(frames).toBeGreaterThan(TURN_MS_MAX / 0.1)
    expect(frames).toBeLessThanOrEqual((2 * TURN_MS_MAX) / 0.1 + 2)
  })

  it('asks the clock for a small part of the frames of a long batch', () => {
    let asked = 0
    const budget = new TurnBudget(() => {
      asked++
      return 0
    })
    budget.begin(connection, 10)
    for (let frame = 0; frame < 1024; frame++) budget.isSpent()
    expect(asked).toBeLessThan(1024 / 15 + 6)
  })

  describe('after many quick batches', () => {
    let asked: number
    let clock: FakeClock
    let budget: TurnBudget
    /** Frames until the budget is spent, each of them taking `ms`; undefined when it was not by the 64th. */
    function framesUntilSpent(ms: number): number | undefined {
      budget.begin(connection, 10)
      for (let frame = 1; frame <= 64; frame++) {
        clock.advance(ms)
        if (budget.isSpent()) return frame
      }
      return undefined
    }

    beforeEach(() => {
      asked = 0
      clock = new FakeClock()
      budget = new TurnBudget(() => {
        asked++
        return clock.nowMs()
      })
      for (let batch = 0; batch < 1000; batch++) {
        budget.begin(connection, 0)
        for (let frame = 1; frame < 16; frame++) budget.isSpent()
      }
      asked = 0
    })

    it('does not ask the clock in batches of sixteen, but for the one in 64 that it watches', () => {
      for (let batch = 0; batch < 128; batch++) {
        budget.begin(other, 10)
        for (let frame = 1; frame < 16; frame++) budget.isSpent()
      }
      expect(asked).toBe(2 * 4)
    })

    it('notices a handler that becomes slow within 32 frames, and then after two for a while', () => {
      expect(framesUntilSpent(5)).toBeLessThanOrEqual(32)
      for (let batch = 0; batch < 256; batch++) expect(framesUntilSpent(5)).toBe(2)
    })

    it('notices one that became slow in short batches by watching one in 64', () => {
      const counts = Array.from({ length: 65 }, () => {
        budget.begin(connection, 10)
        for (let frame = 1; frame < 8; frame++) {
          clock.advance(5)
          if (budget.isSpent()) return frame
        }
        return undefined
      })
      expect(counts.at(-1)).toBe(2)
    })

    it('still counts bytes frame by frame', () => {
      budget.begin(connection, TURN_BYTES_MAX + 1)
      expect(budget.isSpent()).toBe(true)
    })
  })
})
