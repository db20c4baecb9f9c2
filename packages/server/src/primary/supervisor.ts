/**
 * Owns the worker slots, and finding the workers whose loop stands still.
 * Must not know: sockets, signals.
 * Invariant: once stopping, no worker is started again.
 */
import type { Clock } from '@shardwire/protocol'
import { withoutSecrets } from '../config/secrets.ts'
import type { Logger } from '../log.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { processState } from './process-state.ts'
import type { Readiness } from './readiness.ts'
import { type Replacement, Slot } from './slot.ts'
import { type Generation, spawnWorker } from './spawn-worker.ts'
import { Watchdog } from './watchdog.ts'
import { WorkerProcess, type WorkerObserver } from './worker-process.ts'

export interface SupervisorOptions {
  readonly slots: number
  readonly clock: Clock
  readonly log: Logger
  readonly readiness: Readiness
  /** Path of the worker's entry module. */
  readonly workerModule: string
  /** What workers speak TLS with; null where no listener has it. */
  readonly tls: () => TlsMaterial | null
  /** Names one life of a worker: unique over restarts. */
  readonly nextEpoch: () => string
  readonly observer: WorkerObserver
  /** A worker takes nothing new any more. */
  readonly onRetired: (worker: WorkerProcess) => void
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #slots: readonly Slot[]
  readonly #watchdog: Watchdog<WorkerProcess>
  /** Workers that are being killed for standing still. */
  readonly #stuck = new WeakSet<WorkerProcess>()
  /** What a worker is started with. */
  generation: Generation
  #configured = false

  constructor(options: SupervisorOptions, generation: Generation) {
    this.#options = options
    this.generation = generation
    this.#watchdog = new Watchdog(options.clock)
    const { clock, log, readiness, onRetired: retired } = options
    const parts = {
      clock,
      log,
      readiness,
      retired,
      spawn: (slot: number, with_: Generation) => this.#spawn(slot, with_),
      generation: () => this.generation,
      lost,
    }
    this.#slots = Array.from({ length: options.slots }, (_, slot) => new Slot({ ...parts, slot }))
  }

  /** Every worker that is alive, in slot order. */
  get workers(): readonly WorkerProcess[] {
    return this.#slots.flatMap((slot) => slot.workers)
  }

  /** Those that serve, or start to, one a slot at most. */
  get current(): readonly WorkerProcess[] {
    return this.#slots.flatMap(({ current }) => current ?? [])
  }

  /** Starts a worker in every slot. @param configured whether connections have their socket options from the start */
  start(configured: boolean): void {
    this.#configured = configured
    for (const slot of this.#slots) slot.start()
  }

  /** From now on a worker that ends stays ended. */
  stop(): void {
    for (const slot of this.#slots) slot.stop()
  }

  /** Replaces the worker of a slot, the new one first. */
  async replace(slot: number, why: string, generation: Generation): Promise<Replacement> {
    const owner = this.#slots[slot]
    return owner === undefined ? { ok: false, why: `there is no slot ${slot}` } : await owner.replace(why, generation)
  }

  /** The worker accepts connections. */
  serves(worker: WorkerProcess): void {
    this.#slots[worker.slot]?.serves(worker)
  }

  leaves(worker: WorkerProcess, why: string, deadlineMs: number): void {
    this.#slots[worker.slot]?.leaves(worker, why, deadlineMs)
  }

  outworn(worker: WorkerProcess, why: string): void {
    this.#slots[worker.slot]?.outworn(worker, why)
  }

  /** The worker has said something. */
  heard(worker: WorkerProcess): void {
    this.#watchdog.heard(worker)
  }

  /** To be called now and then, when the channels have been read in this turn of the loop. */
  sweep(): void {
    const { workers } = this
    this.#watchdog.look(workers)
    for (const worker of workers) {
      const { watchdogMs } = worker.config
      if (watchdogMs === 0 || this.#stuck.has(worker) || !this.#watchdog.isStuck(worker, watchdogMs)) continue
      this.#killStuck(worker, this.#watchdog.silentMs(worker))
    }
  }

  #killStuck(worker: WorkerProcess, silentMs: number): void {
    this.#stuck.add(worker)
    worker.failure ??= 'its event loop stood still, so that the watchdog killed it: see `worker-stuck` above'
    const { slot, pid, counters, isLeaving } = worker
    const { state, cpuSeconds } = processState(pid) ?? {}
    const { connectionsOpen, callsInFlight, handlersRunning, framesIn } = counters
    this.#options.log.error(
      {
        event: 'worker-stuck',
        class: 'system',
        slot,
        worker: pid,
        silentMs: Math.round(silentMs),
        limitMs: worker.config.watchdogMs,
        state,
        cpuSeconds,
        isReady: worker.ready,
        isLeaving,
        atLastSnapshot: { connectionsOpen, callsInFlight, handlersRunning, framesIn },
      },
      'the event loop of a worker stands still; it is killed and replaced. If it was running, look for a handler ' +
        'that computes or loops without an end, else for a synchronous call that waits; the limit is ' +
        'SHARDWIRE_WATCHDOG_MS',
    )
    worker.kill()
  }

  #spawn(slot: number, generation: Generation): WorkerProcess {
    const { clock, observer, nextEpoch, workerModule, tls } = this.#options
    const { config } = generation
    const life = { slot, epoch: nextEpoch(), config, startedAtMs: clock.nowMs() }
    const started = new WorkerProcess(spawnWorker(workerModule, generation), life, {
      ...observer,
      onExit: (worker, code, signal) => {
        this.#watchdog.gone(worker)
        this.#slots[slot]?.ended(worker, code, signal)
        observer.onExit(worker, code, signal)
      },
    })
    started.tell({
      type: 'start',
      slot,
      epoch: life.epoch,
      configured: this.#configured,
      config: withoutSecrets(config),
      tls: tls(),
    })
    return started
  }
}

/** Of what a worker accepted itself since its last snapshot nobody knows. */
function lost(worker: WorkerProcess): Readonly<Record<string, number>> {
  return worker.config.accept === 'handoff'
    ? { lostAtMost: worker.connectionsAtMost }
    : { openAtLastSnapshot: worker.counters.connectionsOpen }
}
