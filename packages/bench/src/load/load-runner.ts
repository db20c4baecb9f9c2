/**
 * Owns the course of the load in one process: connect, warm up, measure, drain, report.
 * Must not know: the channel to the coordinator (`emit` is handed in), other processes.
 * Invariant: connecting -> ready -> warm-up -> measured -> drain -> done, never back; every interval reported lies in
 * one phase; a frame that is in flight at any moment of the measured phase becomes a sample or is counted as
 * unanswered, also when it was written before that phase or is answered after it.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

import { nowUs } from '../clock.ts'
import type { ConnectFailure, LoadMessage, LoadPlan, Phase, SelfReport } from '../messages.ts'
import { Dialer, downEarly } from './dialer.ts'
import type { DialerEvents } from './dialer.ts'
import { plainExample } from './error-examples.ts'
import { LoadConnection } from './load-connection.ts'
import { LoadShared } from './load-shared.ts'
import { SelfWatch } from './self-watch.ts'

const INTERVAL_MS = 1000
/** What is left of a phase when an interval ends, up to this, joins that interval: no sliver is reported. */
const REST_MS_MAX = INTERVAL_MS / 2
/** How long answers to frames of the measured phase are waited for after its end. */
export const DRAIN_MS = 5000

const NOT_MEASURED: SelfReport = {
  lengthUs: 0,
  threadCpuUs: 0,
  processCpuUs: 0,
  loopBusy: 0,
  loopDelayP50Us: 0,
  loopDelayP99Us: 0,
  loopDelayMaxUs: 0,
}

export class LoadRunner implements DialerEvents {
  readonly #plan: LoadPlan
  readonly #clock: Clock
  readonly #emit: (message: LoadMessage) => void
  readonly #shared: LoadShared
  readonly #connections: readonly LoadConnection[]
  readonly #dialer: Dialer
  readonly #watch: SelfWatch
  #phase: Phase = 'warm-up'
  #running = false
  #done = false
  #cutShort = false
  #intervalFromUs = 0
  #measuredFromUs = 0
  #measuredUs = 0
  #self = NOT_MEASURED
  #cancelPhase: CancelTimer = () => {}
  #cancelTick: CancelTimer = () => {}

  constructor(plan: LoadPlan, clock: Clock, emit: (message: LoadMessage) => void) {
    this.#plan = plan
    this.#clock = clock
    this.#emit = emit
    const shared = new LoadShared(plan, clock)
    this.#shared = shared
    this.#connections = Array.from({ length: plan.connections }, (_, index) => new LoadConnection(shared, index))
    this.#dialer = new Dialer(this.#connections, plan.connectingMax, clock, this)
    this.#watch = new SelfWatch(clock)
    shared.onQuiet = () => this.#onQuiet()
  }

  /** Connects; `ready` or `connect-failed` is emitted in the end. */
  prepare(): void {
    this.#dialer.start()
  }

  /** Begins the load on every connection. */
  start(): void {
    const { warmupMs } = this.#plan
    this.#running = true
    this.#intervalFromUs = nowUs(this.#clock)
    if (this.#shared.connections === 0) return this.#finishEarly()
    this.#shared.sending = true
    if (warmupMs > 0) this.#enter('warm-up', warmupMs, () => this.#measure())
    else this.#measure()
    for (const connection of this.#connections) connection.start()
  }

  /** Ends the load now and reports what there is; after `done` it does nothing. */
  stop(): void {
    if (this.#done) return
    this.#cutShort = true
    this.#dialer.stop()
    if (this.#phase === 'measured') this.#closeMeasured()
    this.#finish()
  }

  onProgress(connected: number): void {
    this.#emit({ type: 'connecting', connected })
  }

  onAllUp(): void {
    this.#shared.connections = this.#connections.length
    this.#emit({ type: 'ready' })
  }

  onFailure(failure: ConnectFailure): void {
    for (const connection of this.#connections) connection.destroy()
    // A server that refuses at the door may have said why.
    const said = this.#shared.errors.example
    const message = said?.kind === 'error-frame' ? `${failure.message}; ${said.sentence}` : failure.message
    this.#emit({ type: 'connect-failed', failure: { ...failure, message } })
  }

  onDown(connection: LoadConnection, error: NodeJS.ErrnoException | null): void {
    if (this.#done) return
    const { shared } = connection
    shared.connections--
    if (connection.brokenCode === 0) {
      const how = error === null ? 'closed by the server' : `${error.code ?? error.message}`
      const sentence = `connection ${connection.number} was lost: ${how}`
      shared.errors.note('lost-connection', 1, () => plainExample(connection.number, 0, sentence))
    }
    if (!this.#running) this.onFailure(downEarly(error, this.#connections.length))
    else if (shared.connections === 0) this.#finishEarly()
    else this.#onQuiet()
  }

  #measure(): void {
    if (this.#plan.warmupMs > 0) this.#report()
    this.#watch.start()
    this.#measuredFromUs = this.#shared.recorder.measureFromUs = nowUs(this.#clock)
    this.#enter('measured', this.#plan.durationMs, () => this.#drain())
  }

  /** Begins a phase that is reported interval by interval and ends with `next`. */
  #enter(phase: Phase, lengthMs: number, next: () => void): void {
    const endMs = this.#clock.nowMs() + lengthMs
    this.#phase = phase
    this.#cancelTick()
    this.#cancelTick = this.#clock.every(INTERVAL_MS, () => {
      if (endMs - this.#clock.nowMs() > REST_MS_MAX) this.#report()
    })
    this.#cancelPhase = this.#clock.after(lengthMs, next)
  }

  #closeMeasured(): void {
    this.#shared.sending = false
    this.#cancelTick()
    this.#measuredUs = nowUs(this.#clock) - this.#measuredFromUs
    this.#report()
    this.#self = this.#watch.stop()
    this.#phase = 'drain'
  }

  #drain(): void {
    this.#closeMeasured()
    this.#cancelPhase = this.#clock.after(DRAIN_MS, () => this.#finish())
    this.#onQuiet()
  }

  #onQuiet(): void {
    if (this.#phase === 'drain' && this.#shared.inFlight === 0) this.#finish()
  }

  /** No connection is left: there is nothing to wait for. */
  #finishEarly(): void {
    if (this.#phase === 'measured') this.#closeMeasured()
    this.#finish()
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    this.#shared.sending = false
    this.#cancelPhase()
    this.#cancelTick()
    if (!this.#cutShort) this.#noteUnanswered()
    if (this.#running) this.#report()
    for (const connection of this.#connections) connection.destroy()
    const { counts, example } = this.#shared.errors
    const summary = {
      cutShort: this.#cutShort,
      measuredUs: this.#measuredUs,
      self: this.#self,
      errors: counts,
      example,
    }
    this.#emit({ type: 'done', summary })
  }

  #noteUnanswered(): void {
    const waiting = this.#connections.filter((connection) => connection.up && connection.inFlight > 0)
    const first = waiting[0]
    if (first === undefined) return
    const frames = waiting.reduce((sum, connection) => sum + connection.inFlight, 0)
    const sequence = first.sequenceOf(first.slotDue)
    const sentence = `connection ${first.number}: frame ${sequence} was not answered ${DRAIN_MS / 1000} s after the end`
    this.#shared.errors.note('unanswered', frames, () => plainExample(first.number, sequence, sentence))
  }

  /** Reports the interval since the last report, and begins the next. */
  #report(): void {
    const shared = this.#shared
    const atUs = nowUs(this.#clock)
    this.#emit({
      type: 'interval',
      interval: {
        phase: this.#phase,
        lengthUs: atUs - this.#intervalFromUs,
        answers: shared.answers,
        bytesReceived: shared.bytesReceived,
        bytesSent: shared.bytesSent,
        connections: shared.connections,
        errors: shared.errors.total,
        latency: shared.recorder.take(),
      },
    })
    this.#intervalFromUs = atUs
    shared.answers = shared.bytesReceived = shared.bytesSent = 0
  }
}
