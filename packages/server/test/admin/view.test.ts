/** Owns the tests of what two statuses say of the time between them. */
import { describe, expect, it } from 'vitest'
import { percentilesOf, quantile, viewOf } from '../../src/admin/view.ts'
import { createHistogram, DURATION_BOUNDS, observe } from '../../src/metrics/histogram.ts'
import { status } from './samples.ts'

describe('a view', () => {
  it('has rates, parts of the time and percentiles of what came between', () => {
    const view = viewOf(status(1000, 100, 1, 10), status(3000, 300, 2, 30))
    expect(view).toMatchObject({ seconds: 2, connections: 5, framesInPerSecond: 100, bytesInPerSecond: 10_000 })
    expect(view.acceptedPerSecond).toBe(10)
    expect(view.workers).toMatchObject([{ cpu: 0.5 }])
    expect(view.routes).toMatchObject([{ route: 'echo', perSecond: 11, failedPerSecond: 1, count: 22 }])
    expect(view.latency.p50).toBeGreaterThan(0.001)
    expect(view.latency.p50).toBeLessThanOrEqual(0.002)
    expect(view.closes).toEqual({ PEER_ENDED: 10 })
    expect(view.refusals).toEqual({})
  })

  it('is the same when the clock of the machine was set in between, either way', () => {
    const [before, after] = [status(1000, 100, 1, 10), status(3000, 500, 2, 30)]
    for (const now of [after.now - 864_000_000, after.now + 864_000_000]) {
      expect(viewOf(before, { ...after, now })).toEqual(viewOf(before, after))
    }
    expect(viewOf(before, after)).toMatchObject({ seconds: 2, framesInPerSecond: 200 })
  })

  it('over a restart of the daemon has no rates, and none below 0', () => {
    const view = viewOf(status(1000, 5000, 5, 500, 1), status(2000, 10, 1, 10, 2))
    expect(view).toMatchObject({ framesInPerSecond: 0, closedPerSecond: 0 })
    expect(view.latency.count).toBe(0)
  })
})

describe('a quantile', () => {
  it('lies within the bucket that it falls into', () => {
    const histogram = createHistogram(DURATION_BOUNDS)
    for (let index = 0; index < 99; index++) observe(histogram, DURATION_BOUNDS, 0.0001)
    observe(histogram, DURATION_BOUNDS, 0.4)
    const { p50, p99, p999 } = percentilesOf(histogram.counts, DURATION_BOUNDS)
    expect(p50).toBeGreaterThan(0.00005)
    expect(p50).toBeLessThanOrEqual(0.0001)
    expect(p99).toBeLessThanOrEqual(0.0001)
    expect(p999).toBeGreaterThan(0.2)
    expect(p999).toBeLessThanOrEqual(0.5)
  })

  it('of nothing is none, and of what is above all bounds is the last', () => {
    expect(quantile([0, 0], [1], 0.5)).toBe(undefined)
    expect(quantile([0, 5], [1], 0.5)).toBe(1)
  })
})
