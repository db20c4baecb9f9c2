/**
 * Owns the primary's side of one worker process: its channel, its messages, its end.
 * Must not know: other workers, which slot is started again.
 * Invariant: each event is told to the observer at most once per life; after `onExit` nothing more comes. The end is
 * the child's 'close': process gone *and* every message it sent read. 'disconnect' does not come at all when a worker
 * dies with a handle on its way, and send callbacks of queued handles do not either, so nothing is built on those. The
 * channel is never closed from here: 'close' would then not come.
 */
import type { ChildProcess } from 'node:child_process'
import { isMessage, type ToPrimary, type ToWorker } from '../ipc.ts'
import { type Counters, createCounters } from '../worker/counters.ts'
import { sendable } from './accepted.ts'
import type { HandoffTarget, Ticket } from './handoff-lane.ts'

export interface WorkerObserver {
  onReady(worker: WorkerProcess): void
  /** The worker says that it cannot start, and why. */
  onFailed(worker: WorkerProcess, message: string): void
  onAccepted(worker: WorkerProcess, sequence: number): void
  onRefused(worker: WorkerProcess, sequence: number): void
  onDrained(worker: WorkerProcess, forced: number): void
  onExit(worker: WorkerProcess, code: number | null, signal: string | null): void
}

export class WorkerProcess implements HandoffTarget {
  readonly slot: number
  readonly startedAtMs: number
  /** As of the last snapshot. */
  counters: Counters = createCounters()
  ready = false
  /** Sockets that it has acknowledged. */
  accepted = 0
  readonly #process: ChildProcess
  readonly #observer: WorkerObserver

  constructor(process: ChildProcess, slot: number, startedAtMs: number, observer: WorkerObserver) {
    this.#process = process
    this.slot = slot
    this.startedAtMs = startedAtMs
    this.#observer = observer
    process.on('message', (message: unknown) => {
      if (isMessage(message)) this.#receive(message as ToPrimary)
    })
    process.on('close', (code: number | null, signal: string | null) => observer.onExit(this, code, signal))
    // A channel that breaks shows as 'close'; the error of a send to it says nothing more.
    process.on('error', () => undefined)
  }

  /** Connections that it holds, as far as is known: it says once a second which have ended. */
  get connectionsAtMost(): number {
    return this.accepted - this.counters.closes.reduce((sum, count) => sum + count, 0)
  }

  get pid(): number {
    return this.#process.pid ?? -1
  }

  tell(message: ToWorker): void {
    if (this.#process.connected) this.#process.send(message, ignoreSendError)
  }

  sendSocket({ sequence, listener, handle, expiresAtMs }: Ticket): void {
    if (!this.#process.connected) return
    const message: ToWorker = { type: 'socket', sequence, listener, expiresAtMs }
    // The type of a handle knows only what is documented; a raw one has travelled this way since Node's first cluster.
    this.#process.send(message, sendable(handle) as never, { keepOpen: true }, ignoreSendError)
  }

  disown(sequence: number): void {
    this.tell({ type: 'disown', sequence })
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #receive(message: ToPrimary): void {
    const observer = this.#observer
    switch (message.type) {
      case 'ready':
        this.ready = true
        return observer.onReady(this)
      case 'failed':
        return observer.onFailed(this, message.message)
      case 'accepted':
        return observer.onAccepted(this, message.sequence)
      case 'refused':
        return observer.onRefused(this, message.sequence)
      case 'snapshot':
        this.counters = message.counters
        return
      case 'drained':
        this.counters = message.counters
        return observer.onDrained(this, message.forced)
    }
  }
}

/** What could not be sent is seen by its effect: the worker ends, or the ticket goes unanswered. */
function ignoreSendError(): void {
  return undefined
}
