/**
 * Owns what runs beside the load of a run: idle connections, connections that come and go, slow readers, and the
 * control process that looks how late the machine is.
 * Must not know: the load, verdicts, reports.
 * Invariant: each kind is in processes of its own, so that it does not slow what is measured; when `end` settles none
 * of them is left.
 */
import type { Clock } from '@shardwire/protocol'

import type { ChurnMessage, ChurnOrder, ChurnPlan, ChurnReport } from '../churn/churn-messages.ts'
import { isChurnMessage } from '../churn/churn-messages.ts'
import { isControlMessage } from '../control/control-messages.ts'
import type { ControlMessage, ControlOrder } from '../control/control-messages.ts'
import { Child, endAll } from '../fleet/child.ts'
import type { BenchProcess } from '../fleet/child.ts'
import { Holders } from '../fleet/holders.ts'
import type { HeldState, Resized, Swept } from '../fleet/holders.ts'
import { LatencySums } from '../histogram/latency-sums.ts'
import type { HoldPlan } from '../hold/hold-messages.ts'
import type { ConnectFailure } from '../messages.ts'
import type { SlowMessage, SlowOrder, SlowPlan, SlowReport } from '../slow/slow-messages.ts'
import { isSlowMessage } from '../slow/slow-messages.ts'

const END_MS = 2000
/** How long the last word of a companion is waited for. */
const LAST_WORD_MS = 15_000

export interface CompanionPlans {
  readonly holders: readonly HoldPlan[]
  readonly churn: ChurnPlan | null
  readonly slow: SlowPlan | null
}

/** What became of the idle connections. */
export interface IdleOutcome {
  readonly opened: Resized
  readonly state: HeldState
  readonly sweep: Swept
}

/** What became of the connections that came and went. */
export interface ChurnOutcome {
  readonly report: ChurnReport
  readonly connect: LatencySums
  readonly firstAnswer: LatencySums
}

export interface CompanionsOutcome {
  readonly idle: IdleOutcome | null
  readonly churn: ChurnOutcome | null
  readonly slow: SlowReport | null
  readonly hiccups: LatencySums
  /** What went wrong with a companion itself. */
  readonly breaks: readonly string[]
}

/** Connections of the idle mass could not be made. */
export class HoldFailure extends Error {
  readonly failure: ConnectFailure

  constructor(failure: ConnectFailure) {
    super(failure.message)
    this.name = 'HoldFailure'
    this.failure = failure
  }
}

export class Companions {
  readonly #plans: CompanionPlans
  readonly #clock: Clock
  readonly #breaks: string[] = []
  readonly #hiccups = new LatencySums()
  readonly #connect = new LatencySums()
  readonly #firstAnswer = new LatencySums()
  #holders: Holders | null = null
  #opened: Resized | null = null
  #control: BenchProcess<ControlOrder> | null = null
  #churn: BenchProcess<ChurnOrder> | null = null
  #churnReport: ChurnReport | null = null
  #slow: BenchProcess<SlowOrder> | null = null
  #slowReport: SlowReport | null = null
  readonly #churnOver = Promise.withResolvers<void>()
  readonly #slowOver = Promise.withResolvers<void>()
  readonly #controlTold = Promise.withResolvers<void>()
  /** Those that have been started and have not said anything yet. */
  readonly #starting: Promise<void>[] = []
  #isEnding = false

  constructor(plans: CompanionPlans, clock: Clock) {
    this.#plans = plans
    this.#clock = clock
  }

  get pids(): number[] {
    const single = [this.#control, this.#churn, this.#slow].flatMap((child) => child?.pid ?? [])
    return [...single, ...(this.#holders?.pids ?? [])]
  }

  /** Idle connections that are up, and how many are to be. */
  get idle(): { readonly up: number; readonly goal: number; readonly lost: number } {
    const state = this.#holders?.state()
    return { up: state?.up ?? 0, goal: this.#holders?.goal ?? 0, lost: state?.lost ?? 0 }
  }

  /** Starts all of them, and opens the idle connections. Throws a HoldFailure when these cannot be made. */
  async prepare(): Promise<void> {
    this.#startControl()
    const { holders, churn, slow } = this.#plans
    if (holders.length > 0) {
      const total = holders.reduce((sum, { connectionsMax }) => sum + connectionsMax, 0)
      this.#holders = new Holders(holders, { clock: this.#clock })
      this.#opened = await this.#holders.resize(total, null)
      if (this.#opened.failure !== null) throw new HoldFailure(this.#opened.failure)
    }
    if (slow !== null) this.#startSlow(slow)
    if (churn !== null) this.#startChurn(churn)
    // Started late, they would miss the beginning of what they are to be beside.
    await Promise.all(this.#starting)
  }

  /** The load begins. */
  begin(): void {
    this.#churn?.send({ type: 'start' })
    this.#control?.send({ type: 'tell' })
  }

  /**
   * The load is over: waits for the last word of each, and asks every idle connection for a sign of life.
   * @param isCutShort whether the plan of what comes and goes has not been gone through
   */
  async finish(isCutShort: boolean): Promise<CompanionsOutcome> {
    if (isCutShort) this.#churn?.send({ type: 'stop' })
    this.#slow?.send({ type: 'stop' })
    this.#control?.send({ type: 'tell' })
    await this.#lastWords()
    return {
      idle: await this.#idleOutcome(),
      churn:
        this.#churnReport === null
          ? null
          : { report: this.#churnReport, connect: this.#connect, firstAnswer: this.#firstAnswer },
      slow: this.#slowReport,
      hiccups: this.#hiccups,
      breaks: this.#breaks,
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true
    const single = [this.#control, this.#churn, this.#slow].filter((child) => child !== null)
    const ends = [endAll(single, (delayMs, task) => this.#clock.after(delayMs, task), END_MS)]
    if (this.#holders !== null) ends.push(this.#holders.end())
    await Promise.all(ends)
  }

  async #idleOutcome(): Promise<IdleOutcome | null> {
    if (this.#holders === null || this.#opened === null) return null
    try {
      const sweep = await this.#holders.sweep()
      return { opened: this.#opened, state: await this.#holders.refresh(), sweep }
    } catch (error) {
      this.#breaks.push(error instanceof Error ? error.message : String(error))
      return null
    }
  }

  async #lastWords(): Promise<void> {
    const late = Promise.withResolvers<void>()
    const cancel = this.#clock.after(LAST_WORD_MS, () => late.resolve())
    const said = [this.#controlTold.promise]
    if (this.#churn !== null) said.push(this.#churnOver.promise)
    if (this.#slow !== null) said.push(this.#slowOver.promise)
    await Promise.race([Promise.all(said), late.promise])
    cancel()
    this.#churn?.send({ type: 'stop' })
  }

  #startControl(): void {
    const kind = { folder: 'control', isMessage: isControlMessage }
    const started = this.#begun()
    let told = 0
    this.#control = new Child<ControlOrder, ControlMessage>(kind, 0, {
      onMessage: (_index, message) => {
        told++
        if (told === 1) started()
        // The first says that it is there, the second is about the time before the load.
        if (told < 3) return
        this.#hiccups.add(message.hiccups)
        this.#controlTold.resolve()
      },
      onExit: (_index, how) => {
        this.#lost('The control process', how)
        started()
        this.#controlTold.resolve()
      },
    })
    this.#control.send({ type: 'tell' })
  }

  #startChurn(plan: ChurnPlan): void {
    const kind = { folder: 'churn', isMessage: isChurnMessage }
    const started = this.#begun()
    this.#churn = new Child<ChurnOrder, ChurnMessage>(kind, 0, {
      onMessage: (_index, message) => {
        if (message.type === 'ready') return started()
        const { type, report } = message
        this.#churnReport = report
        this.#connect.add(report.connect)
        this.#firstAnswer.add(report.firstAnswer)
        if (type === 'done') this.#churnOver.resolve()
      },
      onExit: (_index, how) => {
        this.#lost('The process of coming and going connections', how)
        started()
        this.#churnOver.resolve()
      },
    })
    this.#churn.send({ type: 'prepare', plan })
  }

  #startSlow(plan: SlowPlan): void {
    const kind = { folder: 'slow', isMessage: isSlowMessage }
    const started = this.#begun()
    this.#slow = new Child<SlowOrder, SlowMessage>(kind, 0, {
      onMessage: (_index, message) => {
        if (message.type === 'ready') return started()
        this.#slowReport = message.report
        if (message.type === 'stopped') this.#slowOver.resolve()
      },
      onExit: (_index, how) => {
        this.#lost('The process of the slow readers', how)
        started()
        this.#slowOver.resolve()
      },
    })
    this.#slow.send({ type: 'prepare', plan })
  }

  /** @returns what to call when the one that is being started has said something, or is gone */
  #begun(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#starting.push(promise)
    return resolve
  }

  #lost(what: string, how: string): void {
    if (!this.#isEnding) this.#breaks.push(`${what} ended (${how}).`)
  }
}
