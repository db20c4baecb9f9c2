/**
 * Owns the items of a pool: how many there are, which one is next, which are too old or have been idle for too long.
 * Must not know: who waits for an item, what an item is, why a creation fails or how often it is tried.
 * Invariant: an item is destroyed once, never while it is leased unless `drop` or `destroyAll` says so, and none is
 * created after `close`: one whose creation ends later is destroyed at once. `gone` settles when none is left.
 */
import type { Clock } from '@shardwire/protocol'
import type { Random } from '../random.ts'

/** One item. Its owner reads it; only its set changes it. */
export class Entry<T> {
  readonly item: T
  readonly createdAtMs: number
  /** When it is too old. */
  readonly outdatedAtMs: number
  /** How many have it at this moment. */
  leases = 0
  /** Requests in a row that it left without an answer; its owner counts them. */
  silences = 0
  /** When the last lease of it ended. */
  idleSinceMs: number
  /** Takes no new lease, and is destroyed after the last. */
  isRetired = false
  /** Another one is being created in its place. */
  isBeingReplaced = false

  constructor(item: T, nowMs: number, outdatedAtMs: number) {
    this.item = item
    this.createdAtMs = nowMs
    this.idleSinceMs = nowMs
    this.outdatedAtMs = outdatedAtMs
  }
}

export interface ItemSetOptions<T> {
  /** Rejects when there can be none. */
  readonly create: (signal: AbortSignal) => Promise<T>
  readonly destroy: (item: T) => void | Promise<void>
  /** Whether it may be leased at this moment. */
  readonly isUsable: (item: T) => boolean
  /** How many are kept though nobody wants them. */
  readonly min: number
  /** How many may take leases; those that only finish theirs come on top. */
  readonly max: number
  /** Creations at once. */
  readonly creatingMax: number
  /** Leases of one item at once. */
  readonly leasesMax: number
  /** 0 is never. */
  readonly idleTimeoutMs: number
  /** 0 is never; each item has a tenth more or less than this. */
  readonly maxAgeMs: number
  readonly clock: Clock
  readonly random: Random
}

export interface ItemSetListener<T> {
  /** One was created; told before it is available. */
  onAdded?(entry: Entry<T>): void
  /** `take` may give something now. */
  onAvailable(): void
  onCreateFailed(error: unknown): void
  onDestroyFailed(error: unknown, item: T): void
}

/** Part of the age that is left to chance, half of it each way: what was created at once must not end at once. */
const AGE_JITTER_PART = 0.2

export class ItemSet<T> {
  readonly #options: ItemSetOptions<T>
  readonly #listener: ItemSetListener<T>
  readonly #entries: Entry<T>[] = []
  readonly #creations = new Set<AbortController>()
  readonly #gone = Promise.withResolvers<void>()
  #destroying = 0
  #isClosed = false
  /** The best of the last look, or one that was given back since with no more leases. */
  #best: Entry<T> | undefined
  /** None but the best has fewer leases, usable or not: as long as the best has no more it need not be looked for. */
  #othersLeast = 0

  constructor(options: ItemSetOptions<T>, listener: ItemSetListener<T>) {
    this.#options = options
    this.#listener = listener
  }

  /** All there are, those that only finish their leases included. */
  get entries(): readonly Entry<T>[] {
    return this.#entries
  }

  /** Items that take leases. */
  get size(): number {
    let size = 0
    for (const entry of this.#entries) if (this.#takesLeases(entry)) size++
    return size
  }

  get creating(): number {
    return this.#creations.size
  }

  /** Settles when it is closed and nothing is left: no item, no creation, none that is being destroyed. */
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  /** Whether `take` would give something. */
  get hasFree(): boolean {
    const { leasesMax } = this.#options
    for (const entry of this.#entries) if (entry.leases < leasesMax && this.#takesLeases(entry)) return true
    return false
  }

  /** Leases the item with the fewest leases, of several the one that was used last: so the others can grow idle. */
  take(): Entry<T> | undefined {
    let best = this.#best
    if (best === undefined || best.leases > this.#othersLeast || !this.#isFree(best)) best = this.#findBest()
    if (best !== undefined) best.leases++
    return best
  }

  /** Ends a lease. One that grew too old meanwhile ends with it. */
  give(entry: Entry<T>): void {
    entry.leases--
    if (entry !== this.#best) this.#compare(entry)
    if (entry.leases === 0) {
      entry.idleSinceMs = this.#options.clock.nowMs()
      if (entry.idleSinceMs >= entry.outdatedAtMs) entry.isRetired = true
      if (entry.isRetired) this.drop(entry)
    }
    if (!entry.isRetired) this.#listener.onAvailable()
  }

  /** Creates up to `wanted` more, as far as the limits go. */
  grow(wanted: number): void {
    const { max, creatingMax } = this.#options
    const room = Math.min(wanted, max - this.size - this.creating, creatingMax - this.creating)
    for (let left = room; left > 0 && !this.#isClosed; left--) void this.#create(undefined)
  }

  /** Creates what is missing to `min`. */
  fill(): void {
    this.grow(this.#options.min - this.size - this.creating)
  }

  /** No new leases of it; destroyed after the last. */
  retire(entry: Entry<T>): void {
    entry.isRetired = true
    if (entry.leases === 0) this.drop(entry)
  }

  /** Destroys it, leased or not. One that is gone already is left as it is. */
  drop(entry: Entry<T>): void {
    if (this.#takeOut(entry)) void this.#destroy(entry.item)
  }

  /** Forgets an item that has ended by itself. @returns false when it was not here */
  remove(entry: Entry<T>): boolean {
    const wasHere = this.#takeOut(entry)
    this.#settleIfGone()
    return wasHere
  }

  /** Ends what was idle for too long or is too old; to be called from time to time. */
  sweep(): void {
    const { clock, idleTimeoutMs, maxAgeMs, min } = this.#options
    const nowMs = clock.nowMs()
    const idle = this.#entries
      .filter((entry) => entry.leases === 0 && this.#takesLeases(entry) && nowMs - entry.idleSinceMs >= idleTimeoutMs)
      .sort((one, other) => one.idleSinceMs - other.idleSinceMs)
    const spare = idleTimeoutMs === 0 ? 0 : Math.max(0, this.size - min)
    for (const entry of idle.slice(0, spare)) this.drop(entry)
    if (maxAgeMs === 0) return
    for (const entry of this.#entries.filter((one) => nowMs >= one.outdatedAtMs && !one.isRetired)) this.#renew(entry)
  }

  /** Creates nothing more, destroys what is idle, and the rest when its leases end. */
  close(): void {
    this.#isClosed = true
    for (const creation of this.#creations) creation.abort()
    for (const entry of [...this.#entries]) this.retire(entry)
    this.#settleIfGone()
  }

  /** As `close`, and destroys what is leased too. */
  destroyAll(): void {
    this.close()
    for (const entry of [...this.#entries]) this.drop(entry)
  }

  #takeOut(entry: Entry<T>): boolean {
    const at = this.#entries.indexOf(entry)
    if (at < 0) return false
    this.#entries.splice(at, 1)
    if (entry === this.#best) this.#best = undefined
    entry.isRetired = true
    return true
  }

  #takesLeases(entry: Entry<T>): boolean {
    return !entry.isRetired && this.#options.isUsable(entry.item)
  }

  #isFree(entry: Entry<T>): boolean {
    return entry.leases < this.#options.leasesMax && this.#takesLeases(entry)
  }

  /** One has a lease less. */
  #compare(entry: Entry<T>): void {
    const best = this.#best
    if (best === undefined || entry.isRetired) return
    if (entry.leases <= best.leases) {
      this.#best = entry
      this.#othersLeast = Math.min(this.#othersLeast, best.leases)
    } else this.#othersLeast = Math.min(this.#othersLeast, entry.leases)
  }

  #findBest(): Entry<T> | undefined {
    const { leasesMax } = this.#options
    let best: Entry<T> | undefined
    let leastLeases = Infinity
    let idleSinceMs = -Infinity
    let othersLeast = Infinity
    for (const entry of this.#entries) {
      const { leases } = entry
      if (
        leases < leasesMax &&
        (leases < leastLeases || (leases === leastLeases && entry.idleSinceMs > idleSinceMs)) &&
        // Asked last, as it costs most.
        this.#takesLeases(entry)
      ) {
        othersLeast = Math.min(othersLeast, leastLeases)
        best = entry
        leastLeases = leases
        idleSinceMs = entry.idleSinceMs
      } else if (!entry.isRetired) othersLeast = Math.min(othersLeast, leases)
    }
    this.#best = best
    this.#othersLeast = othersLeast
    return best
  }

  /**
   * One that is needed ends only when there is another in its place. Where a lease is for one taker alone there are
   * never more than `max`: the item stays and counts until it is given back, and goes first if there is no room.
   */
  #renew(entry: Entry<T>): void {
    const { min, max, creatingMax, leasesMax } = this.#options
    if (entry.leases > 0 && leasesMax === 1) return
    if (this.size > min || (leasesMax === 1 && this.size + this.creating >= max)) this.retire(entry)
    else if (!entry.isBeingReplaced && this.creating < creatingMax) void this.#create(entry)
  }

  async #create(replaced: Entry<T> | undefined): Promise<void> {
    const creation = new AbortController()
    this.#creations.add(creation)
    if (replaced !== undefined) replaced.isBeingReplaced = true
    let item: T
    try {
      item = await this.#options.create(creation.signal)
    } catch (error) {
      this.#creations.delete(creation)
      if (replaced !== undefined) replaced.isBeingReplaced = false
      if (!this.#isClosed) this.#listener.onCreateFailed(error)
      this.#settleIfGone()
      return
    }
    this.#creations.delete(creation)
    if (this.#isClosed) await this.#destroy(item)
    else this.#add(item, replaced)
  }

  #add(item: T, replaced: Entry<T> | undefined): void {
    const { clock, maxAgeMs, random } = this.#options
    const nowMs = clock.nowMs()
    const ageMs = maxAgeMs === 0 ? Infinity : maxAgeMs * (1 + AGE_JITTER_PART * (random() - 0.5))
    const entry = new Entry(item, nowMs, nowMs + ageMs)
    this.#entries.push(entry)
    this.#othersLeast = 0
    this.#listener.onAdded?.(entry)
    if (replaced !== undefined && !replaced.isRetired) this.retire(replaced)
    this.#listener.onAvailable()
  }

  async #destroy(item: T): Promise<void> {
    this.#destroying++
    try {
      await this.#options.destroy(item)
    } catch (error) {
      this.#listener.onDestroyFailed(error, item)
    }
    this.#destroying--
    this.#settleIfGone()
  }

  #settleIfGone(): void {
    if (this.#isClosed && this.#entries.length + this.#creations.size + this.#destroying === 0) this.#gone.resolve()
  }
}
