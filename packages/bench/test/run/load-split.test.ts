import fc from 'fast-check'
import { expect, test } from 'vitest'

import { Schedule } from '../../src/load/pace/schedule.ts'
import { Random } from '../../src/random.ts'
import type { LoadPlan, Route } from '../../src/messages.ts'
import { splitLoad } from '../../src/run/load-split.ts'
import type { RunOptions } from '../../src/run/run-options.ts'
import { optionsWith } from '../fixtures/options.ts'

/** As many as there are processes. */
function split(options: RunOptions): LoadPlan[] {
  const route = { hosts: ['127.0.0.1'], port: options.target.port, localAddress: null }
  return splitLoad(options, new Array<Route>(options.processes).fill(route))
}

test('every connection belongs to exactly one process, and no process has two more than another', () => {
  const counts = fc.record({ processes: fc.integer({ min: 1, max: 256 }), extra: fc.nat(10_000) })
  fc.assert(
    fc.property(counts, ({ processes, extra }) => {
      const plans = split(optionsWith({ connections: processes + extra, processes }))
      const sizes = plans.map((plan) => plan.connections)
      let next = 0
      for (const plan of plans) {
        expect(plan.connectionFirst).toBe(next)
        next += plan.connections
      }
      expect(next).toBe(processes + extra)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1)
    }),
  )
})

test('connects under way are bounded over all processes', () => {
  expect(split(optionsWith({ connections: 1000, processes: 3 })).map((plan) => plan.connectingMax)).toEqual([
    42, 42, 42,
  ])
  const many = split(optionsWith({ connections: 1000, processes: 256 }))
  expect(many.every((plan) => plan.connectingMax === 1)).toBe(true)
})

test('the parts of a schedule are together the schedule of the whole, one frame after the other', () => {
  const stages = [{ fromPerSecond: 1000, toPerSecond: 3000, lengthMs: 2000 }]
  const open = { stages, arrivals: 'constant', pacing: 'timer' } as const
  const dueOf = (processes: number): number[] => {
    const plans = split(optionsWith({ open, processes, connections: 8 }))
    return plans.flatMap((plan) => {
      if (plan.open === null) throw new Error('no open loop')
      const due: number[] = []
      for (const schedule = new Schedule(plan.open, new Random(1)); !schedule.isOver; schedule.advance()) {
        due.push(schedule.nextUs)
      }
      return due
    })
  }
  const one = dueOf(1)
  const four = dueOf(4).toSorted((a, b) => a - b)
  expect(one).toHaveLength(4000)
  expect(four).toHaveLength(4000)
  // Each part is half a frame of its own off its beginning: the whole stands between two frames of the parts.
  for (const [index, dueUs] of four.entries()) expect(Math.abs(dueUs - (one[index] ?? NaN))).toBeLessThan(1)
})

test('the warm-up of an open loop runs at the first rate of the load, and comes before it', () => {
  const stages = [{ fromPerSecond: 50, toPerSecond: 500, lengthMs: 1000 }]
  const open = { stages, arrivals: 'constant', pacing: 'timer' } as const
  const [plan] = split(optionsWith({ open, warmupMs: 300 }))
  expect(plan?.open?.stages).toEqual([{ fromPerSecond: 50, toPerSecond: 50, lengthMs: 300 }, ...stages])
})

test('processes draw different sequences from one seed, and the same ones again', () => {
  const seeds = (): number[] => split(optionsWith({ processes: 8, seed: 5 })).map(({ seed }) => seed)
  expect(new Set(seeds()).size).toBe(8)
  expect(seeds()).toEqual(seeds())
})
