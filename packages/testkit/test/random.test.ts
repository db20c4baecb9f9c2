/** Rules of the seeded sequence. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { chooseSeed, Random, withSeed } from '../src/random.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('Random', () => {
  it('gives the same sequence for the same seed', () => {
    const draw = (random: Random): unknown => [
      random.next(),
      random.integer(0, 99),
      random.bytes(5),
      random.pick('abc'.split('')),
    ]
    expect(draw(new Random(7))).toEqual(draw(new Random(7)))
    expect(draw(new Random(7))).not.toEqual(draw(new Random(8)))
  })

  it('draws integers from both ends of the range and never beyond', () => {
    const random = new Random(1)
    const drawn = new Set(Array.from({ length: 500 }, () => random.integer(-2, 2)))
    expect([...drawn].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2])
  })

  it('draws from [0, 1) evenly enough', () => {
    const random = new Random(2)
    const drawn = Array.from({ length: 10_000 }, () => random.next())
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true)
    expect(drawn.reduce((sum, value) => sum + value, 0) / drawn.length).toBeCloseTo(0.5, 1)
  })

  it('keeps every item when it shuffles', () => {
    expect(new Random(3).shuffle(['a', 'b', 'c', 'd']).sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  it.each([-1, 1.5, 2 ** 32, Number.NaN])('refuses %s as a seed', (seed) => {
    expect(() => new Random(seed)).toThrow(RangeError)
  })

  it('refuses to pick from nothing', () => {
    expect(() => new Random(1).pick([])).toThrow(RangeError)
    expect(() => new Random(1).integer(2, 1)).toThrow(RangeError)
  })
})

describe('withSeed', () => {
  it('takes the seed of the environment', async () => {
    vi.stubEnv('SHARDWIRE_TEST_SEED', '123')
    expect(await withSeed('x', (random) => random.seed)).toBe(123)
  })

  it('draws a seed where the environment has none', () => {
    vi.stubEnv('SHARDWIRE_TEST_SEED', '')
    expect(Number.isInteger(chooseSeed())).toBe(true)
  })

  it('names the seed in what a failing test throws', async () => {
    vi.stubEnv('SHARDWIRE_TEST_SEED', '55')
    const failing = withSeed('a property', () => {
      throw new Error('is wrong')
    })
    await expect(failing).rejects.toThrow('a property failed with SHARDWIRE_TEST_SEED=55: is wrong')
  })
})
