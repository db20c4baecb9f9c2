/**
 * Owns finding the first rows of an order among many, without sorting them all.
 * Must not know: what the keys mean.
 * Invariant: no more than twice the limit is held. The order is total: of equal keys the lower worker is first, then
 * the lower number, so that a page begins exactly behind the one before.
 */
import type { Cursor } from './inquiry.ts'

export class Selection<Item extends Cursor> {
  readonly #limit: number
  readonly #compare: (a: Cursor, b: Cursor) => number
  readonly #after: Cursor | null
  #items: Item[] = []
  /** The last of those that are surely in; nothing behind it is. */
  #last: Item | undefined

  constructor(limit: number, ascending: boolean, after: Cursor | null = null) {
    this.#limit = limit
    this.#compare = (a, b) => compareCursors(a, b, ascending)
    this.#after = after
  }

  /** Whether something at this place would be taken in. */
  wants(cursor: Cursor): boolean {
    if (this.#after !== null && this.#compare(cursor, this.#after) <= 0) return false
    return this.#last === undefined || this.#compare(cursor, this.#last) < 0
  }

  add(item: Item): void {
    this.#items.push(item)
    if (this.#items.length >= 2 * this.#limit) this.#cut()
  }

  /** In order. */
  take(): Item[] {
    this.#cut()
    return this.#items
  }

  #cut(): void {
    this.#items.sort(this.#compare)
    this.#items = this.#items.slice(0, this.#limit)
    if (this.#items.length === this.#limit) this.#last = this.#items.at(-1)
  }
}

export function compareCursors(a: Cursor, b: Cursor, ascending: boolean): number {
  if (a.key !== b.key) return ascending === a.key < b.key ? -1 : 1
  return a.worker - b.worker || a.sequence - b.sequence
}
