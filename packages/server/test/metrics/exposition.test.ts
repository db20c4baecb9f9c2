/** Owns the tests of the text of a scrape. */
import { parseExposition, sampleOf } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { Exposition } from '../../src/metrics/exposition.ts'
import { createHistogram, DURATION_BOUNDS, observe } from '../../src/metrics/histogram.ts'

it('samples stand with their metric, whatever the order they came in', () => {
  const out = new Exposition()
  out.add('shardwire_ready', 1)
  out.add('shardwire_workers', 2, 'serving')
  out.add('shardwire_build_info', 1, '0.1.0', '26.0.0')
  out.add('shardwire_workers', 0, 'leaving')
  const families = parseExposition(out.render())
  expect([...families.keys()]).toEqual(['shardwire_build_info', 'shardwire_ready', 'shardwire_workers'])
  expect(sampleOf(families, 'shardwire_workers', { state: 'serving' })).toBe(2)
})

it('histograms are cumulative, with all bounds', () => {
  const out = new Exposition()
  const histogram = createHistogram(DURATION_BOUNDS)
  for (const seconds of [0.5e-6, 0.004, 0.005, 1000]) observe(histogram, DURATION_BOUNDS, seconds)
  out.addHistogram('shardwire_request_duration_seconds', histogram, DURATION_BOUNDS, 'echo')
  const families = parseExposition(out.render())
  const bucket = (le: string): number => sampleOf(families, 'shardwire_request_duration_seconds_bucket', { le })
  expect([bucket('0.000001'), bucket('0.002'), bucket('0.005'), bucket('50'), bucket('+Inf')]).toEqual([1, 1, 3, 3, 4])
  expect(sampleOf(families, 'shardwire_request_duration_seconds_sum')).toBeCloseTo(1000.009)
})

it('labels may hold anything', () => {
  const out = new Exposition()
  out.add('shardwire_requests_total', 1, 'a "quoted" \\ route\nof two lines', 'ok')
  const families = parseExposition(out.render())
  expect(sampleOf(families, 'shardwire_requests_total', { route: 'a "quoted" \\ route\nof two lines' })).toBe(1)
})

it('labels are those of the table, all of them', () => {
  expect(() => new Exposition().add('shardwire_workers', 1)).toThrow('shardwire_workers has the labels state')
})
