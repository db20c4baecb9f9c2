import { expect, test } from 'vitest'

import { LATENCY_US_MAX, LatencyHistogram } from '../../src/histogram/latency-histogram.ts'
import { LatencyRecorder } from '../../src/load/latency-recorder.ts'

test('latencies are rounded to the nearest microsecond, and 0 is one', () => {
  const recorder = new LatencyRecorder()
  for (const latencyUs of [0, 0.4, 0.5, 1.4, 2.6]) recorder.record(latencyUs)
  expect(recorder.take()).toMatchObject({ samples: 5, sumUs: 5, minUs: 0, maxUs: 3 })
})

test('runs of equal latencies are all counted', () => {
  const recorder = new LatencyRecorder()
  for (const latencyUs of [7, 7, 7, 9, 7, 7]) recorder.record(latencyUs)
  const snapshot = recorder.take()
  expect(snapshot).toMatchObject({ samples: 6, sumUs: 44, minUs: 7, maxUs: 9 })
  const histogram = new LatencyHistogram()
  histogram.mergeRaw(snapshot.histogram)
  expect(histogram.samples).toBe(6)
  expect(histogram.percentileUs(80)).toBe(7)
})

test('what is above the range is counted apart, in sum and maximum as it is, and never clamped', () => {
  const recorder = new LatencyRecorder()
  recorder.record(LATENCY_US_MAX)
  recorder.record(LATENCY_US_MAX + 1)
  recorder.record(5 * LATENCY_US_MAX)
  const snapshot = recorder.take()
  expect(snapshot).toMatchObject({ samples: 3, aboveRange: 2, maxUs: 5 * LATENCY_US_MAX })
  const histogram = new LatencyHistogram()
  histogram.mergeRaw(snapshot.histogram)
  expect(histogram.samples).toBe(1)
})

test('taking forgets', () => {
  const recorder = new LatencyRecorder()
  recorder.record(50)
  recorder.take()
  expect(recorder.take()).toEqual({ samples: 0, sumUs: 0, minUs: 0, maxUs: 0, aboveRange: 0, histogram: '' })
})
