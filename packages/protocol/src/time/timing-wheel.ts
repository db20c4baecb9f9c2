/**
 * Owns deadlines by the thousand: one wheel per worker instead of one timer per connection or request.
 * Must not know: what a deadline means, or where time comes from; its owner calls `advance`.
 * Invariant: an entry stands in at most one slot; it expires never before its deadline and at most one tick plus the
 * owner's own delay after it. Scheduling, cancelling and expiring allocate nothing: entries carry their own links.
 */

/** What stands in a wheel; a class extends it, so that the entry is the object with the deadline itself. */
export class WheelEntry {
  /** Tick at which it expires; -1 while it stands in no slot. */
  dueTick = -1
  nextEntry: WheelEntry | null = null
  previousEntry: WheelEntry | null = null
}

export interface TimingWheelOptions {
  /** Width of a slot in milliseconds: how late an entry may be. */
  readonly tickMs: number
  /** A power of two. Deadlines further off than slots x tickMs stay in their slot for more than one lap. */
  readonly slots: number
  readonly nowMs: number
}

export class TimingWheel<Entry extends WheelEntry> {
  readonly #tickMs: number
  readonly #mask: number
  /** Each slot is a ring of entries that begins and ends at its sentinel. */
  readonly #slots: readonly WheelEntry[]
  /** What the walk has taken out of its slot: `expire` may change any slot, advance anew or throw meanwhile. */
  readonly #taken = sentinel()
  #tick: number
  #size = 0

  constructor(options: TimingWheelOptions) {
    const { slots, tickMs } = options
    if (slots < 2 || (slots & (slots - 1)) !== 0) throw new RangeError(`wheel: ${slots} slots are no power of two`)
    this.#tickMs = tickMs
    this.#mask = slots - 1
    this.#slots = Array.from({ length: slots }, sentinel)
    this.#tick = Math.floor(options.nowMs / tickMs)
  }

  /** How many entries are scheduled. */
  get size(): number {
    return this.#size
  }

  /** Lets `entry` expire at `dueMs`, instead of whenever it was scheduled for before. */
  schedule(entry: Entry, dueMs: number): void {
    if (entry.dueTick >= 0) this.#unlink(entry)
    // Rounded up, and never the tick that `advance` has already left: no entry is early, none is missed.
    this.#link(entry, Math.max(Math.ceil(dueMs / this.#tickMs), this.#tick + 1))
  }

  /** When `entry` expires, rounded to a tick; undefined while it is not scheduled. */
  dueMs(entry: Entry): number | undefined {
    return entry.dueTick < 0 ? undefined : entry.dueTick * this.#tickMs
  }

  /** Takes `entry` out; one that is not scheduled is left as it is. */
  cancel(entry: Entry): void {
    if (entry.dueTick >= 0) this.#unlink(entry)
  }

  /**
   * Expires all entries due by `nowMs`, in the order of their ticks unless `nowMs` is more than a lap ahead. `expire`
   * may schedule and cancel any entry; what it throws leaves the rest to the next call.
   */
  advance(nowMs: number, expire: (entry: Entry) => void): void {
    const target = Math.floor(nowMs / this.#tickMs)
    this.#expireTaken(expire)
    // After a long stop one lap finds everything that is due.
    if (target - this.#tick > this.#mask) this.#tick = target - this.#mask - 1
    while (this.#tick < target) {
      this.#tick++
      this.#take(this.#slots[this.#tick & this.#mask] as WheelEntry)
      this.#expireTaken(expire)
    }
  }

  /** Moves all entries of a slot behind what was taken already. */
  #take(head: WheelEntry): void {
    const { nextEntry: first, previousEntry: last } = head
    if (first === null || last === null || first === head) return
    const before = this.#taken.previousEntry as WheelEntry
    before.nextEntry = first
    first.previousEntry = before
    last.nextEntry = this.#taken
    this.#taken.previousEntry = last
    head.nextEntry = head.previousEntry = head
  }

  #expireTaken(expire: (entry: Entry) => void): void {
    const taken = this.#taken
    for (let entry = taken.nextEntry; entry !== taken; entry = taken.nextEntry) {
      const timed = entry as Entry
      const { dueTick } = timed
      this.#unlink(timed)
      if (dueTick <= this.#tick) expire(timed)
      else this.#link(timed, dueTick)
    }
  }

  #link(entry: WheelEntry, dueTick: number): void {
    const head = this.#slots[dueTick & this.#mask] as WheelEntry
    const last = head.previousEntry as WheelEntry
    entry.dueTick = dueTick
    entry.previousEntry = last
    entry.nextEntry = head
    last.nextEntry = entry
    head.previousEntry = entry
    this.#size++
  }

  #unlink(entry: WheelEntry): void {
    const { previousEntry, nextEntry } = entry
    if (previousEntry !== null) previousEntry.nextEntry = nextEntry
    if (nextEntry !== null) nextEntry.previousEntry = previousEntry
    entry.previousEntry = entry.nextEntry = null
    entry.dueTick = -1
    this.#size--
  }
}

function sentinel(): WheelEntry {
  const head = new WheelEntry()
  head.nextEntry = head.previousEntry = head
  return head
}
