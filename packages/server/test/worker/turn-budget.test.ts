import { FakeClock } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
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

  it('asks the clock for a small part of the frames', () => {
    let asked = 0
    const budget = new TurnBudget(() => {
      asked++
      return 0
    })
    budget.begin(connection, 10)
    for (let frame = 0; frame < 1024; frame++) budget.isSpent()
    expect(asked).toBeLessThan(1024 / 15 + 6)
  })
})
