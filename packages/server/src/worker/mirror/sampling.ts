/**
 * Owns which frames are chosen.
 * Must not know: what becomes of them.
 * Invariant: of any n numbers in a row the chosen are n x percent / 100, give or take a few, spread evenly and with no
 * period that a client could share: multiples of the golden ratio, modulo 1, against a threshold. No state, no chance:
 * the same number is always chosen or never.
 */
const GOLDEN = 0x9e37_79b1
/** Workers begin at different places, or the first connections of each would be chosen alike. */
const PHASE = 0x85eb_ca6b
const RANGE = 2 ** 32
const PERCENT = 100

export class Sampling {
  readonly #threshold: number
  readonly #phase: number

  /** @param percent 0 to 100, with fractions @param slot of the worker */
  constructor(percent: number, slot: number) {
    this.#phase = Math.imul(slot, PHASE)
    this.#threshold = (percent / PERCENT) * RANGE
  }

  takes(number: number): boolean {
    return (Math.imul(number, GOLDEN) + this.#phase) >>> 0 < this.#threshold
  }
}
