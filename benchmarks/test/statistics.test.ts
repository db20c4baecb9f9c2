import { describe, expect, it } from 'vitest'
import { ratiosByRound, summarize } from '../src/statistics.ts'

describe('summarize', () => {
  it.each([
    [[5], { median: 5, min: 5, max: 5 }],
    [[3, 1, 2], { median: 2, min: 1, max: 3 }],
    [[10, 1, 4, 2], { median: 3, min: 1, max: 10 }],
    [[100, 20, 3], { median: 20, min: 3, max: 100 }],
  ])('of %j is %j', (values, expected) => {
    expect(summarize(values)).toEqual(expected)
  })

  it('leaves the order of the rounds as it was', () => {
    const values = [3, 1, 2]
    summarize(values)
    expect(values).toEqual([3, 1, 2])
  })

  it.each([[[]], [[1, Number.NaN]], [[Infinity]]])('refuses %j', (values) => {
    expect(() => summarize(values)).toThrow(RangeError)
  })
})

describe('ratiosByRound', () => {
  it('is above 1 for the one that has more, where more is better', () => {
    expect(ratiosByRound([20, 30], [10, 60], 'higher')).toEqual([2, 0.5])
  })

  it('is above 1 for the one that has less, where less is better', () => {
    expect(ratiosByRound([20, 30], [10, 60], 'lower')).toEqual([0.5, 2])
  })

  it('refuses rounds that do not match, and a round in which nothing was measured', () => {
    expect(() => ratiosByRound([1, 2], [1], 'higher')).toThrow('2 rounds of one and 1 of the other')
    expect(() => ratiosByRound([1], [0], 'higher')).toThrow('no ratio of 1 to 0')
  })
})
