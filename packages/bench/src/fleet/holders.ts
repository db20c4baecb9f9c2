/**
 * Owns the holders of idle connections together: to a number, a sweep, a sum.
 * Must not know: what is measured beside them.
 * Invariant: one order at a time; each settles with the sum over all holders, or with what went wrong in the first that
 * failed. A holder that dies fails the order under way, and is told by `broken` from then on.
 */
import type { Clock } from '@shardwire/protocol'

import { isHolderMessage } from '../hold/hold-messages.ts'
import type {
  HolderMemory,
  HolderMessage,
  HolderOrder,
  HoldPlan,
  HoldReport,
  SweepReport,
} from '../hold/hold-messages.ts'
import { LatencySums } from '../histogram/latency-sums.ts'
import { LatencyRecorder } from '../load/latency-recorder.ts'
import type { ConnectFailure } from '../messages.ts'
import { Child, endAll } from './child.ts'
import type { BenchProcess, ChildEvents } from './child.ts'

/** A holder that says nothing at all for so long hangs. */
const SILENCE_MS = 60_000
const END_MS = 5000

export type HolderProcess = BenchProcess<HolderOrder>

export interface HoldersParts {
  readonly clock: Clock
  /** Begins a holder; by default forks one. */
  readonly begin?: (index: number, events: ChildEvents<HolderMessage>) => HolderProcess
}

/** The sum over all holders. */
export interface HeldState {
  readonly up: number
  readonly connecting: number
  readonly lost: number
  readonly lostBy: Readonly<Record<string, number>>
  readonly pings: number
  /** Questions of sweeps answered. */
  readonly answered: number
  readonly memory: HolderMemory
}

export interface Resized {
  readonly failure: ConnectFailure | null
  readonly connects: LatencySums
  readonly lengthMs: number
}

export interface Swept {
  readonly asked: number
  readonly alive: number
  readonly wrong: number
  readonly answers: LatencySums
  readonly lengthMs: number
}

/** What holders are asked and have not all answered. */
interface Pending {
  readonly type: HolderMessage['type']
  readonly waiting: Set<number>
  readonly take: (message: HolderMessage) => void
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Holders implements ChildEvents<HolderMessage> {
  readonly #plans: readonly HoldPlan[]
  readonly #clock: Clock
  readonly #children: readonly HolderProcess[]
  readonly #reports: (HoldReport | undefined)[]
  #connectTimes = new LatencyRecorder()
  #pending: Pending | null = null
  #broken: Error | null = null
  #ending = false
  #goal = 0

  constructor(plans: readonly HoldPlan[], { clock, begin }: HoldersParts) {
    const kind = { folder: 'hold', isMessage: isHolderMessage }
    const make = begin ?? ((index, events) => new Child<HolderOrder, HolderMessage>(kind, index, events))
    this.#plans = plans
    this.#clock = clock
    this.#reports = plans.map(() => undefined)
    this.#children = plans.map((_, index) => make(index, this))
    this.#children.forEach((child, index) => {
      const plan = plans[index]
      if (plan !== undefined) child.send({ type: 'prepare', plan })
    })
  }

  get pids(): number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }
  /** What ended a holder before its time. */
  get broken(): Error | null {
    return this.#broken
  }
  /** How many connections there are to be. */
  get goal(): number {
    return this.#goal
  }

  state(): HeldState {
    const lostBy: Record<string, number> = {}
    const sum = (of: (report: HoldReport) => number): number =>
      this.#reports.reduce((total, report) => total + (report === undefined ? 0 : of(report)), 0)
    for (const report of this.#reports) {
      for (const [code, count] of Object.entries(report?.lostBy ?? {})) lostBy[code] = (lostBy[code] ?? 0) + count
    }
    return {
      up: sum(({ up }) => up),
      connecting: sum(({ connecting }) => connecting),
      lost: sum(({ lost }) => lost),
      lostBy,
      pings: sum(({ pings }) => pings),
      answered: sum(({ answered }) => answered),
      memory: {
        residentBytes: sum(({ memory }) => memory.residentBytes),
        heapBytes: sum(({ memory }) => memory.heapBytes),
        externalBytes: sum(({ memory }) => memory.externalBytes),
      },
    }
  }

  /**
   * Opens or closes connections until there are so many over all holders, at most `perSecond` a second; null is as fast
   * as can be.
   */
  async resize(connections: number, perSecond: number | null): Promise<Resized> {
    const capacity = this.#plans.reduce((sum, { connectionsMax }) => sum + connectionsMax, 0)
    const startMs = this.#clock.nowMs()
    this.#goal = Math.min(connections, capacity)
    this.#connectTimes = new LatencyRecorder()
    let failure: ConnectFailure | null = null
    const share = (index: number): number => Math.floor((this.#goal * index) / this.#plans.length)
    await this.#all(
      'resized',
      (index) => {
        return {
          type: 'resize',
          // Equal shares, but for those whose plan has less.
          connections: Math.min(share(index + 1) - share(index), this.#plans[index]?.connectionsMax ?? 0),
          perSecond: perSecond === null ? null : perSecond / this.#plans.length,
        }
      },
      (message) => {
        if (message.type === 'resized') failure ??= message.failure
      },
    )
    const connects = new LatencySums()
    connects.add(this.#connectTimes.take())
    return { failure, connects, lengthMs: this.#clock.nowMs() - startMs }
  }

  /** Asks every connection for one echo. */
  async sweep(): Promise<Swept> {
    const startMs = this.#clock.nowMs()
    const times = new LatencyRecorder()
    const sweeps: SweepReport[] = []
    await this.#all(
      'swept',
      () => ({ type: 'sweep' }),
      (message) => {
        if (message.type !== 'swept') return
        sweeps.push(message.sweep)
        for (const us of message.sweep.answerUs) times.record(us)
      },
    )
    const sum = (of: (sweep: SweepReport) => number): number => sweeps.reduce((total, one) => total + of(one), 0)
    const answers = new LatencySums()
    answers.add(times.take())
    const lengthMs = this.#clock.nowMs() - startMs
    const counts = {
      asked: sum(({ asked }) => asked),
      alive: sum(({ alive }) => alive),
      wrong: sum(({ wrong }) => wrong),
    }
    return { ...counts, answers, lengthMs }
  }

  /** Has every holder say what there is now. */
  async refresh(): Promise<HeldState> {
    await this.#all(
      'reported',
      () => ({ type: 'report' }),
      () => {},
    )
    return this.state()
  }

  async end(): Promise<void> {
    this.#ending = true
    await endAll(this.#children, (delayMs, task) => this.#clock.after(delayMs, task), END_MS)
  }

  onMessage(index: number, message: HolderMessage): void {
    if (message.type !== 'swept') {
      this.#reports[index] = message.report
      for (const us of message.report.connectUs) this.#connectTimes.record(us)
    }
    const pending = this.#pending
    if (pending?.type !== message.type || !pending.waiting.delete(index)) return
    pending.take(message)
    if (pending.waiting.size === 0) pending.resolve()
  }

  onExit(index: number, how: string): void {
    if (this.#ending) return
    this.#broken ??= new Error(`Holder ${index} of idle connections ended (${how}).`)
    this.#pending?.reject(this.#broken)
  }

  async #all(
    type: HolderMessage['type'],
    order: (index: number) => HolderOrder,
    take: (message: HolderMessage) => void,
  ): Promise<void> {
    if (this.#broken !== null) throw this.#broken
    if (this.#plans.length === 0) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting = new Set(this.#plans.keys())
    this.#pending = { type, waiting, take, resolve, reject }
    const cancel = this.#watch(waiting, reject)
    for (const child of this.#children) child.send(order(child.index))
    try {
      await promise
    } finally {
      cancel()
      this.#pending = null
    }
  }

  /** Rejects when for a long time nobody made any progress. */
  #watch(waiting: ReadonlySet<number>, reject: (error: Error) => void): () => void {
    let seen = ''
    return this.#clock.every(SILENCE_MS, () => {
      const { up, connecting, answered } = this.state()
      const now = `${up} ${connecting} ${answered} ${waiting.size}`
      if (now === seen) reject(new Error(`Holders ${[...waiting].join(', ')} of idle connections do not answer.`))
      seen = now
    })
  }
}
