/**
 * Owns how many sockets this worker may have, where it has a part of a total, and the line of those that wait for the
 * primary to give it more.
 * Must not know: sockets, limits other than that one.
 * Invariant: nobody is let in past the quota, and nobody before somebody who came earlier.
 */
export interface PlaceLineParts<Guest> {
  /** Sockets that have a place. */
  readonly open: () => number
  /** It has a place from now on. */
  readonly seat: (guest: Guest) => void
  /** There is no place in any worker. */
  readonly turnAway: (guest: Guest) => void
  /** Asks for so many more places. */
  readonly want: (places: number) => void
  /** Runs a task at the end of this turn of the loop. */
  readonly later: (task: () => void) => void
}

export class PlaceLine<Guest> {
  readonly #parts: PlaceLineParts<Guest>
  readonly #waiting = new Set<Guest>()
  #quota = Infinity
  #isAskDue = false
  #isLooking = false

  constructor(parts: PlaceLineParts<Guest>) {
    this.#parts = parts
  }

  /** Whether there is a total at all. */
  get isLimited(): boolean {
    return this.#quota !== Infinity
  }

  get hasPlace(): boolean {
    return this.#waiting.size === 0 && this.#parts.open() < this.#quota
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** @param quota Infinity where there is no total */
  useQuota(quota: number): void {
    this.#quota = quota
    this.look()
  }

  enter(guest: Guest): void {
    this.#waiting.add(guest)
    if (this.#isAskDue) return
    this.#isAskDue = true
    this.#parts.later(this.#ask)
  }

  /** It left by itself; that it was not here is no harm. */
  leave(guest: Guest): void {
    this.#waiting.delete(guest)
  }

  /** To be called when a place may have become free. */
  look(): void {
    // One that is seated and leaves at once makes a place for the next in the same round, not in one within it.
    if (this.#isLooking) return
    this.#isLooking = true
    for (const guest of this.#waiting) {
      if (this.#parts.open() >= this.#quota) break
      this.#waiting.delete(guest)
      this.#parts.seat(guest)
    }
    this.#isLooking = false
  }

  /** All places of all workers are taken. */
  full(): void {
    for (const guest of this.#waiting) {
      this.#waiting.delete(guest)
      this.#parts.turnAway(guest)
    }
  }

  readonly #ask = (): void => {
    this.#isAskDue = false
    if (this.#waiting.size > 0) this.#parts.want(this.#waiting.size)
  }
}
