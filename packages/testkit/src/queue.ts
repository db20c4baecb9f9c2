/**
 * Owns a queue that one side fills and a test takes from, waiting where it is empty.
 * Must not know: what is in it.
 * Invariant: items leave in the order in which they came, each once; takers are served in the order in which they
 * asked. After `fail`, what is left can still be taken, then every taker gets the error.
 */
import { withinLimit } from './time-limit.ts'

export class WaitQueue<T> {
  readonly #what: string
  readonly #items: T[] = []
  readonly #takers: PromiseWithResolvers<T>[] = []
  #failure: Error | undefined

  /** @param what what an item is called, for messages */
  constructor(what: string) {
    this.#what = what
  }

  /** Items that nobody has taken yet. */
  get length(): number {
    return this.#items.length
  }

  put(item: T): void {
    const taker = this.#takers.shift()
    if (taker === undefined) this.#items.push(item)
    else taker.resolve(item)
  }

  /** Nothing more will come, for this reason. The first reason stays. */
  fail(error: Error): void {
    this.#failure ??= error
    for (const taker of this.#takers.splice(0)) taker.reject(this.#failure)
  }

  /** The next item. Rejects when none can come any more, or none comes within the limit. */
  async take(): Promise<T> {
    if (this.#items.length > 0) return this.#items.shift() as T
    if (this.#failure !== undefined) throw this.#failure
    const taker = Promise.withResolvers<T>()
    this.#takers.push(taker)
    try {
      return await withinLimit(taker.promise, () => `no ${this.#what} came`)
    } finally {
      const index = this.#takers.indexOf(taker)
      if (index >= 0) this.#takers.splice(index, 1)
    }
  }
}
