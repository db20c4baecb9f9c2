/**
 * Owns the primary's side of one worker process: its channel, its messages, its end.
 * Must not know: other workers, which slot is started again.
 * Invariant: each event is told to the observer at most once per life; after `onExit` nothing more comes. The end is
 * the child's 'close': process gone *and* every message it sent read. 'disconnect' does not come at all when a worker
 * dies with a handle on its way, and send callbacks of queued handles do not either, so nothing is built on those. The
 * channel is never closed from here: 'close' would then not come.
 */
import type { ChildProcess } from 'node:child_process'
import type { Finding } from '../admin/inspect/inquiry.ts'
import type { ClosedRow } from '../admin/inspect/rows.ts'
import type { Config } from '../config/load-config.ts'
import { type Ask, isMessage, type ToPrimary, type ToWorker } from '../ipc.ts'
import type { RouteCounters } from '../metrics/route-stats.ts'
import { createVitalLevels, createVitalTotals, type Vitals } from '../metrics/vitals.ts'
import type { WorkerReport } from '../metrics/worker-figures.ts'
import { createOffloadCounters } from '../offload/offload-pool.ts'
import type { ProfileToPrimary } from '../profile/profile-order.ts'
import { createRefusals } from '../refusal.ts'
import { socketOf } from '../transport/accepted.ts'
import { openRawChannel, type RawChannel } from '../transport/raw-channel.ts'
import { isRawHandle } from '../transport/raw-handle.ts'
import type { ListeningHandle } from '../transport/raw-listener.ts'
import { type Counters, createCounters } from '../worker/counters.ts'
import type { DrainReport } from '../worker/drain-report.ts'
import type { HandoffTarget, Ticket } from './handoff-lane.ts'

export interface WorkerObserver {
  onReady(worker: WorkerProcess): void
  /** The worker says that it cannot start, and why. */
  onFailed(worker: WorkerProcess, message: string): void
  onAccepted(worker: WorkerProcess, sequences: readonly number[]): void
  onRefused(worker: WorkerProcess, sequence: number): void
  /** Connections of these numbers ended. */
  onGone(worker: WorkerProcess, ids: readonly number[]): void
  onAsk(worker: WorkerProcess, asks: readonly Ask[]): void
  /** It goes by its quota, and so many sockets still wait there. */
  onQuotaTaken(worker: WorkerProcess, waiting: number): void
  /** So many sockets wait there for a place. */
  onWant(worker: WorkerProcess, places: number): void
  /** It accepts from this socket of a slot. */
  onListening(worker: WorkerProcess, slot: number, listener: number): void
  /** It accepts no more from the sockets of a slot. */
  onUnlistened(worker: WorkerProcess, slot: number): void
  /** It said how it is: once a second, while its loop turns. */
  onSnapshot(worker: WorkerProcess): void
  /** It said anything at all. */
  onHeard(worker: WorkerProcess): void
  /** It is broken, takes nothing new, and ends by its deadline. */
  onLeaving(worker: WorkerProcess, why: string, deadlineMs: number): void
  /** It serves on, but should be replaced. */
  onOutworn(worker: WorkerProcess, why: string): void
  /** It answered an inquiry; null where it failed. */
  onFound(worker: WorkerProcess, id: number, finding: Finding | null): void
  /** It has something to say of a profile. */
  onProfile(worker: WorkerProcess, message: ProfileToPrimary): void
  onExit(worker: WorkerProcess, code: number | null, signal: string | null): void
}

/**
 * Sockets with a channel that hands over one after the other: one on its way, and one that follows as soon as it is
 * free. Node walks its whole queue for each that it sends: 4000 queued handles took 0.9 s of CPU.
 */
export const WINDOW_ONE_BY_ONE = 2
/** Sockets with a channel that does not wait: enough that it never runs dry, and few wait for a worker that hangs. */
export const WINDOW_INLINE = 32

/** One life of a worker. */
export interface WorkerLife {
  readonly slot: number
  /** Names it: no two lives of any worker share one. */
  readonly epoch: string
  readonly config: Config
  readonly startedAtMs: number
}

export class WorkerProcess implements HandoffTarget {
  readonly slot: number
  /** Names this life of the worker, and begins the ids of its connections. */
  readonly epoch: string
  readonly config: Config
  readonly startedAtMs: number
  window = WINDOW_ONE_BY_ONE
  descriptorsFree = 0
  open = 0
  /** Of the quota that it goes by, by its own word. */
  quotaSequence = 0
  /** As of the last snapshot; the sockets that are refused are those that it accepted itself. */
  counters: Counters = createCounters()
  refusals: readonly number[] = createRefusals()
  vitals: Vitals = { totals: createVitalTotals(), levels: createVitalLevels() }
  offload = createOffloadCounters()
  readonly routes = new Map<string, RouteCounters>()
  ready = false
  /** Takes nothing new any more. */
  isLeaving = false
  /** Why it could not start, once that is known. */
  failure: string | undefined
  /** What its drain came to, once it is done. */
  drained: DrainReport | undefined
  /** The connections that ended last there, once it has drained. */
  remembered: readonly ClosedRow[] = []
  /** Sockets that it has acknowledged. */
  accepted = 0
  readonly #process: ChildProcess
  readonly #observer: WorkerObserver
  /** Where sockets go without waiting for each other; undefined unless both sides can. */
  #rawChannel: RawChannel | undefined

  constructor(process: ChildProcess, life: WorkerLife, observer: WorkerObserver) {
    this.#process = process
    this.slot = life.slot
    this.epoch = life.epoch
    this.config = life.config
    this.startedAtMs = life.startedAtMs
    this.#observer = observer
    process.on('message', (message: unknown) => {
      if (isMessage(message)) this.#receive(message as ToPrimary)
    })
    process.on('close', (code: number | null, signal: string | null) => observer.onExit(this, code, signal))
    // A channel that breaks shows as 'close'; the error of a send to it says nothing more.
    process.on('error', () => undefined)
  }

  get shedsConnections(): boolean {
    return this.counters.overload > 0
  }

  /** Connections that it had, as far as is known: of those that it accepts itself it tells once a second. */
  get connectionsTotal(): number {
    return Math.max(this.accepted, this.counters.connectionsTotal)
  }

  /** Connections that it holds, as far as is known: it says once a second which have ended. */
  get connectionsAtMost(): number {
    return this.connectionsTotal - this.counters.closes.reduce((sum, count) => sum + count, 0)
  }

  get pid(): number {
    return this.#process.pid ?? -1
  }

  tell(message: ToWorker): void {
    if (this.#process.connected) this.#process.send(message, ignoreSendError)
  }

  sendSocket({ sequence, listener, proxied, handle, expiresAtMs }: Ticket): void {
    if (!this.#process.connected) return
    const message: ToWorker = { type: 'socket', sequence, listener, proxied, expiresAtMs }
    const socket = socketOf(handle)
    if (this.#rawChannel !== undefined && isRawHandle(socket)) this.#rawChannel.send(JSON.stringify(message), socket)
    else this.#sendWith(message, socket)
  }

  /** Lets it accept from a socket of a slot. */
  listen(slot: number, listener: number, handle: ListeningHandle): void {
    if (this.#process.connected) this.#sendWith({ type: 'listen', slot, listener }, handle)
  }

  unlisten(slot: number): void {
    this.tell({ type: 'unlisten', slot })
  }

  disown(sequence: number): void {
    this.tell({ type: 'disown', sequence })
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #reported({ counters, refusals, vitals, offload, routes }: WorkerReport): void {
    this.counters = counters
    this.refusals = refusals
    this.vitals = vitals
    this.offload = offload
    for (const route of routes) this.routes.set(route.name, route)
  }

  #sendWith(message: ToWorker, handle: unknown): void {
    // The type of a handle knows only what is documented; a raw one has travelled this way since Node's first cluster.
    this.#process.send(message, handle as never, { keepOpen: true }, ignoreSendError)
  }

  #receive(message: ToPrimary): void {
    const observer = this.#observer
    observer.onHeard(this)
    if ('descriptorsFree' in message) this.descriptorsFree = message.descriptorsFree
    if ('open' in message) this.open = message.open
    switch (message.type) {
      case 'ready':
        this.ready = true
        this.#rawChannel = message.inline ? openRawChannel(this.#process) : undefined
        if (this.#rawChannel !== undefined) this.window = WINDOW_INLINE
        return observer.onReady(this)
      case 'failed':
        this.failure = message.message
        return observer.onFailed(this, message.message)
      case 'accepted':
        return observer.onAccepted(this, message.sequences)
      case 'doubt':
        // `accepted` came before it, and with that a `disown` went out for each that is another worker's.
        return this.tell({ type: 'settled', sequences: message.sequences })
      case 'refused':
        return observer.onRefused(this, message.sequence)
      case 'gone':
        return observer.onGone(this, message.ids)
      case 'ask':
        return observer.onAsk(this, message.asks)
      case 'listening':
        return observer.onListening(this, message.slot, message.listener)
      case 'unlistened':
        return observer.onUnlistened(this, message.slot)
      case 'room':
        return
      case 'quota-taken':
        this.quotaSequence = message.sequence
        return observer.onQuotaTaken(this, message.waiting)
      case 'want':
        return observer.onWant(this, message.places)
      case 'snapshot':
        this.#reported(message)
        return observer.onSnapshot(this)
      case 'drained':
        this.#reported(message)
        this.drained = message.report
        this.remembered = message.closed
        return undefined
      case 'found':
        return observer.onFound(this, message.id, message.finding)
      case 'profile-part':
      case 'profile-failed':
        return observer.onProfile(this, message)
      case 'pulse':
        return undefined
      case 'leaving':
        return observer.onLeaving(this, message.why, message.deadlineMs)
      case 'outworn':
        return observer.onOutworn(this, message.why)
    }
  }
}

/** What could not be sent is seen by its effect: the worker ends, or the ticket goes unanswered. */
function ignoreSendError(): void {
  return undefined
}
