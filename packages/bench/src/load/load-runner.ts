/**
 * Owns the course of the load in one process: connect, warm up, measure, drain, report.
 * Must not know: the channel to the coordinator (`emit` is handed in), codecs, other processes.
 * Invariant: connecting -> ready -> warm-up -> measured -> drain -> done, never back; every interval reported lies in
 * one phase; a frame of the measured time (see Samples) becomes a sample or is counted as what became of it.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

import { nowUs } from '../clock.ts'
import type { ConnectFailure, LoadMessage, LoadPlan, OpenCounts, Phase, SelfReport } from '../messages.ts'
import type { Dial } from '../socket/wire.ts'
import { plainExample } from './answers/error-examples.ts'
import { answerReaders } from './answers/readers.ts'
import { Dialer, downEarly } from './dialer.ts'
import type { DialerEvents } from './dialer.ts'
import { LoadConnection } from './load-connection.ts'
import { LoadShared } from './load-shared.ts'
import { Pacer } from './pace/pacer.ts'
import { SelfWatch } from './self-watch.ts'

/** A server that gave no answer for so long at the end of the drain has none any more. */
const SILENT_MS = 1000
const US_PER_MS = 1000

const NOT_MEASURED: SelfReport = {
  lengthUs: 0,
  threadCpuUs: 0,
  processCpuUs: 0,
  loopBusy: 0,
  spinUs: 0,
  loopDelayP50Us: 0,
  loopDelayP99Us: 0,
  loopDelayMaxUs: 0,
  gcCount: 0,
  gcUs: 0,
  gcMaxUs: 0,
}

export interface LoadRunnerParts {
  readonly clock: Clock
  readonly emit: (message: LoadMessage) => void
  /** Makes the connections' wires; reads land in the slab given. */
  readonly openDial: (slab: Uint8Array) => Dial
}

export class LoadRunner implements DialerEvents {
  readonly #plan: LoadPlan
  readonly #clock: Clock
  readonly #emit: (message: LoadMessage) => void
  readonly #shared: LoadShared
  readonly #connections: readonly LoadConnection[]
  readonly #dialer: Dialer
  readonly #pacer: Pacer | null
  readonly #watch: SelfWatch
  #phase: Phase = 'warm-up'
  #running = false
  #done = false
  #cutShort = false
  #intervalFromUs = 0
  #measuredFromUs = 0
  #measuredUs = 0
  #spunUs = 0
  #self = NOT_MEASURED
  #cancelPhase: CancelTimer = () => {}
  #cancelTick: CancelTimer = () => {}

  constructor(plan: LoadPlan, { clock, emit, openDial }: LoadRunnerParts) {
    this.#plan = plan
    this.#clock = clock
    this.#emit = emit
    const shared = new LoadShared(plan, clock)
    this.#shared = shared
    const reader = answerReaders(shared)
    this.#connections = Array.from({ length: plan.connections }, (_, index) => {
      return new LoadConnection(shared, index, reader)
    })
    this.#dialer = new Dialer(this.#connections, openDial(shared.slab), plan.connectingMax, clock, this)
    this.#pacer = plan.open === null ? null : new Pacer(shared, this.#connections, plan.open)
    this.#watch = new SelfWatch(clock)
    shared.onQuiet = () => this.#onQuiet()
  }

  /** Connects; `ready` or `connect-failed` is emitted in the end. */
  prepare(): void {
    this.#dialer.start()
  }

  /** Begins the load on every connection. */
  start(): void {
    const { warmupMs, durationMs } = this.#plan
    const shared = this.#shared
    const startUs = nowUs(this.#clock)
    this.#running = true
    this.#intervalFromUs = startUs
    if (shared.connections === 0) return this.#finishEarly()
    if (warmupMs > 0) this.#enter('warm-up', warmupMs, () => this.#measure())
    else this.#measure()
    if (this.#pacer === null) {
      shared.sending = true
      for (const connection of this.#connections) connection.start()
      return
    }
    // By the plan, not by when a timer fires.
    shared.samples.fromUs = startUs + warmupMs * US_PER_MS
    shared.samples.toUs = shared.samples.fromUs + durationMs * US_PER_MS
    this.#pacer.start(startUs)
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
    this.#emit({ type: 'ready', connects: this.#shared.connects.take() })
  }

  onFailure(failure: ConnectFailure): void {
    for (const connection of this.#connections) connection.destroy()
    // A server that refuses at the door may have said why.
    const said = this.#shared.errors.example
    const isRefusal = said?.kind === 'error-frame' || said?.kind === 'refused'
    const message = isRefusal ? `${failure.message}; ${said.sentence}` : failure.message
    this.#emit({ type: 'connect-failed', failure: { ...failure, message } })
  }

  onDown(connection: LoadConnection, code: string | null): void {
    if (this.#done) return
    const { shared } = connection
    shared.connections--
    if (connection.brokenCode === 0) {
      const how = code ?? 'closed by the server'
      const sentence = `connection ${connection.number} was lost: ${how}`
      shared.errors.note('lost-connection', 1, () => plainExample(connection.number, 0, sentence))
    }
    if (!this.#running) this.onFailure(downEarly(code, this.#connections.length))
    else if (shared.connections === 0) this.#finishEarly()
    else this.#onQuiet()
  }

  #measure(): void {
    const { samples } = this.#shared
    if (this.#plan.warmupMs > 0) this.#report()
    this.#watch.start()
    this.#spunUs = this.#pacer?.spinUs ?? 0
    this.#measuredFromUs = nowUs(this.#clock)
    if (this.#pacer === null) samples.fromUs = this.#measuredFromUs
    this.#enter('measured', this.#plan.durationMs, () => this.#drain())
  }

  /** Begins a phase that is reported interval by interval and ends with `next`. */
  #enter(phase: Phase, lengthMs: number, next: () => void): void {
    const { intervalMs } = this.#plan
    const endMs = this.#clock.nowMs() + lengthMs
    this.#phase = phase
    this.#cancelTick()
    this.#cancelTick = this.#clock.every(intervalMs, () => {
      // What is left of a phase, up to half an interval, joins its last one: no sliver is reported.
      if (endMs - this.#clock.nowMs() > intervalMs / 2) this.#report()
    })
    this.#cancelPhase = this.#clock.after(lengthMs, next)
  }

  #closeMeasured(): void {
    this.#shared.sending = false
    this.#cancelTick()
    this.#measuredUs = nowUs(this.#clock) - this.#measuredFromUs
    this.#report()
    this.#self = this.#watch.stop((this.#pacer?.spinUs ?? 0) - this.#spunUs)
    this.#phase = 'drain'
  }

  #drain(): void {
    this.#closeMeasured()
    this.#cancelPhase = this.#clock.after(this.#plan.drainMs, () => this.#finish())
    this.#onQuiet()
  }

  #onQuiet(): void {
    const { inFlight, waiting } = this.#shared
    const isSent = this.#pacer === null || (this.#pacer.isOver && waiting.size === 0)
    if (this.#phase === 'drain' && inFlight === 0 && isSent) this.#finish()
  }

  /** No connection is left: there is nothing to wait for. */
  #finishEarly(): void {
    if (this.#phase === 'measured') this.#closeMeasured()
    this.#finish()
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    const shared = this.#shared
    shared.sending = false
    this.#cancelPhase()
    this.#cancelTick()
    this.#pacer?.stop()
    if (!this.#cutShort) this.#noteUnanswered()
    if (this.#running) this.#report()
    for (const connection of this.#connections) connection.destroy()
    const { counts, example } = shared.errors
    this.#emit({
      type: 'done',
      summary: {
        cutShort: this.#cutShort,
        measuredUs: this.#measuredUs,
        self: this.#self,
        open: this.#pacer === null ? null : this.#openCounts(),
        errors: counts,
        example,
      },
    })
  }

  #openCounts(): OpenCounts {
    const { due, held, late, unsent, dropped, censored } = this.#shared.samples
    return { due, held, late, unsent, dropped, censored }
  }

  /**
   * Frames without an answer by now. Of a server that was still answering a moment ago, an open loop has asked too
   * much: they enter the histograms with the time they have waited. Of one that fell silent, they are an error.
   */
  #noteUnanswered(): void {
    const shared = this.#shared
    const atUs = nowUs(this.#clock)
    this.#censorWaiting(atUs)
    const waiting = this.#connections.filter((connection) => connection.up)
    let frames = 0
    let first: { connection: LoadConnection; slot: number } | undefined
    for (const connection of waiting) {
      connection.eachInFlight((slot) => {
        frames++
        first ??= { connection, slot }
        if (!shared.isOpen) return
        shared.samples.unanswered(connection.dueUsOf(slot), atUs, connection.shapeOf(slot).form.classIndex)
      })
    }
    const wasAnswering = atUs - shared.readUs < SILENT_MS * US_PER_MS
    if (first === undefined || (shared.isOpen && wasAnswering)) return
    const { number } = first.connection
    const sequence = first.connection.sequenceOf(first.slot)
    const waitedS = this.#plan.drainMs / 1000
    const sentence = `connection ${number}: frame ${sequence} was not answered ${waitedS} s after the end`
    shared.errors.note('unanswered', frames, () => plainExample(number, sequence, sentence))
  }

  #censorWaiting(atUs: number): void {
    const { samples } = this.#shared
    const giveUp = (dueUs: number, classIndex: number): void => {
      if (!samples.isMeasured(dueUs)) return
      samples.unsent++
      samples.unanswered(dueUs, atUs, classIndex)
    }
    for (const connection of this.#connections) connection.giveUpWaiting(giveUp)
    this.#pacer?.eachLeft(Math.min(atUs, samples.toUs), (dueUs) => {
      if (samples.isMeasured(dueUs)) samples.due++
      giveUp(dueUs, 0)
    })
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
        due: shared.due,
        sent: shared.sent,
        waiting: shared.waiting.size,
        connections: shared.connections,
        errors: shared.errors.total,
        latency: shared.samples.take(),
      },
    })
    this.#intervalFromUs = atUs
    shared.answers = shared.bytesReceived = shared.bytesSent = shared.due = shared.sent = 0
  }
}
