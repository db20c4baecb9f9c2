import { describe, expect, test } from 'vitest'

import { findCapacity } from '../../src/capacity/search.ts'
import type { SearchOptions, TrialStage, TrialState } from '../../src/capacity/search.ts'

const OPTIONS: SearchOptions = { startPerSecond: 1000, maxPerSecond: 1_000_000, precision: 0.05, confirms: 3 }

/** A server that holds whatever `holds` says, and what was asked of it. */
function server(holds: (perSecond: number, stage: TrialStage, trial: number) => TrialState | undefined) {
  const asked: [number, TrialStage][] = []
  return {
    asked,
    measure: (perSecond: number, stage: TrialStage): Promise<TrialState | undefined> => {
      asked.push([perSecond, stage])
      return Promise.resolve(holds(perSecond, stage, asked.length))
    },
  }
}

const upTo = (limit: number) => (perSecond: number) => (perSecond <= limit ? 'held' : 'missed')

describe('the capacity of a server', () => {
  test.each([1500, 7777, 40_000, 123_456, 999_000])(
    'that holds %i a second is found within the precision',
    async (limit) => {
      const { measure, asked } = server(upTo(limit))
      const found = await findCapacity(OPTIONS, measure)
      expect(found).toMatchObject({ isConfirmed: true, limit: 'server' })
      expect(found.perSecond).toBeLessThanOrEqual(limit)
      expect(found.perSecond).toBeGreaterThan(limit / 1.06)
      expect(found.missedPerSecond).toBeGreaterThan(limit)
      expect(found.missedPerSecond ?? 0).toBeLessThanOrEqual(found.perSecond * 1.05)
      expect(asked.filter(([, stage]) => stage === 'confirm')).toHaveLength(3)
      expect(asked.length).toBeLessThan(25)
    },
  )

  test('below the first rate is looked for downwards', async () => {
    const found = await findCapacity(OPTIONS, server(upTo(37)).measure)
    expect(found).toMatchObject({ isConfirmed: true, limit: 'server' })
    expect(found.perSecond).toBeGreaterThanOrEqual(35)
    expect(found.perSecond).toBeLessThanOrEqual(37)
  })

  test('that holds nothing is 0', async () => {
    const found = await findCapacity(OPTIONS, server(() => 'missed').measure)
    expect(found).toEqual({ perSecond: 0, isConfirmed: false, missedPerSecond: 10, limit: 'server' })
  })

  test('that was held once by luck gives way in confirming', async () => {
    const found = await findCapacity(
      OPTIONS,
      server((perSecond, stage) => (perSecond <= (stage === 'confirm' ? 9000 : 10_000) ? 'held' : 'missed')).measure,
    )
    expect(found.isConfirmed).toBe(true)
    expect(found.perSecond).toBeLessThanOrEqual(9000)
    expect(found.perSecond).toBeGreaterThan(8200)
    expect(found.missedPerSecond).toBeLessThanOrEqual(10_000)
  })

  test('that is never held again is not confirmed', async () => {
    const { measure } = server((perSecond, stage) => (stage !== 'confirm' && perSecond <= 5000 ? 'held' : 'missed'))
    expect((await findCapacity(OPTIONS, measure)).isConfirmed).toBe(false)
  })
})

test('the generator is told from the server by what ended the search', async () => {
  const { measure } = server((perSecond) => (perSecond <= 3000 ? 'held' : 'generator'))
  expect(await findCapacity(OPTIONS, measure)).toMatchObject({ isConfirmed: true, limit: 'generator' })
})

test('a trial that the machine spoiled is repeated', async () => {
  const { measure, asked } = server((perSecond, _stage, trial) =>
    trial % 2 === 1 ? 'generator' : upTo(3500)(perSecond),
  )
  const found = await findCapacity(OPTIONS, measure)
  expect(found).toMatchObject({ isConfirmed: true, limit: 'server' })
  expect(found.perSecond).toBeGreaterThan(3300)
  expect(asked[0]).toEqual(asked[1])
})

test('the highest rate that may be tried ends the search', async () => {
  const { measure, asked } = server(() => 'held')
  const found = await findCapacity({ ...OPTIONS, maxPerSecond: 5000 }, measure)
  expect(found).toEqual({ perSecond: 5000, isConfirmed: true, missedPerSecond: null, limit: 'maximum' })
  expect(asked.map(([rate]) => rate)).toEqual([1000, 2000, 4000, 5000, 5000, 5000, 5000])
})

test('cut short it tells what it knows', async () => {
  const { measure } = server((perSecond, _stage, trial) => (trial < 4 ? upTo(1e6)(perSecond) : undefined))
  expect(await findCapacity(OPTIONS, measure)).toEqual({
    perSecond: 4000,
    isConfirmed: false,
    missedPerSecond: null,
    limit: 'cut short',
  })
})
