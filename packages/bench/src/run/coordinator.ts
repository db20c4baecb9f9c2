/**
 * Owns the course of a run over its load processes: connect all, start all at once, gather, end all.
 * Must not know: how load is made, how a report looks.
 * Invariant: no process gets `start` before every one is ready; when `run` settles no process is left. A process that
 * ends, or stays silent, before it is done breaks the run; that is watched for from its first moment.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

import type { EnvironmentError } from '../exit-codes.ts'
import { Child, endAll } from '../fleet/child.ts'
import type { BenchProcess, ChildEvents } from '../fleet/child.ts'
import { noErrors } from '../load/error-ledger.ts'
import { CONNECT_STALL_MS } from '../load/dialer.ts'
import { isLoadMessage } from '../messages.ts'
import type { CoordinatorMessage, ErrorKind, LoadMessage, LoadPlan, LoadSummary } from '../messages.ts'
import type { Progress } from '../report/progress.ts'
import type { RunOutcome } from '../report/run-report.ts'
import type { Observer } from '../observe/observer.ts'
import { HoldFailure } from './companions.ts'
import type { Companions, CompanionsOutcome } from './companions.ts'
import { diagnose } from './diagnosis.ts'
import { IDLE_REMEDIES, RUN_REMEDIES } from './remedies.ts'
import type { Remedies } from './remedies.ts'
import type { RunOptions } from './run-options.ts'
import { RunTotals } from './run-totals.ts'

const PROGRESS_MS = 1000
/**
 * Waiting by spinning leaves short-lived objects behind: with room for them they are collected ten times less often.
 */
const LOAD_PROCESS = {
  folder: 'load',
  nodeFlags: ['--min-semi-space-size=64', '--max-semi-space-size=64'],
  isMessage: isLoadMessage,
}
/** Beyond the time in which it must have something to say a load process may be silent for so long. */
const SILENCE_MS = 10_000
/** A load process that was told to end has so long to do it. */
const END_MS = 2000

export type LoadProcess = BenchProcess<CoordinatorMessage>
export type LoadProcessEvents = ChildEvents<LoadMessage>

export interface CoordinatorParts {
  readonly clock: Clock
  readonly progress: Progress
  /** What runs beside the load. */
  readonly companions?: Companions
  /** Sees what both sides use. */
  readonly observer?: Observer
  /** By default those of the command `run`. */
  readonly remedies?: Remedies
  /** Begins a load process; by default forks one. */
  readonly begin?: (index: number, events: LoadProcessEvents) => LoadProcess
}

export class Coordinator implements LoadProcessEvents {
  readonly #options: RunOptions
  readonly #plans: readonly LoadPlan[]
  readonly #clock: Clock
  readonly #progress: Progress
  readonly #begin: (index: number, events: LoadProcessEvents) => LoadProcess
  readonly #totals: RunTotals
  readonly #companions: Companions | null
  readonly #observer: Observer | null
  readonly #remedies: Remedies
  readonly #summaries: (LoadSummary | undefined)[]
  readonly #connected: number[]
  readonly #breaks: string[] = []
  readonly #ready = Promise.withResolvers<void>()
  readonly #finished = Promise.withResolvers<void>()
  readonly #connectedAll = new Set<number>()
  readonly #over = new Set<number>()
  #children: readonly LoadProcess[] = []
  #startedMs = 0
  #ending = false
  #cancelWatchdog: CancelTimer = () => {}

  constructor(options: RunOptions, plans: readonly LoadPlan[], parts: CoordinatorParts) {
    const { clock, progress, begin, companions, observer, remedies } = parts
    this.#options = options
    this.#plans = plans
    this.#clock = clock
    this.#progress = progress
    this.#begin = begin ?? ((index, events) => new Child(LOAD_PROCESS, index, events))
    this.#companions = companions ?? null
    this.#observer = observer ?? null
    this.#remedies = remedies ?? RUN_REMEDIES
    this.#totals = new RunTotals(plans.length, options.traffic.classes.length)
    this.#summaries = plans.map(() => undefined)
    this.#connected = plans.map(() => 0)
  }

  /** Runs to the end, or until `signal` cuts it short. Throws an EnvironmentError when connections cannot be made. */
  async run(signal: AbortSignal): Promise<RunOutcome> {
    const startedAtMs = this.#clock.wallMs()
    const cutShort = (): void => this.#cutShort()
    signal.addEventListener('abort', cutShort)
    if (signal.aborted) cutShort()
    const cancelProgress = this.#clock.every(PROGRESS_MS, () => this.#show())
    let beside: CompanionsOutcome | null = null
    try {
      if (this.#companions !== null) await this.#prepareCompanions(this.#companions, signal)
      if (signal.aborted) return this.#outcome(startedAtMs, null)
      this.#children = this.#plans.map((_, index) => this.#begin(index, this))
      this.#watchConnecting()
      for (const child of this.#children) child.send({ type: 'prepare', plan: this.#planOf(child.index) })
      await this.#ready.promise
      this.#start()
      await this.#finished.promise
      this.#observer?.stop()
      beside = (await this.#companions?.finish(this.#breaks.length > 0)) ?? null
    } finally {
      signal.removeEventListener('abort', cutShort)
      cancelProgress()
      this.#observer?.stop()
      await this.#end()
      this.#progress.end()
    }
    return this.#outcome(startedAtMs, beside)
  }

  /** Processes of the load and beside it. */
  get pids(): number[] {
    return [...this.#children.flatMap(({ pid }) => pid ?? []), ...(this.#companions?.pids ?? [])]
  }

  /** Settles when all beside the load is there, or the run was cut short. */
  async #prepareCompanions(companions: Companions, signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => aborted.resolve()
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    try {
      await Promise.race([companions.prepare(), aborted.promise])
    } catch (error) {
      if (error instanceof HoldFailure) throw diagnose(this.#options.target, error.failure, IDLE_REMEDIES)
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  onMessage(index: number, message: LoadMessage): void {
    switch (message.type) {
      case 'connecting':
        this.#connected[index] = message.connected
        return this.#watchConnecting()
      case 'connect-failed':
        return this.#onConnectFailed(diagnose(this.#options.target, message.failure, this.#remedies))
      case 'ready':
        this.#totals.addConnects(message.connects)
        return this.#onReady(index)
      case 'interval':
        return this.#totals.add(index, message.interval)
      case 'done':
        this.#summaries[index] = message.summary
        if (message.summary.open !== null) this.#totals.addOpen(message.summary.open)
        return this.#onOver(index)
    }
  }

  onExit(index: number, how: string): void {
    if (!this.#ending && this.#summaries[index] === undefined) this.#breakRun(`Load process ${index} ended (${how}).`)
    this.#onOver(index)
  }

  #onConnectFailed(error: EnvironmentError): void {
    this.#ready.reject(error)
    // Too late for that: the last connection went just when the load began.
    if (this.#startedMs > 0) this.#breakRun(error.message)
  }

  #onReady(index: number): void {
    this.#connected[index] = this.#planOf(index).connections
    this.#connectedAll.add(index)
    this.#watchConnecting()
    if (this.#connectedAll.size === this.#plans.length) this.#ready.resolve()
  }

  #onOver(index: number): void {
    this.#over.add(index)
    if (this.#over.size < this.#plans.length) return
    this.#ready.resolve()
    this.#finished.resolve()
  }

  #start(): void {
    if (this.#breaks.length > 0) return
    this.#startedMs = this.#clock.nowMs()
    this.#observer?.start()
    this.#companions?.begin()
    for (const child of this.#children) child.send({ type: 'start' })
    this.#watch(this.#plannedMs() + this.#options.drainMs + SILENCE_MS, this.#over)
  }

  /** A process that is gone leaves the others nothing to measure. */
  #breakRun(reason: string): void {
    this.#breaks.push(reason)
    this.#ready.resolve()
    for (const child of this.#children) child.send({ type: 'stop' })
    this.#watch(END_MS, this.#over)
  }

  #cutShort(): void {
    this.#breakRun('The run was cut short.')
  }

  /** While connecting, some process has news again and again: at the latest that its connects stall. */
  #watchConnecting(): void {
    if (this.#ending || this.#breaks.length > 0) return
    this.#watch(CONNECT_STALL_MS + SILENCE_MS, this.#connectedAll)
  }

  /** Breaks the run unless all processes are among `spoken` by then. */
  #watch(silenceMs: number, spoken: ReadonlySet<number>): void {
    this.#cancelWatchdog()
    this.#cancelWatchdog = this.#clock.after(silenceMs, () => {
      const silent = this.#plans.flatMap((_, index) => (spoken.has(index) ? [] : [index]))
      this.#breaks.push(`Load process ${silent.join(', ')} did not report.`)
      this.#ready.resolve()
      this.#finished.resolve()
    })
  }

  /** Ends every process: by closing the channel, and by force when that is not enough. */
  async #end(): Promise<void> {
    this.#ending = true
    this.#cancelWatchdog()
    const ended = [endAll(this.#children, (delayMs, task) => this.#clock.after(delayMs, task), END_MS)]
    if (this.#companions !== null) ended.push(this.#companions.end())
    await Promise.all(ended)
  }

  #plannedMs(): number {
    return this.#options.warmupMs + this.#options.durationMs
  }

  #planOf(index: number): LoadPlan {
    const plan = this.#plans[index]
    if (plan === undefined) throw new RangeError(`no load process ${index}`)
    return plan
  }

  #show(): void {
    const totals = this.#totals
    const started = this.#startedMs > 0
    if (started && !totals.allReported) return
    const connected = this.#connected.reduce((sum, count) => sum + count, 0)
    this.#progress.show({
      phase: started ? totals.phase : 'connecting',
      connections: started ? totals.connectionsNow : connected,
      idle: this.#companions?.idle ?? { up: 0, goal: 0, lost: 0 },
      connectionsWanted: this.#options.connections,
      messagesPerSecond: totals.messagesPerSecondNow,
      samples: totals.latency.response.samples,
      p50Us: totals.latency.response.percentileUs(50),
      p99Us: totals.latency.response.percentileUs(99),
      p999Us: totals.latency.response.percentileUs(99.9),
      errors: totals.errorsNow,
      secondsLeft: (this.#startedMs + this.#plannedMs() - this.#clock.nowMs()) / 1000,
    })
  }

  #outcome(startedAtMs: number, beside: CompanionsOutcome | null): RunOutcome {
    const summaries = this.#summaries.filter((summary) => summary !== undefined)
    const errors = noErrors()
    for (const summary of summaries) {
      for (const kind of Object.keys(errors) as ErrorKind[]) errors[kind] += summary.errors[kind]
    }
    return {
      options: this.#options,
      startedAtMs,
      totals: this.#totals,
      measuredUs: Math.max(0, ...summaries.map((summary) => summary.measuredUs)),
      errors,
      example: summaries.find((summary) => summary.example !== null)?.example ?? null,
      selves: this.#summaries.flatMap((summary, process) =>
        summary === undefined ? [] : [{ process, ...summary.self }],
      ),
      breaks: [...this.#breaks, ...(beside?.breaks ?? [])],
      beside,
      observed: this.#observer?.observed() ?? { server: null, samples: [] },
      remedies: this.#remedies,
    }
  }
}
