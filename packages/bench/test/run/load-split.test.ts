import fc from 'fast-check'
import { expect, test } from 'vitest'

import { CONNECTING_MAX, splitLoad } from '../../src/run/load-split.ts'
import type { RunOptions } from '../../src/run/run-options.ts'

function optionsFor(connections: number, processes: number): RunOptions {
  const target = { host: 'localhost', port: 7400 }
  const rest = {
    depth: 2,
    payloadBytes: 8,
    durationMs: 1000,
    warmupMs: 0,
    mode: 'message',
    route: 1,
    percentile: 99,
  } as const
  return { target, connections, processes, ...rest }
}

test('every connection belongs to exactly one process, and no process has two more than another', () => {
  const counts = fc.record({ processes: fc.integer({ min: 1, max: 256 }), extra: fc.nat(10_000) })
  fc.assert(
    fc.property(counts, ({ processes, extra }) => {
      const plans = splitLoad(optionsFor(processes + extra, processes), '127.0.0.1')
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
  expect(splitLoad(optionsFor(1000, 3), '127.0.0.1').map((plan) => plan.connectingMax)).toEqual([42, 42, 42])
  const many = splitLoad(optionsFor(1000, 256), '127.0.0.1')
  expect(many.every((plan) => plan.connectingMax === 1)).toBe(true)
  expect(CONNECTING_MAX).toBe(128)
})
