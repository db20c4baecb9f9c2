/** Owns the tests of "did you mean", against a plain recursive oracle. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closestName, editDistance } from '../../src/config/closest-name.ts'

/** The definition, word for word; slow. */
function distanceByDefinition(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const change = distanceByDefinition(a.slice(0, -1), b.slice(0, -1)) + (a.at(-1) === b.at(-1) ? 0 : 1)
  const remove = distanceByDefinition(a.slice(0, -1), b) + 1
  const insert = distanceByDefinition(a, b.slice(0, -1)) + 1
  const isSwap = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)
  const swap = isSwap ? distanceByDefinition(a.slice(0, -2), b.slice(0, -2)) + 1 : Infinity
  return Math.min(change, remove, insert, swap)
}

describe('edit distance', () => {
  it.each([
    ['workers', 'workers', 0],
    ['', 'abc', 3],
    ['wrokers', 'workers', 1],
    ['worker', 'workers', 1],
    ['workres', 'wokrers', 2],
  ])('of %s and %s is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
  })

  it('is what the definition says', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 })
    fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) === distanceByDefinition(a, b)))
  })
})

describe('closest name', () => {
  const names = ['HEARTBEAT_MS', 'HEARTBEAT_MISSES', 'LOG_LEVEL', 'WORKERS']

  it('takes the nearest, not the first that is near', () => {
    expect(closestName('HEARTBEAT_MISSSES', names)).toBe('HEARTBEAT_MISSES')
  })

  it('takes the shortest that begins with what was written when none is near', () => {
    expect(closestName('LOG', names)).toBe('LOG_LEVEL')
    expect(closestName('HEART', names)).toBe('HEARTBEAT_MS')
  })

  it.each(['TLS_CERT', 'WO', '', 'XYZKERS'])('has no guess for %j', (written) => {
    expect(closestName(written, names)).toBeUndefined()
  })
})
