/**
 * Owns chance: the only file of the client that asks the runtime for it.
 * Must not know: what is left to chance.
 */
import { randomInt } from 'node:crypto'

/** Gives a number in [0, 1). */
export type Random = () => number

/** As good as spreading attempts over time and choosing between equals needs it; not for secrets. */
export const systemRandom: Random = () => Math.random()

/** A number from 0 to 65535 that nobody can foresee. */
export function secretU16(): number {
  return randomInt(0x1_0000)
}
