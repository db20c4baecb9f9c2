/**
 * Owns who waits for something that is not there yet, each with a deadline and a signal, first come first served.
 * Must not know: what is waited for.
 * Invariant: a waiter settles once; when it does, no timer and no listener of it is left. At most `waitersMax` wait.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

/** What a wait that came to nothing rejects with. */
export interface WaitErrors {
  full(waitersMax: number): Error
  expired(timeoutMs: number): Error
  aborted(reason: unknown): Error
}

export interface WaitersOptions {
  readonly clock: Clock
  readonly waitersMax: number
  readonly errors: WaitErrors
}

export interface WaitOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** One that waits; also the listener of its signal. */
class Waiter<T> {
  readonly promise: Promise<T>
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void
  readonly #owner: Waiters<T>
  readonly #signal: AbortSignal | undefined
  readonly #cancelTimer: CancelTimer

  constructor(owner: Waiters<T>, clock: Clock, errors: WaitErrors, { timeoutMs, signal }: WaitOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#owner = owner
    this.#signal = signal
    // It keeps the process alive: somebody waits, even where no socket does.
    this.#cancelTimer = clock.after(timeoutMs, () => {
      this.#owner.giveUp(this, errors.expired(timeoutMs))
    })
    signal?.addEventListener('abort', this)
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#owner.abort(this, this.#signal?.reason)
  }

  resolve(value: T): void {
    this.#release()
    this.#resolve(value)
  }

  reject(error: unknown): void {
    this.#release()
    this.#reject(error)
  }

  #release(): void {
    this.#cancelTimer()
    this.#signal?.removeEventListener('abort', this)
  }
}

export class Waiters<T> {
  readonly #options: WaitersOptions
  readonly #waiting = new Set<Waiter<T>>()

  constructor(options: WaitersOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Waits to be handed something. Rejects with what the errors of the options make, or with what `fail` is given. */
  async wait(options: WaitOptions): Promise<T> {
    const { clock, errors, waitersMax } = this.#options
    const { signal, timeoutMs } = options
    if (signal?.aborted === true) throw errors.aborted(signal.reason)
    if (timeoutMs <= 0) throw errors.expired(timeoutMs)
    if (this.#waiting.size >= waitersMax) throw errors.full(waitersMax)
    const waiter = new Waiter<T>(this, clock, errors, options)
    this.#waiting.add(waiter)
    return await waiter.promise
  }

  /** Gives `value` to the one that waits longest. @returns false when nobody waits */
  hand(value: T): boolean {
    const first = this.#take()
    first?.resolve(value)
    return first !== undefined
  }

  /** Fails the one that waits longest. @returns false when nobody waits */
  fail(error: unknown): boolean {
    const first = this.#take()
    first?.reject(error)
    return first !== undefined
  }

  /** Gives `value` to all that wait now. */
  handAll(value: T): void {
    for (let left = this.#waiting.size; left > 0; left--) this.hand(value)
  }

  /** Fails all that wait now. */
  failAll(error: unknown): void {
    for (let left = this.#waiting.size; left > 0; left--) this.fail(error)
  }

  /** For waiters alone: leaves the queue with an error. */
  giveUp(waiter: Waiter<T>, error: Error): void {
    if (this.#waiting.delete(waiter)) waiter.reject(error)
  }

  /** For waiters alone. */
  abort(waiter: Waiter<T>, reason: unknown): void {
    this.giveUp(waiter, this.#options.errors.aborted(reason))
  }

  #take(): Waiter<T> | undefined {
    for (const first of this.#waiting) {
      this.#waiting.delete(first)
      return first
    }
    return undefined
  }
}
