import { expect, test } from 'vitest'

import { LatencyRecorder } from '../../src/load/latency-recorder.ts'
import type { IntervalReport, LatencySnapshot } from '../../src/messages.ts'
import { RunTotals } from '../../src/run/run-totals.ts'

function snapshotOf(latenciesUs: readonly number[]): LatencySnapshot {
  const recorder = new LatencyRecorder()
  recorder.measureFromUs = 0
  for (const latencyUs of latenciesUs) recorder.record(0, latencyUs)
  return recorder.take()
}

function interval(change: Partial<IntervalReport> = {}): IntervalReport {
  const counts = { lengthUs: 1_000_000, answers: 100, bytesReceived: 7400, bytesSent: 7400, connections: 2, errors: 0 }
  return { phase: 'measured', ...counts, latency: snapshotOf([]), ...change }
}

test('throughput is what came while measuring, latency also what came in the drain', () => {
  const totals = new RunTotals(1)
  totals.add(0, interval({ phase: 'warm-up', answers: 50 }))
  totals.add(0, interval({ latency: snapshotOf([10, 20]) }))
  totals.add(0, interval({ phase: 'drain', answers: 4, latency: snapshotOf([90]) }))
  expect(totals).toMatchObject({ answers: 100, bytesReceived: 7400, bytesSent: 7400 })
  expect(totals.latency).toMatchObject({ samples: 3, sumUs: 120, minUs: 10, maxUs: 90 })
})

test('a second of the series is the sum of all processes, its percentiles those of the merged samples', () => {
  const totals = new RunTotals(2)
  totals.add(0, interval({ latency: snapshotOf([10, 10, 10]) }))
  expect(totals.allReported).toBe(false)
  totals.add(1, interval({ lengthUs: 500_000, latency: snapshotOf([500]) }))
  expect(totals.allReported).toBe(true)
  expect(totals.series()).toEqual([
    {
      phase: 'measured',
      index: 0,
      messagesPerSecond: 300,
      samples: 4,
      p50Us: 10,
      p99Us: 500,
      maxUs: 500,
      connections: 4,
      errors: 0,
    },
  ])
  expect(totals.messagesPerSecondNow).toBe(300)
  expect(totals.connectionsNow).toBe(4)
})

test('a second that one process never reported is in the series all the same', () => {
  const totals = new RunTotals(2)
  totals.add(0, interval())
  totals.add(0, interval())
  totals.add(1, interval())
  expect(totals.series().map(({ index, connections }) => [index, connections])).toEqual([
    [0, 4],
    [1, 2],
  ])
})

test('a percentile never passes the maximum', () => {
  const totals = new RunTotals(1)
  totals.add(0, interval({ latency: snapshotOf([123_457]) }))
  expect(totals.latency.percentileUs(99)).toBe(123_457)
})
