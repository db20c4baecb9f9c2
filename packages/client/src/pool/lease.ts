/**
 * Owns leases: who has an item, since when, taken where, and who forgot to give it back.
 * Must not know: what an item is, or what becomes of it.
 * Invariant: a lease ends once, however often it is released. One that is lost is found when its memory is collected,
 * for what stands here refers to the place where it was taken and to the item, never to the lease.
 */
import type { Clock } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'

/**
 * An item on loan. `await using lease = await pool.acquire()` gives it back whatever happens; so does `using`.
 */
export interface Lease<T> extends Disposable, AsyncDisposable {
  /** Throws a ClientError LEASE_ENDED once it was given back. */
  readonly item: T
  /** Gives it back. Calling it again does nothing. */
  release(): void
  /** Gives it back as broken: it is destroyed, and nobody else gets it. */
  discard(): void
}

/** Something about a lease that its taker should know. */
export interface LeaseWarning {
  /** `lease-held`: not given back for long; told once. `lease-lost`: collected as garbage before it was given back. */
  readonly type: 'lease-held' | 'lease-lost'
  readonly heldMs: number
  /** The stack of the call that took it, as `at` lines. */
  readonly takenAt: string
}

/** What is known of one lease. */
class LeaseRecord<E> {
  readonly entry: E
  readonly takenAtMs: number
  readonly place: TakenAt
  wasTold = false

  constructor(entry: E, takenAtMs: number, place: TakenAt) {
    this.entry = entry
    this.takenAtMs = takenAtMs
    this.place = place
  }
}

/** A stack's heading, the constructor of TakenAt, and who called that. */
const LINES_ABOVE = 3

/**
 * A place in the program. Making its text is most of what a stack costs, so it is made only for leases that last.
 * But until it is made, V8 keeps every `this` of the stack alive, and with it a lease that one of them holds: such a
 * lease could never be seen to be lost.
 */
export class TakenAt {
  #text = ''
  #frames: { readonly stack?: string } | undefined

  /** The place is where the function that makes this was called. */
  constructor() {
    const frames = {}
    Error.captureStackTrace(frames)
    this.#frames = frames
  }

  /** `at` lines, without the heading. */
  get text(): string {
    this.settle()
    return this.#text
  }

  /** Makes the text, and lets go of everything else. */
  settle(): void {
    if (this.#frames === undefined) return
    const { stack = '' } = this.#frames
    this.#text = stack.split('\n').slice(LINES_ABOVE).join('\n')
    this.#frames = undefined
  }
}

export interface LeasesOptions<E, T> {
  readonly clock: Clock
  /** 0 is never. */
  readonly leaseWarnMs: number
  readonly itemOf: (entry: E) => T
  readonly onEnd: (entry: E, isBroken: boolean) => void
  readonly onLost: (entry: E) => void
  readonly onWarning: (warning: LeaseWarning) => void
}

export class Leases<E, T> {
  readonly #options: LeasesOptions<E, T>
  /** In the order in which they were taken. */
  readonly #records = new Set<LeaseRecord<E>>()
  readonly #registry: FinalizationRegistry<LeaseRecord<E>>

  constructor(options: LeasesOptions<E, T>) {
    this.#options = options
    this.#registry = new FinalizationRegistry((record) => {
      this.#lose(record)
    })
  }

  /** Leases that were not given back. */
  get size(): number {
    return this.#records.size
  }

  begin(entry: E, place: TakenAt): Lease<T> {
    const { clock, itemOf } = this.#options
    const record = new LeaseRecord(entry, clock.nowMs(), place)
    const lease = new PoolLease(itemOf(entry), record, this)
    this.#records.add(record)
    this.#registry.register(lease, record, record)
    return lease
  }

  /** For leases alone. */
  end(record: LeaseRecord<E>, isBroken: boolean): void {
    if (!this.#records.delete(record)) return
    this.#registry.unregister(record)
    this.#options.onEnd(record.entry, isBroken)
  }

  /** Tells of those held for too long; to be called about once a second. */
  sweep(): void {
    const { clock, leaseWarnMs } = this.#options
    const nowMs = clock.nowMs()
    for (const record of this.#records) {
      record.place.settle()
      if (leaseWarnMs === 0 || record.wasTold || nowMs - record.takenAtMs < leaseWarnMs) continue
      record.wasTold = true
      this.#tell('lease-held', record)
    }
  }

  /** Ends all, as if they had been given back. */
  endAll(): void {
    for (const record of [...this.#records]) this.end(record, false)
  }

  #lose(record: LeaseRecord<E>): void {
    if (!this.#records.delete(record)) return
    this.#tell('lease-lost', record)
    this.#options.onLost(record.entry)
  }

  #tell(type: LeaseWarning['type'], { takenAtMs, place }: LeaseRecord<E>): void {
    const { clock, onWarning } = this.#options
    onWarning({ type, heldMs: Math.round(clock.nowMs() - takenAtMs), takenAt: place.text })
  }
}

class PoolLease<E, T> implements Lease<T> {
  readonly #item: T
  readonly #record: LeaseRecord<E>
  #owner: Leases<E, T> | undefined

  constructor(item: T, record: LeaseRecord<E>, owner: Leases<E, T>) {
    this.#item = item
    this.#record = record
    this.#owner = owner
  }

  get item(): T {
    if (this.#owner !== undefined) return this.#item
    throw new ClientError('LEASE_ENDED', `the lease was given back; it was taken\n${this.#record.place.text}`)
  }

  release(): void {
    this.#end(false)
  }

  discard(): void {
    this.#end(true)
  }

  [Symbol.dispose](): void {
    this.#end(false)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(false)
  }

  #end(isBroken: boolean): void {
    const owner = this.#owner
    this.#owner = undefined
    owner?.end(this.#record, isBroken)
  }
}
