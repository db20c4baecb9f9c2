/**
 * Owns which form of message comes next.
 * Must not know: what the forms are.
 * Invariant: over any TABLE messages each form comes as often as its weight says, to the nearest message; their order
 * follows from the seed.
 */
import type { Random } from '../../random.ts'

/** A power of two. */
const TABLE = 4096

export class ShapeOrder {
  readonly #table: Uint16Array
  #next = 0

  constructor(weights: readonly number[], random: Random) {
    this.#table = tableOf(weights)
    for (let last = TABLE - 1; last > 0; last--) {
      const other = Math.floor(random.next() * (last + 1))
      const moved = this.#table[last] as number
      this.#table[last] = this.#table[other] as number
      this.#table[other] = moved
    }
  }

  /** Index of the next form. */
  next(): number {
    this.#next = (this.#next + 1) & (TABLE - 1)
    return this.#table[this.#next] as number
  }
}

function tableOf(weights: readonly number[]): Uint16Array {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const table = new Uint16Array(TABLE)
  let upTo = 0
  let at = 0
  weights.forEach((weight, index) => {
    upTo += weight
    const end = Math.round((upTo / sum) * TABLE)
    table.fill(index, at, end)
    at = end
  })
  return table
}
