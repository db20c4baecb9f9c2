/**
 * Owns chance: the only file of the client that asks the runtime for it.
 * Must not know: what is left to chance.
 */

/** Gives a number in [0, 1). */
export type Random = () => number

/** As good as spreading attempts over time and choosing between equals needs it; not for secrets. */
export const systemRandom: Random = () => Math.random()
