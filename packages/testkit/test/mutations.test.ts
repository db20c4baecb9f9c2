/** Rules of spoiling bytes. */
import { describe, expect, it } from 'vitest'
import { mutate } from '../src/mutations.ts'
import { Random } from '../src/random.ts'

describe('mutate', () => {
  it('leaves its input as it was, and spoils the same way for the same seed', () => {
    const input = Uint8Array.from({ length: 30 }, (_, index) => index)
    const before = new Uint8Array(input)
    const spoil = (seed: number): Uint8Array[] => {
      const random = new Random(seed)
      return Array.from({ length: 200 }, () => mutate(input, random))
    }
    const spoiled = spoil(1)
    expect(input).toEqual(before)
    expect(spoil(1)).toEqual(spoiled)
    expect(spoil(2)).not.toEqual(spoiled)
    expect(new Set(spoiled.map((bytes) => bytes.length)).size).toBeGreaterThan(20)
    expect(spoiled.filter((bytes) => Buffer.compare(bytes, input) !== 0).length).toBeGreaterThan(150)
  })

  it('makes something of one byte, and of none', () => {
    const random = new Random(3)
    for (let round = 0; round < 200; round++) {
      expect(mutate(new Uint8Array(0), random).length).toBeLessThanOrEqual(40)
      expect(mutate(new Uint8Array(1), random).length).toBeLessThanOrEqual(41)
    }
  })
})
