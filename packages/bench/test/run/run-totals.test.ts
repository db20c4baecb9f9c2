import { expect, test } from 'vitest'

import { LatencyRecorder, NO_LATENCIES } from '../../src/load/latency-recorder.ts'
import type { IntervalReport, LatencySet } from '../../src/messages.ts'
import { RunTotals } from '../../src/run/run-totals.ts'
import { POINTS_MAX } from '../../src/run/series.ts'

function latencyOf(responsesUs: readonly number[]): LatencySet {
  const recorder = new LatencyRecorder()
  for (const latencyUs of responsesUs) recorder.record(latencyUs)
  const none = { service: NO_LATENCIES, sendLag: NO_LATENCIES, ownLag: NO_LATENCIES }
  return { response: recorder.take(), ...none, classes: [] }
}

function interval(change: Partial<IntervalReport> = {}): IntervalReport {
  const counts = { lengthUs: 1_000_000, answers: 100, bytesReceived: 7400, bytesSent: 7400, connections: 2, errors: 0 }
  const open = { due: 0, sent: 100, waiting: 0 }
  return { phase: 'measured', ...counts, ...open, latency: latencyOf([]), ...change }
}

test('throughput is what came while measuring, latency also what came in the drain', () => {
  const totals = new RunTotals(1)
  totals.add(0, interval({ phase: 'warm-up', answers: 50 }))
  totals.add(0, interval({ latency: latencyOf([10, 20]) }))
  totals.add(0, interval({ phase: 'drain', answers: 4, latency: latencyOf([90]) }))
  expect(totals).toMatchObject({ answers: 100, bytesReceived: 7400, bytesSent: 7400 })
  expect(totals.latency.response).toMatchObject({ samples: 3, sumUs: 120, minUs: 10, maxUs: 90 })
})

test('a second of the series is the sum of all processes, its percentiles those of the merged samples', () => {
  const totals = new RunTotals(2)
  totals.add(0, interval({ latency: latencyOf([10, 10, 10]) }))
  expect(totals.allReported).toBe(false)
  totals.add(1, interval({ lengthUs: 500_000, latency: latencyOf([500]) }))
  expect(totals.allReported).toBe(true)
  expect(totals.series()).toMatchObject([
    {
      phase: 'measured',
      index: 0,
      fromMs: 0,
      lengthMs: 1000,
      messagesPerSecond: 300,
      samples: 4,
      p50Us: 10,
      p99Us: 500,
    },
  ])
  expect(totals.series()[0]).toMatchObject({ maxUs: 500, connections: 4, errors: 0, serviceP99Us: null })
  expect(totals.messagesPerSecondNow).toBe(300)
  expect(totals.connectionsNow).toBe(4)
})

test('errors of a point are those of its interval, in any phase, and those of all add up to what was counted', () => {
  const totals = new RunTotals(2)
  // A process tells them as they have been counted since the beginning.
  const counted = [
    ['warm-up', [3, 0]],
    ['measured', [53, 10]],
    ['measured', [53, 10]],
    ['measured', [155, 30]],
    ['drain', [155, 643]],
  ] as const
  for (const [phase, counts] of counted) {
    counts.forEach((errors, process) => totals.add(process, interval({ phase, errors })))
  }
  expect(totals.series().map(({ phase, errors }) => [phase, errors])).toEqual([
    ['warm-up', 3],
    ['measured', 60],
    ['measured', 0],
    ['measured', 122],
    ['drain', 613],
  ])
  expect(totals.errorsNow).toBe(155 + 643)
})

test('errors of points that were joined are added', () => {
  const totals = new RunTotals(1)
  const seconds = 2 * POINTS_MAX + 7
  for (let second = 1; second <= seconds; second++) totals.add(0, interval({ errors: 5 * second }))
  const points = totals.series()
  expect(points.length).toBeLessThanOrEqual(POINTS_MAX)
  expect(points.reduce((sum, { errors }) => sum + errors, 0)).toBe(5 * seconds)
  for (const { errors, lengthMs } of points) expect(errors).toBe((5 * lengthMs) / 1000)
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
  totals.add(0, interval({ latency: latencyOf([123_457]) }))
  expect(totals.latency.response.percentileUs(99)).toBe(123_457)
})

test('a long run has a bounded series, whose points hold every sample', () => {
  const totals = new RunTotals(1)
  const seconds = 2 * POINTS_MAX + 7
  for (let second = 0; second < seconds; second++) totals.add(0, interval({ latency: latencyOf([second]) }))
  const points = totals.series()
  expect(points.length).toBeLessThanOrEqual(POINTS_MAX)
  expect(points.reduce((sum, { samples }) => sum + samples, 0)).toBe(seconds)
  expect(points.reduce((sum, { lengthMs }) => sum + lengthMs, 0)).toBe(seconds * 1000)
  expect(points.map(({ index }) => index)).toEqual(points.map((_, index) => index))
  for (const [index, { fromMs, maxUs }] of points.entries()) {
    const next = points[index + 1]
    // Second n has the one sample n: a point holds just its own seconds.
    if (next !== undefined) expect(next.fromMs).toBe((maxUs + 1) * 1000)
    expect(fromMs).toBeLessThanOrEqual(maxUs * 1000)
  }
})
