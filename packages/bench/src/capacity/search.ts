/**
 * Owns the search for the highest rate that holds: up by doubling, between by halves, then confirmed by longer trials.
 * Must not know: how a rate is tried, what an objective is.
 * Invariant: the rate found was held in every one of its confirming trials, or it is told not to be confirmed; nothing
 * below a rate that was missed is called the limit of the server when the generator was.
 */

/** Held; missed by the server; or the generator could not make the rate. */
export type TrialState = 'held' | 'missed' | 'generator'
export type TrialStage = 'rise' | 'search' | 'confirm'

export interface SearchOptions {
  readonly startPerSecond: number
  readonly maxPerSecond: number
  /** The search ends when the lowest rate missed is no more than this share above the highest held. */
  readonly precision: number
  /** Trials that a rate must hold to be confirmed. */
  readonly confirms: number
}

export interface Finding {
  /** Highest rate held; 0 for none. */
  readonly perSecond: number
  readonly isConfirmed: boolean
  /** Lowest rate that was not held; null for none. */
  readonly missedPerSecond: number | null
  /** What kept it from more: the server, the generator, the highest rate that it was to try, or being cut short. */
  readonly limit: 'server' | 'generator' | 'maximum' | 'cut short'
}

/** Undefined when it was cut short. */
export type Measure = (perSecond: number, stage: TrialStage) => Promise<TrialState | undefined>

const RISE = 2
/** Where not even the first rate is held, a quarter of it is tried, and so on down to this. */
const FALL = 4
const PER_SECOND_MIN = 10
/** A trial that was spoiled by the generator, or by its machine, is repeated so often. */
const AGAIN_MAX = 2
/** So many rates at most are given up in confirming. */
const CONFIRM_STEPS_MAX = 12

export async function findCapacity(options: SearchOptions, measure: Measure): Promise<Finding> {
  return await new Search(options, measure).run()
}

class Search {
  readonly #options: SearchOptions
  readonly #measure: Measure
  #held = 0
  #missed = Infinity
  #isGenerator = false
  #isCutShort = false

  constructor(options: SearchOptions, measure: Measure) {
    this.#options = options
    this.#measure = measure
  }

  async run(): Promise<Finding> {
    await this.#rise()
    await this.#narrow()
    const isConfirmed = await this.#confirm()
    const missedPerSecond = Number.isFinite(this.#missed) ? this.#missed : null
    const reached = missedPerSecond === null ? 'maximum' : this.#isGenerator ? 'generator' : 'server'
    return {
      perSecond: this.#held,
      isConfirmed,
      missedPerSecond,
      limit: this.#isCutShort ? 'cut short' : reached,
    }
  }

  async #rise(): Promise<void> {
    const { startPerSecond, maxPerSecond } = this.#options
    let rate = Math.min(startPerSecond, maxPerSecond)
    while (!this.#isCutShort) {
      const isHeld = await this.#try(rate, 'rise')
      if (isHeld === undefined) return
      if (isHeld) {
        if (rate >= maxPerSecond || Number.isFinite(this.#missed)) return
        rate = Math.min(rate * RISE, maxPerSecond)
      } else {
        if (this.#held > 0 || rate <= PER_SECOND_MIN) return
        rate = Math.max(PER_SECOND_MIN, Math.floor(rate / FALL))
      }
    }
  }

  async #narrow(): Promise<void> {
    while (!this.#isCutShort && this.#held > 0 && Number.isFinite(this.#missed)) {
      const between = Math.round(Math.sqrt(this.#held * this.#missed))
      const isNarrow = this.#missed / this.#held <= 1 + this.#options.precision
      if (isNarrow || between <= this.#held || between >= this.#missed) return
      await this.#try(between, 'search')
    }
  }

  /** Tries the rate that was held again, and one that is a little lower when it is not. */
  async #confirm(): Promise<boolean> {
    const { confirms, precision } = this.#options
    for (let step = 0; step < CONFIRM_STEPS_MAX && this.#held > 0; step++) {
      const rate = this.#held
      let count = 0
      for (; count < confirms; count++) {
        const isHeld = await this.#try(rate, 'confirm')
        if (isHeld === undefined) return false
        if (!isHeld) break
      }
      if (count === confirms) return true
      // It was held once, by luck.
      this.#held = Math.floor(rate / (1 + precision))
    }
    return false
  }

  async #try(perSecond: number, stage: TrialStage): Promise<boolean | undefined> {
    let state = await this.#measure(perSecond, stage)
    // A machine that stood still for a moment says nothing about the rate.
    for (let again = 0; again < AGAIN_MAX && state === 'generator'; again++)
      state = await this.#measure(perSecond, stage)
    if (state === undefined) {
      this.#isCutShort = true
      return undefined
    }
    if (state === 'held') {
      this.#held = Math.max(this.#held, perSecond)
      return true
    }
    if (perSecond <= this.#missed) this.#isGenerator = state === 'generator'
    this.#missed = Math.min(this.#missed, perSecond)
    return false
  }
}
