/**
 * Owns what tests wait for instead of sleeping: latches that open once, and counters of calls.
 * Must not know: sockets, frames, time.
 * Invariant: a latch settles once, and later tries change nothing.
 */

/** A promise with its two ends outside. */
export class Latch<T = void> {
  readonly promise: Promise<T>
  #resolve: (value: T) => void
  #reject: (error: unknown) => void
  #isOpen = false

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Whether it was opened or failed. */
  get isSettled(): boolean {
    return this.#isOpen
  }

  open(value: T): void {
    this.#isOpen = true
    this.#resolve(value)
  }

  fail(error: unknown): void {
    this.#isOpen = true
    this.#reject(error)
  }
}

/** Counts calls, keeps their arguments, and lets a test wait for the nth. */
export class CallCounter<Arguments extends readonly unknown[] = []> {
  readonly calls: Arguments[] = []
  readonly #waiting: { readonly count: number; readonly latch: Latch }[] = []

  get count(): number {
    return this.calls.length
  }

  /** The function to hand out. */
  readonly call = (...args: Arguments): void => {
    this.calls.push(args)
    for (const { count, latch } of this.#waiting) if (this.calls.length >= count) latch.open()
  }

  /** Settles once there were `count` calls. @returns the arguments of the call with that number, from 1 */
  async reached(count: number): Promise<Arguments> {
    if (this.calls.length < count) {
      const latch = new Latch()
      this.#waiting.push({ count, latch })
      await latch.promise
    }
    return this.calls[count - 1] as Arguments
  }
}

/** A function that must be called exactly `times` times until `verify` is called (or the `using` scope ends). */
export class MustCall<Arguments extends readonly unknown[] = []> extends CallCounter<Arguments> {
  readonly #name: string
  readonly #times: number

  constructor(name: string, times = 1) {
    super()
    this.#name = name
    this.#times = times
  }

  /** Throws when it was called more or less often than it must be. */
  verify(): void {
    if (this.count !== this.#times) {
      throw new Error(`${this.#name}: expected ${this.#times} calls, got ${this.count}`)
    }
  }

  [Symbol.dispose](): void {
    this.verify()
  }
}

/** See `MustCall`; 0 times is a function that must not be called. */
export function mustCall<Arguments extends readonly unknown[] = []>(name: string, times = 1): MustCall<Arguments> {
  return new MustCall<Arguments>(name, times)
}
