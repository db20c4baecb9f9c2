/**
 * Owns how many connections each address has, and on whose account each of them stands.
 * Must not know: processes, sockets.
 * Invariant: a connection is counted from `add` until it is released, settled and gone, or its holder is; the sum over
 * all groups is the number of those. An address without connections has no entry.
 */

/** Far more than one process holds open; an address that finds the table full is not counted. */
const GROUPS_MAX = 1_048_576

export class AddressTable<Holder> {
  readonly #counts = new Map<string, number>()
  /** Which connections each holder has, by number, and the group of each. */
  readonly #held = new Map<Holder, Map<number, string>>()
  readonly #groupsMax: number

  constructor(groupsMax = GROUPS_MAX) {
    this.#groupsMax = groupsMax
  }

  /** Addresses that have connections. */
  get size(): number {
    return this.#counts.size
  }

  count(group: string): number {
    return this.#counts.get(group) ?? 0
  }

  /** @returns false when the table is full: this one is not counted, and not to be released */
  add(group: string): boolean {
    const count = this.#counts.get(group)
    if (count === undefined && this.#counts.size >= this.#groupsMax) return false
    this.#counts.set(group, (count ?? 0) + 1)
    return true
  }

  release(group: string): void {
    const count = this.#counts.get(group) ?? 0
    if (count > 1) this.#counts.set(group, count - 1)
    else this.#counts.delete(group)
  }

  /** A connection that was added belongs to `holder` now, under this number. */
  settle(holder: Holder, id: number, group: string): void {
    const held = this.#held.get(holder) ?? new Map<number, string>()
    this.#held.set(holder, held.set(id, group))
  }

  /** Connections of `holder` ended; numbers that it was never given mean nothing. */
  gone(holder: Holder, ids: readonly number[]): void {
    const held = this.#held.get(holder)
    for (const id of ids) {
      const group = held?.get(id)
      if (group === undefined) continue
      held?.delete(id)
      this.release(group)
    }
  }

  /** The holder died, and its connections with it. */
  holderGone(holder: Holder): void {
    for (const group of this.#held.get(holder)?.values() ?? []) this.release(group)
    this.#held.delete(holder)
  }
}
