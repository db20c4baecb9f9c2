/**
 * Owns the worker slots: starts a worker in each, and another when one dies.
 * Must not know: sockets, signals.
 * Invariant: a slot has at most one worker; once stopping, none is started again.
 */
import { fork } from 'node:child_process'
import type { Clock } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { Logger } from '../log.ts'
import { RestartBackoff } from './restart-backoff.ts'
import { WorkerProcess, type WorkerObserver } from './worker-process.ts'

/**
 * For glibc; elsewhere they mean nothing. Without a fixed threshold malloc stops mapping large blocks once one was freed,
 * and the heap they are in then shrinks no further than to what still lives at its end. An arena for each of V8's threads
 * costs 3 MB.
 */
const MALLOC_SETTINGS = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '1048576' }

export interface SupervisorOptions {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  /** Path of the worker's entry module. */
  readonly workerModule: string
  /** Names one life of a worker: unique over restarts. */
  readonly nextEpoch: () => string
  readonly observer: WorkerObserver
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #slots = new Map<number, WorkerProcess>()
  readonly #backoffs = new Map<number, RestartBackoff>()
  readonly #restarts = new Map<number, () => void>()
  #stopping = false

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** The workers that are alive, in slot order. */
  get workers(): readonly WorkerProcess[] {
    return [...this.#slots.values()].toSorted((a, b) => a.slot - b.slot)
  }

  /** Starts a worker in every slot. */
  start(): void {
    for (let slot = 0; slot < this.#options.config.workers; slot++) this.#startSlot(slot)
  }

  /** From now on a worker that ends stays ended. */
  stop(): void {
    this.#stopping = true
    for (const cancel of this.#restarts.values()) cancel()
    this.#restarts.clear()
  }

  #startSlot(slot: number): void {
    const { config, clock, observer, nextEpoch, workerModule } = this.#options
    const started = new WorkerProcess(
      fork(workerModule, { env: { ...MALLOC_SETTINGS, ...process.env } }),
      slot,
      clock.nowMs(),
      {
        ...observer,
        onExit: (worker, code, signal) => {
          this.#ended(worker, code, signal)
          observer.onExit(worker, code, signal)
        },
      },
    )
    this.#slots.set(slot, started)
    started.tell({ type: 'start', slot, epoch: nextEpoch(), config })
  }

  #ended(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const { slot } = worker
    this.#slots.delete(slot)
    if (this.#stopping) return
    const { clock, log, config } = this.#options
    const backoff = this.#backoffs.get(slot) ?? new RestartBackoff()
    this.#backoffs.set(slot, backoff)
    const waitMs = backoff.next(clock.nowMs() - worker.startedAtMs)
    // Of what a worker accepted itself since its last snapshot nobody knows.
    const lost =
      config.accept === 'handoff'
        ? { lostAtMost: worker.connectionsAtMost }
        : { openAtLastSnapshot: worker.counters.connectionsOpen }
    log.error(
      { event: 'worker-exited', slot, worker: worker.pid, code, signal, ...lost, restartMs: waitMs },
      'a worker ended; its slot is started again',
    )
    this.#restarts.set(
      slot,
      clock.after(waitMs, () => {
        this.#restarts.delete(slot)
        this.#startSlot(slot)
      }),
    )
  }
}
