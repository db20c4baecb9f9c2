/**
 * Owns a pool: leases of items, each to one taker at a time, and the order in which takers are served.
 * Must not know: what an item is; create, check and destroy are its user's.
 * Invariant: takers are served in the order in which they came. Whatever the path, a lease ends by being given back or
 * by its item's end; after `close` nothing is left, neither item nor timer nor waiter.
 */
import type { CancelTimer } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import { integer } from '../checks.ts'
import { tell } from '../tell.ts'
import { ItemSet } from './item-set.ts'
import type { Entry } from './item-set.ts'
import { Leases, TakenAt } from './lease.ts'
import type { Lease } from './lease.ts'
import { completePoolOptions } from './pool-options.ts'
import type { CompletePoolOptions, PoolOptions, PoolWarning } from './pool-options.ts'
import { Waiters } from './waiters.ts'
import type { WaitErrors } from './waiters.ts'
import { withinTime } from './within-time.ts'

/** How often items are looked at that may be too old or idle for too long, and leases that may be held for too long. */
const SWEEP_MS = 1000
/** Longest delay that the system's timers take: a longer one would be over at once. */
const DELAY_MS_MAX = 0x7fff_ffff

export interface AcquireOptions {
  /** How long to wait, up to 2147483647 ms; acquireTimeoutMs of the pool. */
  readonly timeoutMs?: number | undefined
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined
}

export interface PoolStats {
  /** Items, leased or not. */
  readonly size: number
  readonly leased: number
  readonly creating: number
  /** Calls of `acquire` that wait. */
  readonly waiting: number
}

/**
 * A pool of what is costly to make.
 *
 *     const create = (signal: AbortSignal) => connect({ host, port, signal })
 *     await using pool = new Pool({ create, destroy: (one) => one.close(), isUsable: (one) => one.isOpen })
 *     await using lease = await pool.acquire()
 *     await lease.item.request(1)
 */
export class Pool<T> implements AsyncDisposable {
  readonly #options: CompletePoolOptions<T>
  readonly #items: ItemSet<T>
  readonly #leases: Leases<Entry<T>, T>
  readonly #waiters: Waiters<Entry<T>>
  readonly #errors: WaitErrors
  readonly #cancelSweep: CancelTimer
  #closing: Promise<void> | undefined
  /** The last creation failed: told once, until one succeeds. */
  #createsFail = false

  /** Throws a ClientError INVALID_OPTION. */
  constructor(options: PoolOptions<T>) {
    const complete = completePoolOptions(options)
    this.#options = complete
    const { clock, waitersMax } = complete
    this.#items = new ItemSet(
      { ...complete, creatingMax: complete.max, leasesMax: 1 },
      {
        onAvailable: () => {
          this.#serve()
        },
        onCreateFailed: (error) => {
          this.#onCreateFailed(error)
        },
        onDestroyFailed: (error) => {
          this.#warn({ type: 'destroy-failed', error })
        },
      },
    )
    this.#errors = waitErrors(complete)
    this.#waiters = new Waiters({ clock, waitersMax, errors: this.#errors })
    this.#leases = new Leases({
      clock,
      leaseWarnMs: complete.leaseWarnMs,
      itemOf: (entry) => entry.item,
      onEnd: (entry, isBroken) => {
        this.#giveBack(entry, isBroken)
      },
      // Nobody knows what its taker still does with it.
      onLost: (entry) => {
        this.#giveBack(entry, true)
      },
      onWarning: (warning) => {
        this.#warn(warning)
      },
    })
    this.#cancelSweep = clock.every(SWEEP_MS, () => {
      this.#sweep()
    })
    this.#items.fill()
  }

  get stats(): PoolStats {
    const { entries, creating } = this.#items
    return { size: entries.length, leased: this.#leases.size, creating, waiting: this.#waiters.size }
  }

  /**
   * Leases an item: one that is free, else a new one, else the next that is given back.
   * Rejects with what `create` rejects with, or a ClientError: ACQUIRE_TIMEOUT, TOO_MANY_WAITING, POOL_CLOSED, ABORTED,
   * INVALID_OPTION.
   */
  acquire(options: AcquireOptions = {}): Promise<Lease<T>> {
    // Not async: the caller is on the stack only now.
    return this.#acquire(options, new TakenAt())
  }

  /**
   * Leases nothing more, fails who waits, and settles when all items are destroyed: those that are leased when they are
   * given back, or after closeTimeoutMs. Never rejects; calling it again gives the same end.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** As `close`, but leased items are destroyed now. */
  async destroy(): Promise<void> {
    this.#closing ??= this.#close()
    this.#items.destroyAll()
    await this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #acquire(options: AcquireOptions, place: TakenAt): Promise<Lease<T>> {
    const { clock, acquireTimeoutMs } = this.#options
    const { signal, timeoutMs = acquireTimeoutMs } = options
    const deadlineMs = clock.nowMs() + integer('timeoutMs', timeoutMs, 0, DELAY_MS_MAX)
    for (;;) {
      if (this.#closing !== undefined) throw closedError()
      const entry = await this.#takeOrWait(deadlineMs, signal)
      if (await this.#isWell(entry, deadlineMs, signal)) return this.#leases.begin(entry, place)
      this.#giveBack(entry, true)
    }
  }

  async #takeOrWait(deadlineMs: number, signal: AbortSignal | undefined): Promise<Entry<T>> {
    const timeoutMs = deadlineMs - this.#options.clock.nowMs()
    const entry = this.#waiters.size === 0 && signal?.aborted !== true ? this.#items.take() : undefined
    if (entry !== undefined) return entry
    const waiting = this.#waiters.wait({ timeoutMs, signal })
    this.#grow()
    return await waiting
  }

  /** Whether it is still what it was when it came back: one that was idle for long is asked itself. */
  async #isWell(entry: Entry<T>, deadlineMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { check, checkAfterMs, clock } = this.#options
    const nowMs = clock.nowMs()
    if (check !== undefined && nowMs - entry.idleSinceMs >= checkAfterMs && this.#isLive(entry)) {
      const limit = { clock, signal, timeoutMs: deadlineMs - nowMs, errors: this.#errors }
      try {
        if (!(await withinTime((ended) => this.#ask(entry, check, ended), limit))) return false
      } catch (error) {
        this.#giveBack(entry, true)
        throw error
      }
    }
    return this.#isLive(entry)
  }

  async #ask(entry: Entry<T>, check: Check<T>, ended: AbortSignal): Promise<boolean> {
    try {
      return await check(entry.item, ended)
    } catch (error) {
      if (!ended.aborted) this.#warn({ type: 'check-failed', error })
      return false
    }
  }

  #isLive(entry: Entry<T>): boolean {
    return !entry.isRetired && this.#options.isUsable(entry.item)
  }

  #giveBack(entry: Entry<T>, isBroken: boolean): void {
    if (isBroken || !this.#options.isUsable(entry.item)) this.#items.drop(entry)
    else this.#items.give(entry)
    // Whoever waits must not wait for one that is gone.
    this.#grow()
  }

  #serve(): void {
    this.#createsFail = false
    while (this.#waiters.size > 0) {
      const entry = this.#items.take()
      if (entry === undefined) return
      this.#waiters.hand(entry)
    }
  }

  /** As many as wait and as none is being created for. */
  #grow(): void {
    const wanted = this.#waiters.size - this.#items.creating
    if (wanted > 0) this.#items.grow(wanted)
  }

  /** It was created for the one that waits longest; what is created for nobody is tried again by the sweep. */
  #onCreateFailed(error: unknown): void {
    const wasHeard = this.#waiters.fail(error)
    if (!wasHeard && !this.#createsFail) this.#warn({ type: 'create-failed', error })
    this.#createsFail = true
    this.#grow()
  }

  #sweep(): void {
    const { entries } = this.#items
    for (const entry of entries.filter((one) => one.leases === 0 && !this.#isLive(one))) this.#items.drop(entry)
    this.#items.sweep()
    this.#items.fill()
    this.#grow()
    this.#leases.sweep()
  }

  async #close(): Promise<void> {
    const { clock, closeTimeoutMs } = this.#options
    this.#cancelSweep()
    this.#waiters.failAll(closedError())
    this.#items.close()
    const forced = Promise.withResolvers<void>()
    const cancel = clock.after(closeTimeoutMs, () => {
      if (this.#leases.size > 0) this.#warn({ type: 'close-forced', leases: this.#leases.size })
      this.#items.destroyAll()
      forced.resolve()
    })
    await Promise.race([this.#items.gone, forced.promise])
    cancel()
  }

  #warn(warning: PoolWarning): void {
    tell(this.#options.onWarning, warning)
  }
}

type Check<T> = NonNullable<PoolOptions<T>['check']>

function waitErrors({ max }: { readonly max: number }): WaitErrors {
  return {
    full: (waitersMax) => {
      return new ClientError('TOO_MANY_WAITING', `${waitersMax} calls wait for one of ${max} items already`)
    },
    expired: (timeoutMs) => {
      const text = `none of ${max} items came free within ${Math.round(timeoutMs)} ms`
      return new ClientError('ACQUIRE_TIMEOUT', text)
    },
    aborted: (cause) => new ClientError('ABORTED', 'acquire aborted', { cause }),
  }
}

function closedError(): ClientError {
  return new ClientError('POOL_CLOSED', 'the pool is closed')
}
