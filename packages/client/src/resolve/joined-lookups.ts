/**
 * Owns joining identical lookups: who asks for what is being asked already gets the same answer.
 * Must not know: what is looked up, and how.
 * Invariant: each caller has its own signal; the work itself is aborted when the last of its callers has gone, and
 * whoever asks then begins it anew. No listener is left on a signal once its caller has been answered.
 */

interface Lookup<Answer> {
  readonly abort: AbortController
  readonly answer: Promise<Answer>
  callers: number
}

export class JoinedLookups<Answer> {
  readonly #lookups = new Map<string, Lookup<Answer>>()

  /** Lookups under way. */
  get size(): number {
    return this.#lookups.size
  }

  /**
   * Joins the lookup of `key`, or begins it with `work`.
   * Rejects as `work` does, or with the reason of the signal as soon as that fires.
   */
  async join(
    key: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    signal?.throwIfAborted()
    const lookup = this.#lookups.get(key) ?? this.#begin(key, work)
    lookup.callers++
    try {
      return await unlessAborted(lookup.answer, signal)
    } finally {
      lookup.callers--
      if (lookup.callers === 0) {
        this.#forget(key, lookup)
        lookup.abort.abort()
      }
    }
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<Answer>): Lookup<Answer> {
    const abort = new AbortController()
    const lookup: Lookup<Answer> = { abort, answer: work(abort.signal), callers: 0 }
    this.#lookups.set(key, lookup)
    const forget = (): void => {
      this.#forget(key, lookup)
    }
    // Settled either way; whoever waits for the answer is told of the error.
    lookup.answer.then(forget, forget)
    return lookup
  }

  #forget(key: string, lookup: Lookup<Answer>): void {
    if (this.#lookups.get(key) === lookup) this.#lookups.delete(key)
  }
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it fires; leaves no listener. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => {
    aborted.reject(signal.reason)
  }
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
