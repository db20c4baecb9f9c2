/**
 * Owns randomness of the bench: seeded sequences, and where a fresh seed comes from.
 * Must not know: what is drawn.
 * Invariant: the same seed gives the same sequence on every machine, so a load can be repeated. For loads and
 * statistics, never for secrets.
 */
import { randomInt } from 'node:crypto'

export const SEED_MAX = 0xffff_ffff

/** mulberry32: 32 bits of state are plenty for arrival times, and a draw costs 3 ns. */
export class Random {
  #state: number

  /** @param seed 0 to SEED_MAX */
  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** A number from the exponential distribution with mean 1. */
  exponential(): number {
    return -Math.log(1 - this.next())
  }
}

export function freshSeed(): number {
  return randomInt(SEED_MAX)
}
