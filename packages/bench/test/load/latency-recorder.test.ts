import { expect, test } from 'vitest'

import { LATENCY_US_MAX, LatencyHistogram } from '../../src/latency-histogram.ts'
import { LatencyRecorder } from '../../src/load/latency-recorder.ts'

test('nothing is a sample before measuring, and then what is answered from that moment on', () => {
  const recorder = new LatencyRecorder()
  recorder.record(1000, 2000)
  expect(recorder.take().samples).toBe(0)
  recorder.measureFromUs = 5000
  recorder.record(4000, 4999.9)
  expect(recorder.take().samples).toBe(0)
  recorder.record(5000, 6000)
  expect(recorder.take()).toMatchObject({ samples: 1, sumUs: 1000, minUs: 1000, maxUs: 1000 })
})

test('what was written before measuring and answered in it is a sample with all of its latency', () => {
  const recorder = new LatencyRecorder()
  recorder.measureFromUs = 5000
  recorder.record(2000, 5000)
  expect(recorder.take()).toMatchObject({ samples: 1, minUs: 3000, maxUs: 3000 })
})

test('latencies are rounded to the nearest microsecond, and 0 is one', () => {
  const recorder = new LatencyRecorder()
  recorder.measureFromUs = 0
  for (const latencyUs of [0, 0.4, 0.5, 1.4, 2.6]) recorder.record(100, 100 + latencyUs)
  expect(recorder.take()).toMatchObject({ samples: 5, sumUs: 5, minUs: 0, maxUs: 3 })
})

test('runs of equal latencies are all counted', () => {
  const recorder = new LatencyRecorder()
  recorder.measureFromUs = 0
  for (const latencyUs of [7, 7, 7, 9, 7, 7]) recorder.record(0, latencyUs)
  const snapshot = recorder.take()
  expect(snapshot).toMatchObject({ samples: 6, sumUs: 44, minUs: 7, maxUs: 9 })
  const histogram = new LatencyHistogram()
  histogram.merge(snapshot.histogram)
  expect(histogram.samples).toBe(6)
  expect(histogram.percentileUs(80)).toBe(7)
})

test('what is above the range is counted apart, in sum and maximum as it is, and never clamped', () => {
  const recorder = new LatencyRecorder()
  recorder.measureFromUs = 0
  recorder.record(0, LATENCY_US_MAX)
  recorder.record(0, LATENCY_US_MAX + 1)
  recorder.record(0, 5 * LATENCY_US_MAX)
  const snapshot = recorder.take()
  expect(snapshot).toMatchObject({ samples: 3, aboveRange: 2, maxUs: 5 * LATENCY_US_MAX })
  const histogram = new LatencyHistogram()
  histogram.merge(snapshot.histogram)
  expect(histogram.samples).toBe(1)
})

test('taking forgets', () => {
  const recorder = new LatencyRecorder()
  recorder.measureFromUs = 0
  recorder.record(0, 50)
  recorder.take()
  expect(recorder.take()).toEqual({ samples: 0, sumUs: 0, minUs: 0, maxUs: 0, aboveRange: 0, histogram: '' })
})
