import { expect, test } from 'vitest'

import { Schedule } from '../../../src/load/pace/schedule.ts'
import type { RateStage, SchedulePart } from '../../../src/load/pace/schedule.ts'
import { Random } from '../../../src/random.ts'

const CONSTANT: RateStage = { fromPerSecond: 1000, toPerSecond: 1000, lengthMs: 5000 }
const RAMP: RateStage = { fromPerSecond: 0, toPerSecond: 1000, lengthMs: 10_000 }

function dueOf(part: Partial<SchedulePart>, seed = 1): number[] {
  const schedule = new Schedule(
    { stages: [CONSTANT], arrivals: 'constant', part: 0, parts: 1, ...part },
    new Random(seed),
  )
  const due: number[] = []
  for (; !schedule.isOver; schedule.advance()) due.push(schedule.nextUs)
  return due
}

test('a constant rate has equal distances and ends with its time', () => {
  const due = dueOf({})
  expect(due).toHaveLength(5000)
  for (const [index, dueUs] of due.entries()) expect(dueUs).toBeCloseTo((index + 0.5) * 1000, 6)
})

test('a ramp has twice as many in its second half as its area says', () => {
  const due = dueOf({ stages: [RAMP] })
  expect(due).toHaveLength(5000)
  // The integral of the rate up to t is t^2 / 2 x 100 a second.
  for (const [index, dueUs] of due.entries()) {
    const seconds = dueUs / 1e6
    expect((seconds * seconds * 100) / 2).toBeCloseTo(index + 0.5, 6)
  }
})

test('a ramp downwards ends at nothing', () => {
  const due = dueOf({ stages: [{ fromPerSecond: 1000, toPerSecond: 0, lengthMs: 10_000 }] })
  expect(due).toHaveLength(5000)
  expect(due.at(-1)).toBeLessThan(10_000_000)
  expect(due.toSorted((a, b) => a - b)).toEqual(due)
})

test('steps follow one another without a gap and without losing a frame', () => {
  const stages = [
    { fromPerSecond: 100, toPerSecond: 100, lengthMs: 1005 },
    { fromPerSecond: 1000, toPerSecond: 1000, lengthMs: 995 },
  ]
  const due = dueOf({ stages })
  // 100.5 and 995 are due: the half frame of the first step is not lost in the second.
  expect(due).toHaveLength(1095)
  expect(due[100]).toBeCloseTo(1_005_000, 3)
  expect(due[101]).toBeCloseTo(1_006_000, 3)
})

test('Poisson arrivals have the right mean and an exponential spread', () => {
  const due = dueOf({ arrivals: 'poisson', stages: [{ ...CONSTANT, lengthMs: 200_000 }] })
  expect(Math.abs(due.length - 200_000)).toBeLessThan(5 * Math.sqrt(200_000))
  const gaps = due.slice(1).map((dueUs, index) => dueUs - (due[index] ?? NaN))
  for (const limitUs of [100, 1000, 3000]) {
    const share = gaps.filter((gap) => gap > limitUs).length / gaps.length
    expect(share).toBeCloseTo(Math.exp(-limitUs / 1000), 2)
  }
})

test('Poisson arrivals of several parts are together Poisson arrivals of the whole rate', () => {
  const parts = [1, 2, 3, 4].flatMap((seed) => dueOf({ arrivals: 'poisson', part: seed - 1, parts: 4 }, seed))
  expect(Math.abs(parts.length - 5000)).toBeLessThan(5 * Math.sqrt(5000))
})

test('a seed gives the same arrivals again, another one others', () => {
  expect(dueOf({ arrivals: 'poisson' }, 7)).toEqual(dueOf({ arrivals: 'poisson' }, 7))
  expect(dueOf({ arrivals: 'poisson' }, 7)).not.toEqual(dueOf({ arrivals: 'poisson' }, 8))
})
