import { withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { Sampling } from '../../../src/worker/mirror/sampling.ts'

function taken(percent: number, first: number, count: number): number {
  const sampling = new Sampling(percent, 3)
  return Array.from({ length: count }, (_, index) => sampling.takes(first + index)).filter(Boolean).length
}

describe('sampling', () => {
  it('takes none of 0 and all of 100 percent', () => {
    expect([taken(0, 1, 10_000), taken(100, 1, 10_000)]).toEqual([0, 10_000])
  })

  it('takes the part asked for of any numbers in a row, give or take a few', () => {
    return withSeed('sampling', (random) => {
      for (let round = 0; round < 200; round++) {
        const percent = random.integer(1, 9999) / 100
        const count = random.integer(1, 5000)
        const first = random.integer(0, 4_294_967_295)
        const expected = (count * percent) / 100
        expect(Math.abs(taken(percent, first, count) - expected), `${percent} % of ${count}`).toBeLessThan(8)
      }
    })
  })

  it.each([2, 3, 4, 5, 8, 10])('has no period that every %ith connection could share', (step) => {
    const sampling = new Sampling(50, 0)
    const chosen = Array.from({ length: 1000 }, (_, index) => sampling.takes(index * step)).filter(Boolean).length
    expect(chosen).toBeGreaterThan(480)
    expect(chosen).toBeLessThan(520)
  })

  it('takes a fraction of a percent', () => {
    expect(taken(0.1, 1, 100_000)).toBeGreaterThan(95)
    expect(taken(0.1, 1, 100_000)).toBeLessThan(105)
  })

  it('takes about as many first connections over all workers as are asked for', () => {
    const chosen = Array.from({ length: 64 }, (_, slot) => new Sampling(25, slot).takes(1)).filter(Boolean).length
    expect(Math.abs(chosen - 16)).toBeLessThan(4)
  })
})
