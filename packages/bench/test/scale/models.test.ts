import { withSeed } from '@shardwire/testkit'
import { describe, expect, test } from 'vitest'

import { analyse } from '../../src/scale/analyse.ts'
import { bestOf, fit, peakOf, throughputOf } from '../../src/scale/models.ts'
import type { Parameters, Point } from '../../src/scale/models.ts'

const SIZES = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]

function points(parameters: Parameters, noise: () => number = () => 0): Point[] {
  return SIZES.map((size) => ({ size, perSecond: throughputOf(parameters, size) * (1 + noise()) }))
}

describe('a known curve is found again', () => {
  test.each<[string, Parameters]>([
    ['slow start', { each: 995.6, serial: 0.0267, crosstalk: 0.000769 }],
    ['much crosstalk', { each: 50_000, serial: 0.02, crosstalk: 0.01 }],
    ['large numbers', { each: 4_000_000, serial: 0.3, crosstalk: 0.001 }],
    ['small numbers', { each: 0.5, serial: 0.1, crosstalk: 0.002 }],
  ])('by USL: %s', (_name, parameters) => {
    const found = fit('usl', points(parameters))
    expect(found?.parameters.each).toBeCloseTo(parameters.each, parameters.each > 100 ? -1 : 3)
    expect(found?.parameters.serial).toBeCloseTo(parameters.serial, 4)
    expect(found?.parameters.crosstalk).toBeCloseTo(parameters.crosstalk, 5)
    expect(found?.explained).toBeGreaterThan(0.9999)
  })

  test.each([0, 0.05, 0.5])('by Amdahl: serial part %d', (serial) => {
    const found = fit('amdahl', points({ each: 1000, serial, crosstalk: 0 }))
    expect(found?.parameters.serial).toBeCloseTo(serial, 4)
    expect(found?.parameters.each).toBeCloseTo(1000, 0)
  })

  test('by a line', () => {
    expect(fit('linear', points({ each: 123, serial: 0, crosstalk: 0 }))?.parameters.each).toBeCloseTo(123, 6)
  })
})

test('with noise the true parameters are near, and the law that made the points is the best', async () => {
  await withSeed('fits under noise', (random) => {
    const noise = (): number => (random.integer(0, 1000) / 1000 - 0.5) * 0.02
    const truth = { each: 10_000, serial: 0.05, crosstalk: 0.002 }
    const some = [...points(truth, noise), ...points(truth, noise), ...points(truth, noise)]
    const fits = (['linear', 'amdahl', 'usl'] as const).flatMap((model) => fit(model, some) ?? [])
    expect(bestOf(fits)?.model).toBe('usl')
    const { parameters } = fits[2] ?? { parameters: truth }
    expect(Math.abs(parameters.serial - truth.serial)).toBeLessThan(0.02)
    expect(Math.abs(peakOf(parameters) / peakOf(truth) - 1)).toBeLessThan(0.15)
  })
})

test('a straight line is not taken for a curve', () => {
  const line = points({ each: 500, serial: 0, crosstalk: 0 }, () => 0).map((point, index) => {
    return { ...point, perSecond: point.perSecond * (index % 2 === 0 ? 1.001 : 0.999) }
  })
  const fits = (['linear', 'amdahl', 'usl'] as const).flatMap((model) => fit(model, line) ?? [])
  expect(bestOf(fits)?.model).toBe('linear')
})

test('a law with more parameters than sizes is not fitted', () => {
  const two = [1, 2, 1, 2].map((size) => ({ size, perSecond: size * 10 }))
  expect(fit('usl', two)).toBe(null)
  expect(fit('amdahl', two)).not.toBe(null)
  expect(fit('amdahl', two.slice(0, 1))).toBe(null)
})

describe('beyond what was measured', () => {
  const truth = { each: 1000, serial: 0.02, crosstalk: 0.001 }

  test('twice is told, and more is refused with the reason', () => {
    const { predictions } = analyse(points(truth), [16, 64, 65])
    expect(predictions[0]?.perSecond).toBeCloseTo(throughputOf(truth, 16), 0)
    expect(predictions[0]?.why).toBe('')
    expect(predictions[1]?.perSecond).toBeCloseTo(throughputOf(truth, 64), 0)
    expect(predictions[1]?.why).toBe('beyond what was measured, by usl')
    expect(predictions[2]).toEqual({ size: 65, perSecond: null, why: expect.stringContaining('too far') })
  })

  test('a peak within twice is told with its range, one further away is not', () => {
    const near = analyse(points(truth), [])
    expect(near.peak?.size).toBeCloseTo(peakOf(truth), 0)
    expect(near.peak?.lowSize).toBeLessThanOrEqual(near.peak?.size ?? 0)
    expect(near.peak?.highSize).toBeGreaterThanOrEqual(near.peak?.size ?? Infinity)
    expect(analyse(points({ ...truth, crosstalk: 0.000_02 }), []).peak).toBe(null)
  })
})
