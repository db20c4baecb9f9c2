/**
 * Owns chance: the only file of the server that asks the runtime for it.
 * Must not know: what is left to chance.
 */

/** A number in [0, 1), as good as spreading closes over time needs it. */
export function systemRandom(): number {
  return Math.random()
}
