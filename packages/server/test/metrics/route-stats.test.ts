/** Owns the tests of what is counted of a route, and of how densely it is timed. */
import { UNKNOWN_ROUTE } from '@shardwire/protocol'
import { withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { countOf } from '../../src/metrics/histogram.ts'
import { OUTCOME_OK, OUTCOME_OTHER, RouteBook, RouteStats } from '../../src/metrics/route-stats.ts'

/** A second of traffic. @returns how many of it were timed */
function second(stats: RouteStats, frames: number, tookMs = 1): number {
  let timed = 0
  for (let frame = 0; frame < frames; frame++) {
    if (!stats.isSampled()) continue
    timed++
    stats.timed(tookMs)
  }
  stats.adapt()
  return timed
}

describe('the sample of a route', () => {
  it('is everything while there is little to do', () => {
    const stats = new RouteStats(1, 'echo')
    expect(second(stats, 5000)).toBe(5000)
    expect(second(stats, 8000)).toBe(8000)
    expect(countOf(stats.counters.latency)).toBe(13_000)
  })

  it('of a busy route is bounded, and stands for about all of it', () => {
    const stats = new RouteStats(1, 'echo')
    const frames = 1_000_000
    second(stats, frames)
    const before = countOf(stats.counters.latency)
    const timed = second(stats, frames)
    expect(timed).toBeGreaterThan(3000)
    expect(timed).toBeLessThan(17_000)
    const counted = countOf(stats.counters.latency) - before
    expect(counted / frames).toBeGreaterThan(0.9)
    expect(counted / frames).toBeLessThan(1.1)
  })

  it('is everything again as soon as the rush is over', () => {
    const stats = new RouteStats(1, 'echo')
    second(stats, 1_000_000)
    second(stats, 10)
    expect(second(stats, 100)).toBe(100)
  })

  it('is everything for good where handlers return promises, each counted once', () => {
    const stats = new RouteStats(1, 'wait')
    second(stats, 1_000_000)
    stats.timeAll()
    const before = countOf(stats.counters.latency)
    expect(second(stats, 100_000)).toBe(100_000)
    expect(countOf(stats.counters.latency) - before).toBe(100_000)
  })

  it('keeps no step with the client: of two kinds in turn both are seen', async () => {
    await withSeed('sample', (random) => {
      const stats = new RouteStats(1, 'echo')
      second(stats, 500_000)
      const seen = [0, 0]
      const first = random.integer(0, 1)
      for (let frame = 0; frame < 500_000; frame++) {
        const kind = (frame + first) % 2
        if (stats.isSampled()) seen[kind] = (seen[kind] ?? 0) + 1
      }
      const [some = 0, others = 0] = seen
      expect(Math.min(some, others) / Math.max(some, others)).toBeGreaterThan(0.8)
    })
  })
})

describe('the routes of a worker', () => {
  it('are told when something was counted of them, and not again until there is more', () => {
    const book = new RouteBook([{ number: 3, name: 'three' }], () => 0)
    expect(book.takeChanged()).toEqual([])
    book.of(3).ended(true, OUTCOME_OK)
    expect(book.takeChanged()).toMatchObject([{ number: 3, name: 'three' }])
    expect(book.takeChanged()).toEqual([])
  })

  it('that there are not are counted as one, so that nobody fills the memory by asking', () => {
    const book = new RouteBook([{ number: 3, name: 'three' }], () => 0)
    for (let number = 4; number < 4096; number++) book.of(number).ended(true, UNKNOWN_ROUTE)
    const [unknown, ...others] = book.takeChanged()
    expect(others).toEqual([])
    expect(unknown?.requests[UNKNOWN_ROUTE]).toBe(4092)
  })

  it('count an error that no table has as another', () => {
    const stats = new RouteStats(1, 'echo')
    stats.ended(false, 4000)
    expect(stats.counters.messages[OUTCOME_OTHER]).toBe(1)
  })
})
