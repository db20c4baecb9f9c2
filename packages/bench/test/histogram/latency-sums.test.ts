import { withSeed } from '@shardwire/testkit'
import { expect, test } from 'vitest'

import { LatencySums } from '../../src/histogram/latency-sums.ts'
import { LatencyRecorder } from '../../src/load/latency-recorder.ts'
import { latencyReport } from '../../src/report/run-report.ts'

/** From microseconds to minutes, most of them small: as latencies are. */
function latencies(count: number, next: () => number): number[] {
  return Array.from({ length: count }, () => Math.floor(Math.exp(next() * 16)))
}

function sumsOf(...parts: readonly (readonly number[])[]): LatencySums {
  const sums = new LatencySums()
  for (const part of parts) {
    const recorder = new LatencyRecorder()
    for (const us of part) recorder.record(us)
    sums.add(recorder.take())
  }
  return sums
}

test('merging the histograms of N processes is recording in one, to the last bucket', async () => {
  await withSeed('merge', (random) => {
    const all = latencies(20_000, () => random.next())
    const processes = 2 + random.integer(0, 14)
    const parts = Array.from({ length: processes }, (_, index) => all.filter((_us, at) => at % processes === index))
    expect(latencyReport(sumsOf(...parts))).toEqual(latencyReport(sumsOf(all)))
  })
})

test('merging is not averaging: one slow process of ten is the p99 of all', () => {
  const fast = new Array<number>(1000).fill(100)
  const parts = [...new Array<number[]>(9).fill(fast), new Array<number>(1000).fill(50_000)]
  // The average of ten p99 would be 5090.
  expect(sumsOf(...parts).percentileUs(99)).toBeGreaterThan(49_900)
  expect(sumsOf(...parts).percentileUs(90)).toBe(100)
})

test('every percentile is that of a sorted array, to the three digits of the histogram', async () => {
  await withSeed('percentiles', (random) => {
    const all = latencies(1 + random.integer(0, 30_000), () => random.next())
    const sorted = all.toSorted((one, other) => one - other)
    const sums = sumsOf(all)
    expect(sums.samples).toBe(all.length)
    expect(sums.sumUs).toBe(all.reduce((sum, one) => sum + one, 0))
    expect([sums.minUs, sums.maxUs]).toEqual([sorted[0], sorted.at(-1)])
    for (let step = 0; step <= 1000; step++) {
      const percent = step / 10
      // The rank is rounded to the nearest, so a percentile may be that of a neighbour.
      const rank = (percent / 100) * all.length
      const [below, above] = [Math.floor(rank) - 1, Math.ceil(rank) - 1].map((at) => sorted[Math.max(0, at)] ?? NaN)
      const value = sums.percentileUs(percent)
      expect(value).toBeGreaterThanOrEqual((below ?? NaN) * 0.999)
      expect(value).toBeLessThanOrEqual((above ?? NaN) * 1.001)
    }
  })
})
