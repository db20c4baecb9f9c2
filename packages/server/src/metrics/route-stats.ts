/**
 * Owns what is counted of each route: answers by outcome, and how long they took.
 * Must not know: frames, who answers.
 * Invariant: outcomes are counted one by one; times are those of a sample, which is everything up to about SAMPLES_MAX
 * a second and route, and beyond that one in so many, each counted as often as it stands for. So what measuring costs
 * is bounded: two looks at the clock are 90 ns, half of what serving a short frame takes. Handlers that return promises
 * are all timed: what that costs is little beside the promise.
 */
import { ERROR_TABLE, ROUTE_MAX } from '@shardwire/protocol'
import { createHistogram, DURATION_BOUNDS, type Histogram, observe } from './histogram.ts'

/** Answered as it should be. Other outcomes are error codes. */
export const OUTCOME_OK = 0
/** Its connection went before it was answered. */
export const OUTCOME_ABANDONED = ERROR_TABLE.length + 1
/** An error that the table does not have. */
export const OUTCOME_OTHER = ERROR_TABLE.length + 2
export const OUTCOMES = ERROR_TABLE.length + 3

/** Stands for a moment at which nothing was timed. */
export const NOT_TIMED = -1

/** Timed answers of a route in a second, from which on not all are. */
const SAMPLES_MAX = 8192
const STRIDE_MAX = 65_536
const MS_PER_S = 1000

/** What a worker counted of a route: plain data. */
export interface RouteCounters {
  /** -1 for all routes that the service does not have. */
  readonly number: number
  readonly name: string
  /** REQUESTs by outcome. */
  readonly requests: number[]
  /** MESSAGEs by outcome. */
  readonly messages: number[]
  /** Seconds from a frame's dispatch to its answer. */
  readonly latency: Histogram
}

export function createRouteCounters(number: number, name: string): RouteCounters {
  const outcomes = (): number[] => Array.from({ length: OUTCOMES }, () => 0)
  return { number, name, requests: outcomes(), messages: outcomes(), latency: createHistogram(DURATION_BOUNDS) }
}

export class RouteStats {
  readonly counters: RouteCounters
  /** Something was counted since it was told last. */
  hasChanged = false
  /** One in so many is timed. */
  #stride = 1
  #untilTimed = 1
  #samples = 0
  #isAllTimed = false
  /** Where the next sample lies is left to chance, so that it keeps no step with what the client does. */
  #seed = 0x9e3779b9

  constructor(number: number, name: string) {
    this.counters = createRouteCounters(number, name)
  }

  /** A frame was answered, or will never be. */
  ended(isRequest: boolean, outcome: number): void {
    const counts = isRequest ? this.counters.requests : this.counters.messages
    const at = outcome < OUTCOMES ? outcome : OUTCOME_OTHER
    counts[at] = (counts[at] ?? 0) + 1
    this.hasChanged = true
  }

  /** To be asked for each frame: whether it is one of those that are timed. */
  isSampled(): boolean {
    if (--this.#untilTimed > 0) return false
    this.#untilTimed = this.#nextGap()
    return true
  }

  /** From now on all are timed: its handler returns promises. */
  timeAll(): void {
    if (this.#isAllTimed) return
    this.#isAllTimed = true
    this.#stride = 1
    this.#untilTimed = 1
  }

  /** One of the sample took so long. */
  timed(ms: number): void {
    observe(this.counters.latency, DURATION_BOUNDS, ms / MS_PER_S, this.#stride)
  }

  /** To be called once a second: samples as densely as the last second allows. */
  adapt(): void {
    if (this.#isAllTimed) return
    this.#stride = Math.max(1, Math.ceil((this.#samples * this.#stride) / SAMPLES_MAX))
    this.#samples = 0
    this.#untilTimed = Math.min(this.#untilTimed, this.#stride)
  }

  /** 1 to 2 strides less one: a stride on average. */
  #nextGap(): number {
    if (this.#isAllTimed) return 1
    if (++this.#samples >= SAMPLES_MAX && this.#stride < STRIDE_MAX) {
      this.#stride *= 2
      this.#samples /= 2
    }
    if (this.#stride === 1) return 1
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) | 0
    return 1 + ((this.#seed >>> 8) % (2 * this.#stride - 1))
  }
}

/** All routes of a worker. */
export class RouteBook {
  readonly #byNumber: (RouteStats | undefined)[]
  readonly #all: readonly RouteStats[]
  readonly #unknown = new RouteStats(-1, '')
  /** The time itself, in milliseconds. */
  readonly nowMs: () => number

  constructor(routes: readonly { readonly number: number; readonly name: string }[], nowMs: () => number) {
    this.nowMs = nowMs
    this.#byNumber = Array.from<unknown, RouteStats | undefined>({ length: ROUTE_MAX + 1 }, () => undefined)
    const all = routes.map(({ number, name }) => new RouteStats(number, name))
    for (const stats of all) this.#byNumber[stats.counters.number] = stats
    this.#all = [...all, this.#unknown]
  }

  of(number: number): RouteStats {
    return this.#byNumber[number] ?? this.#unknown
  }

  /** To be called once a second. @returns those of which something was counted since */
  takeChanged(): RouteCounters[] {
    const changed = this.#all.filter((stats) => stats.hasChanged)
    for (const stats of changed) {
      stats.hasChanged = false
      stats.adapt()
    }
    return changed.map(({ counters }) => counters)
  }
}
