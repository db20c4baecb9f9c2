/**
 * Owns noticing open files that neither a connection nor the worker's start explains, and that only become more.
 * Must not know: how open files are counted, what becomes of the worker.
 * Invariant: a service may open files, and keep a pool of them: only the least number of each of several windows
 * counts, and only if it grew in every one. Each of the two findings is told once.
 */

/** Looks that a window has: what is open for less long is never its least. */
const LOOKS = 10
/** Windows in a row that must have grown, two minutes in all: a pool is filled in less. */
const WINDOWS = 12
/** Less growth than this is not worth a line. */
const GROWTH_MIN = 64

export interface LeakFigures {
  /** Open files that nothing explains, now. */
  readonly unexplained: number
  /** By how much they grew in the windows before. */
  readonly grew: number
  readonly seconds: number
  /** Most files that may be open. */
  readonly limit: number
}

export class DescriptorLeak {
  readonly #onLeak: (figures: LeakFigures) => void
  readonly #onBound: (figures: LeakFigures) => void
  #base: number | undefined
  #looks = 0
  #least = Infinity
  /** Of the windows before, oldest first. */
  #leasts: number[] = []
  #toldLeak = false
  #toldBound = false

  /** @param onBound half of the limit is taken by what leaked */
  constructor(onLeak: (figures: LeakFigures) => void, onBound: (figures: LeakFigures) => void) {
    this.#onLeak = onLeak
    this.#onBound = onBound
  }

  /** To be called once a second. @param others open files that are no connections */
  look(others: number, limit: number): void {
    // What was open when it began to serve is its own.
    this.#base ??= others
    this.#least = Math.min(this.#least, others - this.#base)
    if (++this.#looks < LOOKS) return
    this.#close(limit)
    this.#looks = 0
    this.#least = Infinity
  }

  #close(limit: number): void {
    const unexplained = this.#least
    this.#leasts.push(unexplained)
    if (this.#leasts.length > WINDOWS + 1) this.#leasts.shift()
    const [first = 0] = this.#leasts
    const grew = unexplained - first
    const figures = { unexplained, grew, seconds: LOOKS * (this.#leasts.length - 1), limit }
    if (!this.#toldLeak && grew >= GROWTH_MIN && this.#hasGrown()) {
      this.#toldLeak = true
      this.#onLeak(figures)
    }
    if (this.#toldLeak && !this.#toldBound && unexplained >= limit / 2) {
      this.#toldBound = true
      this.#onBound(figures)
    }
  }

  #hasGrown(): boolean {
    const leasts = this.#leasts
    return leasts.length > WINDOWS && leasts.every((least, at) => at === 0 || least > (leasts[at - 1] ?? 0))
  }
}
