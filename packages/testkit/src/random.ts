/**
 * Owns randomness for tests: one seeded sequence, and where its seed comes from.
 * Must not know: what is drawn from it. The only file of this package that asks for real randomness.
 * Invariant: the same seed gives the same sequence on every machine, so a failure can be run again.
 */
import { randomInt } from 'node:crypto'

/** Names the seed to run again; otherwise each run draws a fresh one. */
const SEED_VARIABLE = 'SHARDWIRE_TEST_SEED'
const SEED_MAX = 0xffff_ffff

/** A seeded sequence (mulberry32): for tests, never for secrets. */
export class Random {
  readonly seed: number
  #state: number

  /** @param seed 0 to 4294967295 */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX) {
      throw new RangeError(`seed: expected an integer from 0 to ${SEED_MAX}, got ${seed}`)
    }
    this.seed = seed
    this.#state = seed
  }

  /** A number in [0, 1), with 53 random bits. */
  next(): number {
    const high = this.#word() >>> 5
    const low = this.#word() >>> 6
    return (high * 0x4000000 + low) / 0x20000000000000
  }

  /** An integer from `min` to `max`, both included. Throws a RangeError when there is none. */
  integer(min: number, max: number): number {
    if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min > max) {
      throw new RangeError(`random: no integers from ${min} to ${max}`)
    }
    return min + Math.floor(this.next() * (max - min + 1))
  }

  /** `count` random bytes in memory of their own. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#word() & 0xff)
  }

  /** One of the list. Throws a RangeError for an empty one. */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('random: nothing to pick from')
    return list[this.integer(0, list.length - 1)] as T
  }

  /** The list in another order, in an array of its own. */
  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list]
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.integer(0, last)
      const moved = shuffled[last] as T
      shuffled[last] = shuffled[other] as T
      shuffled[other] = moved
    }
    return shuffled
  }

  #word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** The seed that SHARDWIRE_TEST_SEED names, or a fresh one. Throws a RangeError for one that is no seed. */
export function chooseSeed(): number {
  const given = process.env[SEED_VARIABLE]
  return given === undefined || given === '' ? randomInt(SEED_MAX) : new Random(Number(given)).seed
}

/** A sequence for the test `name`, whose seed is printed at once. See `withSeed`, which is quiet until it fails. */
export function testSeed(name: string): Random {
  const random = new Random(chooseSeed())
  process.stderr.write(`${name}: ${SEED_VARIABLE}=${random.seed}\n`)
  return random
}

/** Runs `body` with a sequence of its own; what it throws says how to run the same again. */
export async function withSeed<T>(name: string, body: (random: Random) => T | Promise<T>): Promise<T> {
  const random = new Random(chooseSeed())
  try {
    return await body(random)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${name} failed with ${SEED_VARIABLE}=${random.seed}: ${message}`, { cause })
  }
}
