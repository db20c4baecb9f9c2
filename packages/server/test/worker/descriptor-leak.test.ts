import { describe, expect, it } from 'vitest'
import { DescriptorLeak, type LeakFigures } from '../../src/worker/descriptor-leak.ts'

const LIMIT = 1000
const BASE = 30

interface Told {
  readonly leaks: LeakFigures[]
  readonly bounds: LeakFigures[]
}

/** Looks once for each second. */
function watch(others: readonly number[]): Told {
  const told: Told = { leaks: [], bounds: [] }
  const leak = new DescriptorLeak(
    (figures) => told.leaks.push(figures),
    (figures) => told.bounds.push(figures),
  )
  leak.look(BASE, LIMIT)
  for (const count of others) leak.look(count, LIMIT)
  return told
}

function seconds(count: number, of: (second: number) => number): number[] {
  return Array.from({ length: count }, (_, second) => BASE + of(second))
}

describe('a leak of descriptors', () => {
  it('that grows for two minutes and more is told once, with figures', () => {
    const { leaks, bounds } = watch(seconds(300, (second) => second))
    expect(leaks).toHaveLength(1)
    expect(leaks[0]).toMatchObject({ seconds: 120, limit: LIMIT })
    expect(leaks[0]?.grew).toBeGreaterThanOrEqual(110)
    expect(bounds).toEqual([])
  })

  it('past half of the limit is told once more, as a bound', () => {
    const { leaks, bounds } = watch(seconds(700, (second) => second))
    expect([leaks.length, bounds.length]).toEqual([1, 1])
    expect(bounds[0]?.unexplained).toBeGreaterThanOrEqual(LIMIT / 2)
  })
})

describe('no leak is', () => {
  it.each([
    ['a pool that is opened and kept, large as it may be', (second: number) => Math.min(second, 50) * 12],
    ['files that come and go', (second: number) => (second % 7 === 0 ? 0 : second * 2)],
    ['what grows by a few in two minutes', (second: number) => Math.floor(second / 3)],
    ['what grows and shrinks again every two minutes', (second: number) => (second % 120 < 100 ? second % 120 : 0) * 5],
  ])('%s', (_, of) => {
    expect(watch(seconds(600, of))).toEqual({ leaks: [], bounds: [] })
  })
})
