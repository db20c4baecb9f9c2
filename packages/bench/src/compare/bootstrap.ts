/**
 * Owns how far the difference of two runs could be chance, by drawing their intervals again and again.
 * Must not know: reports, what is compared beyond counts by value.
 * Invariant: blocks of neighbouring intervals are drawn whole, since what happens in one interval goes on in the next;
 * the same seed gives the same answer.
 */
import type { Bucket } from '../histogram/buckets.ts'
import type { Random } from '../random.ts'

/** What was counted in an interval. */
export interface Interval {
  readonly buckets: readonly Bucket[]
  readonly messages: number
  readonly lengthMs: number
}

export interface Range {
  readonly low: number
  readonly high: number
}

/** Numbers of a drawn run. */
export interface Drawn {
  percentileUs(percent: number): number
  readonly messagesPerSecond: number
}

export type Metric = (run: Drawn) => number

const DRAWS = 1000
/** Of the draws, the part that lies beneath the range, and above it. */
const TAIL = 0.025
/** Fewer intervals say nothing about chance. */
export const INTERVALS_MIN = 8

/** A run made ready for drawing: counts by interval over one axis of values. */
export class Sample {
  readonly intervals: number
  readonly #values: readonly number[]
  readonly #counts: readonly Float64Array[]
  readonly #messages: readonly number[]
  readonly #lengths: readonly number[]

  constructor(intervals: readonly Interval[]) {
    const values = [...new Set(intervals.flatMap(({ buckets }) => buckets.map(({ valueUs }) => valueUs)))]
    values.sort((one, other) => one - other)
    const indexOf = new Map(values.map((value, index) => [value, index]))
    this.intervals = intervals.length
    this.#values = values
    this.#counts = intervals.map(({ buckets }) => {
      const counts = new Float64Array(values.length)
      for (const { valueUs, count } of buckets) counts[indexOf.get(valueUs) ?? 0] = count
      return counts
    })
    this.#messages = intervals.map(({ messages }) => messages)
    this.#lengths = intervals.map(({ lengthMs }) => lengthMs)
  }

  /** A run of as many intervals, drawn in blocks. */
  draw(random: Random): Drawn {
    const block = Math.max(1, Math.round(Math.cbrt(this.intervals)))
    const sums = new Float64Array(this.#values.length)
    let [messages, lengthMs, drawn] = [0, 0, 0]
    while (drawn < this.intervals) {
      const first = Math.floor(random.next() * this.intervals)
      for (let step = 0; step < block && drawn < this.intervals; step++, drawn++) {
        const index = (first + step) % this.intervals
        const counts = this.#counts[index] ?? sums
        for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] ?? 0) + (counts[at] ?? 0)
        messages += this.#messages[index] ?? 0
        lengthMs += this.#lengths[index] ?? 0
      }
    }
    const messagesPerSecond = lengthMs === 0 ? 0 : (messages * 1000) / lengthMs
    return { percentileUs: (percent) => this.#percentile(sums, percent), messagesPerSecond }
  }

  #percentile(sums: Float64Array, percent: number): number {
    const total = sums.reduce((sum, count) => sum + count, 0)
    const rank = Math.max(1, Math.ceil((total * percent) / 100 - 1e-9))
    let seen = 0
    for (let at = 0; at < sums.length; at++) {
      seen += sums[at] ?? 0
      if (seen >= rank) return this.#values[at] ?? 0
    }
    return 0
  }
}

/**
 * The range in which the relative change of each metric from `base` to `now` lies in 95 of 100 draws.
 * @returns null where a run has too few intervals
 */
export function changeRanges(
  base: Sample,
  now: Sample,
  metrics: readonly Metric[],
  random: Random,
): readonly Range[] | null {
  if (Math.min(base.intervals, now.intervals) < INTERVALS_MIN) return null
  const changes = metrics.map(() => new Float64Array(DRAWS))
  for (let draw = 0; draw < DRAWS; draw++) {
    const [before, after] = [base.draw(random), now.draw(random)]
    metrics.forEach((metric, index) => {
      const changed = changes[index]
      if (changed !== undefined) changed[draw] = changeOf(metric(before), metric(after))
    })
  }
  return changes.map((drawn) => {
    drawn.sort()
    return { low: drawn[Math.floor(DRAWS * TAIL)] ?? 0, high: drawn[Math.ceil(DRAWS * (1 - TAIL)) - 1] ?? 0 }
  })
}

/** By which share it grew: 0.1 is a tenth more. */
export function changeOf(before: number, after: number): number {
  return before === 0 ? (after === 0 ? 0 : 1) : after / before - 1
}
