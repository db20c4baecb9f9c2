/**
 * Owns when frames are due in an open loop: one process's part of the arrivals of a run.
 * Must not know: connections, clocks, whether anything was sent in time.
 * Invariant: due times never decrease, and follow from stages, seed and part alone. Arrival n is due when the rate,
 * integrated from the start, reaches its count: n for constant arrivals, the sum of n unit exponentials for Poisson
 * ones. So every shape of rate takes the same path, and Poisson arrivals under a changing rate are exact.
 */
import type { Random } from '../../random.ts'

/** The rate goes from one value to the other in a straight line over this time. */
export interface RateStage {
  readonly fromPerSecond: number
  readonly toPerSecond: number
  readonly lengthMs: number
}

export type Arrivals = 'constant' | 'poisson'

export interface SchedulePart {
  /** Rates of the whole run. */
  readonly stages: readonly RateStage[]
  readonly arrivals: Arrivals
  /** This is one of `parts` equal parts, `part` counted from 0: theirs interleave. */
  readonly part: number
  readonly parts: number
}

const US_PER_MS = 1000
const US_PER_S = 1_000_000

export class Schedule {
  /** When the next frame is due, in microseconds since the start; Infinity after the last. */
  nextUs = 0
  readonly #stages: readonly RateStage[]
  readonly #parts: number
  readonly #random: Random | null
  #stage = 0
  #stageFromUs = 0
  /** Arrivals of the stage before the next one, as the integral of the rate counts them. */
  #count: number

  constructor({ stages, arrivals, part, parts }: SchedulePart, random: Random) {
    this.#stages = stages
    this.#parts = parts
    this.#random = arrivals === 'poisson' ? random : null
    this.#count = this.#random === null ? (part + 0.5) / parts : random.exponential()
    this.#settle()
  }

  get isOver(): boolean {
    return this.nextUs === Infinity
  }

  /** Goes on to the arrival after this one. */
  advance(): void {
    this.#count += this.#random === null ? 1 : this.#random.exponential()
    this.#settle()
  }

  /** Finds the stage in which the count is reached, and when. */
  #settle(): void {
    for (let stage = this.#stages[this.#stage]; stage !== undefined; stage = this.#stages[++this.#stage]) {
      const total = arrivalsWithin(stage, stage.lengthMs) / this.#parts
      if (this.#count < total) {
        this.nextUs = this.#stageFromUs + timeOfUs(stage, this.#count * this.#parts)
        return
      }
      this.#count -= total
      this.#stageFromUs += stage.lengthMs * US_PER_MS
    }
    this.nextUs = Infinity
  }
}

/** Arrivals in the first `ms` of a stage. */
export function arrivalsWithin({ fromPerSecond, toPerSecond, lengthMs }: RateStage, ms: number): number {
  const rateThen = fromPerSecond + ((toPerSecond - fromPerSecond) * ms) / lengthMs
  return ((fromPerSecond + rateThen) / 2) * (ms / 1000)
}

/** When the integral of the stage's rate reaches `count`, in microseconds since the stage began. */
function timeOfUs({ fromPerSecond, toPerSecond, lengthMs }: RateStage, count: number): number {
  const slope = (toPerSecond - fromPerSecond) / (lengthMs / 1000)
  if (slope === 0) return (count / fromPerSecond) * US_PER_S
  // The root of slope/2 t^2 + from t = count, in the form that loses no digits to a small slope.
  const root = Math.sqrt(Math.max(0, fromPerSecond * fromPerSecond + 2 * slope * count))
  return ((2 * count) / (fromPerSecond + root)) * US_PER_S
}
