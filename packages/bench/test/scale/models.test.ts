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
    expect(bestOf(fits, some).fit?.model).toBe('usl')
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
  expect(bestOf(fits, line).fit?.model).toBe('linear')
})

test('a law with more parameters than sizes is not fitted', () => {
  const two = [1, 2, 1, 2].map((size) => ({ size, perSecond: size * 10 }))
  expect(fit('usl', two)).toBe(null)
  expect(fit('amdahl', two)).not.toBe(null)
  expect(fit('amdahl', two.slice(0, 1))).toBe(null)
})

describe('no law is the best', () => {
  const runs = (rates: Readonly<Record<number, readonly number[]>>): Point[] =>
    Object.entries(rates).flatMap(([size, some]) => some.map((perSecond) => ({ size: Number(size), perSecond })))
  const TOO_FEW = /^there are too few runs to tell \(3 runs at 3 sizes\): a straight line alone takes 4 at 2$/
  const NO_BETTER =
    /^no law that \d sizes can test explains the throughput better than its mean does \(the nearest, \w+, has R2 -?\d/

  test.each<[string, Readonly<Record<number, readonly number[]>>, RegExp]>([
    ['that falls', { 1: [798_000, 801_000, 795_000], 2: [549_000, 552_000, 546_000] }, NO_BETTER],
    ['that is flat', { 1: [500, 520, 480], 2: [510, 490, 500], 4: [495, 505, 500] }, NO_BETTER],
    ['that never changes', { 1: [500, 500], 2: [500, 500], 4: [500, 500] }, NO_BETTER],
    ['of one size', { 4: [500, 510, 520, 500] }, /too few runs to tell \(4 runs at 1 size\)/],
    ['of one run', { 4: [500] }, /too few runs to tell \(1 run at 1 size\)/],
    ['of as many runs as sizes, and few', { 1: [100], 2: [190], 4: [350] }, TOO_FEW],
  ])('for throughput %s, nor is a peak or a prediction told', (_name, rates, why) => {
    const { best, bestWhy, peak, predictions, fits } = analyse(runs(rates), [1, 8])
    expect(bestWhy).toMatch(why)
    expect([best, peak]).toEqual([null, null])
    expect(predictions.map(({ perSecond }) => perSecond)).toEqual([null, null])
    for (const { explained } of fits) expect(explained).toBeLessThanOrEqual(1)
  })

  test('because it goes through as many sizes as it has parameters', () => {
    const two = runs({ 1: [1000, 1010, 990], 2: [1400, 1410, 1390] })
    const { best, fits } = analyse(two, [])
    expect(fits.map(({ model }) => model)).toEqual(['linear', 'amdahl'])
    expect(best).not.toBe('amdahl')
  })
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
