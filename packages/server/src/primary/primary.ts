/**
 * Owns the daemon's first process: which of its parts is told of what.
 * Must not know: what a frame is, the terminal, environment variables.
 * Invariant: no byte of a client is read here. What a worker says goes to every part that it concerns, in one order.
 */
import type { Clock } from '@shardwire/protocol'
import { createAcceptReport } from '../admission/accept-report.ts'
import { Inquiries } from '../admin/inquiries.ts'
import type { Config } from '../config/load-config.ts'
import type { Environment } from '../config/read-options.ts'
import type { Logger } from '../log.ts'
import { Descriptors, DESCRIPTORS_SPARE, systemDescriptors } from '../descriptors.ts'
import { Profiles } from '../profile/profiles.ts'
import { systemRandom } from '../random.ts'
import { addRefusals } from '../refusal.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { loadRawBinding } from '../transport/raw-handle.ts'
import { type BoundAddress, boundAddresses } from './bound-address.ts'
import { type Entrance, StartError } from './entrance.ts'
import { createEntrance } from './create-entrance.ts'
import { Door } from './admission/door.ts'
import { createEpochs } from './epochs.ts'
import type { Handoff } from './handoff.ts'
import { Readiness } from './readiness.ts'
import { RefusalReport } from './refusal-report.ts'
import { reload } from './reload.ts'
import { Seconds } from './seconds.ts'
import { Serving } from './serving.ts'
import { Shutdown } from './shutdown.ts'
import type { Generation } from './spawn-worker.ts'
import { Supervisor, type SupervisorOptions } from './supervisor.ts'
import { TlsCurrent } from './tls-current.ts'
import { Totals } from './totals.ts'
import { observeWorkers } from './worker-events.ts'
import type { WorkerProcess } from './worker-process.ts'

/** How often sockets on their way are looked at. */
const SWEEP_INTERVAL_MS = 100

export interface PrimaryOptions {
  readonly config: Config
  /** What workers get as their environment. */
  readonly env: Environment
  readonly clock: Clock
  readonly log: Logger
  readonly workerModule: string
  /** Whether sockets travel as raw handles. */
  readonly raw: boolean
}

export interface Started {
  readonly addresses: readonly BoundAddress[]
  readonly workers: readonly { readonly slot: number; readonly pid: number }[]
}

export interface Told {
  readonly readiness: Readiness
  readonly totals: Totals
  readonly handoff: Handoff
  readonly supervisor: Supervisor
  readonly inquiries: Inquiries
  readonly profiles: Profiles
  readonly seconds: Seconds
}

export class Primary {
  readonly #options: PrimaryOptions
  readonly #entrance: Entrance
  readonly #descriptors = new Descriptors(systemDescriptors)
  readonly #refusalReport: RefusalReport
  readonly #door: Door
  readonly #handoff: Handoff
  readonly #supervisor: Supervisor
  readonly #inquiries: Inquiries
  readonly #profiles: Profiles
  readonly #seconds: Seconds
  readonly #serving: Serving
  readonly #shutdown: Shutdown
  #hasStarted = false
  readonly #tls: TlsCurrent
  /** What the daemon runs with: that of the start, or of the last reload. */
  #config: Config
  readonly #readiness: Readiness
  /** What workers that are gone had counted. */
  readonly #totals = new Totals()

  constructor(options: PrimaryOptions) {
    const { config, env, clock, log, workerModule } = options
    this.#options = options
    this.#config = config
    this.#readiness = new Readiness(log)
    this.#door = new Door({
      config,
      clock,
      random: systemRandom,
      rawBinding: options.raw ? loadRawBinding() : undefined,
      descriptorLimit: systemDescriptors.limit(),
      isLocal: (listener) => this.#entrance.isLocal(listener),
      hasRoom: (sockets) => this.#descriptors.free(sockets) > DESCRIPTORS_SPARE,
    })
    this.#handoff = this.#door.handoff
    this.#refusalReport = new RefusalReport(clock, log)
    const onChange = (tls: TlsMaterial): void => {
      for (const worker of this.#supervisor.workers) worker.tell({ type: 'tls', tls })
    }
    this.#tls = new TlsCurrent({ clock, log, onChange })
    this.#entrance = createEntrance({
      config,
      clock,
      raw: options.raw,
      onSocket: (accepted, listener) => this.#door.offer(accepted, listener),
      onFault: createAcceptReport(clock, log),
    })
    this.#inquiries = new Inquiries(clock, () => this.#supervisor.workers)
    this.#profiles = new Profiles(clock)
    this.#seconds = new Seconds(clock, () => this.#supervisor.workers)
    const supervision: SupervisorOptions = {
      slots: config.workers,
      clock,
      log,
      readiness: this.#readiness,
      workerModule,
      nextEpoch: createEpochs(clock),
      tls: () => this.#tls.material,
      observer: observeWorkers({
        ...{ door: this.#door, entrance: this.#entrance, supervisor: () => this.#supervisor },
        ...{ seconds: this.#seconds, inquiries: this.#inquiries, profiles: this.#profiles },
        onReady: (worker) => this.#ready(worker),
        onFailed: (_, message) => this.#failed(message),
        onServes: (worker) => this.#serves(worker),
        onRetired: (worker) => this.#retired(worker),
        onExit: (worker) => this.#exited(worker),
      }),
      onRetired: (worker) => this.#retired(worker),
    }
    this.#supervisor = new Supervisor(supervision, { config, env })
    const parts = { entrance: this.#entrance, supervisor: (): Supervisor => this.#supervisor }
    this.#serving = new Serving({ ...parts, readiness: this.#readiness, slots: config.workers })
    const { totals, handoff } = { totals: this.#totals, handoff: this.#handoff }
    this.#shutdown = new Shutdown({ ...parts, clock, log, totals, handoff, refusals: () => this.#refusalsSoFar() })
  }

  /** What the daemon runs with by now. */
  get config(): Config {
    return this.#config
  }

  /** Its parts, as far as they are told of. */
  get told(): Told {
    return {
      readiness: this.#readiness,
      totals: this.#totals,
      handoff: this.#handoff,
      supervisor: this.#supervisor,
      inquiries: this.#inquiries,
      profiles: this.#profiles,
      seconds: this.#seconds,
    }
  }

  /** Files that this process has open, and may have. */
  get openFiles(): { readonly openFiles: number; readonly openFilesMax: number } {
    const { limit } = this.#descriptors
    return { openFiles: limit - this.#descriptors.free(this.#door.sockets), openFilesMax: limit }
  }

  get isStopping(): boolean {
    return this.#shutdown.hasBegun
  }

  /** Resolves when no worker is left. */
  get stopped(): Promise<void> {
    return this.#shutdown.stopped
  }

  get hasStarted(): boolean {
    return this.#hasStarted
  }

  /**
   * Binds, starts the workers and waits for all of them. @throws StartError
   * @returns undefined when it was stopped before
   */
  async start(): Promise<Started | undefined> {
    this.#tls.open(this.#config)
    await Promise.race([this.#entrance.open(), this.stopped])
    if (this.isStopping) return undefined
    this.#supervisor.start(this.#entrance.configuresSockets)
    // The sweep runs behind the poll of its turn: an answer that is in a channel is read before it is missed.
    this.#options.clock.every(SWEEP_INTERVAL_MS, () => setImmediate(() => this.#sweep()))
    await Promise.race([this.#serving.started, this.stopped])
    if (this.isStopping) return undefined
    this.#hasStarted = true
    this.#readiness.started()
    const addresses = boundAddresses(this.#entrance.bound, this.#options.config)
    return { addresses, workers: this.#supervisor.current.map(({ slot, pid }) => ({ slot, pid })) }
  }

  /** Stops accepting, drains the workers, and lets them go. Calling it again changes nothing. */
  async stop(reason: string): Promise<void> {
    if (this.isStopping) return this.stopped
    this.#readiness.stopping()
    this.#tls.close()
    await this.#shutdown.begin(reason, this.#config.drainTimeoutMs)
  }

  /**
   * Replaces all workers, one by one, by ones that are started with `generation`.
   * @throws StartError when what is beside the workers cannot follow; then nothing was changed
   * @param changed names of the options that have another value
   * @returns whether all of them were replaced
   */
  async reload(generation: Generation, changed: readonly string[], again: string): Promise<boolean> {
    const { clock, log } = this.#options
    const changesTls = changed.some((name) => name.startsWith('SHARDWIRE_TLS_'))
    const settleTls = changesTls ? this.#tls.change(generation.config) : undefined
    let isProven = false
    const onProven = (): void => {
      isProven = true
      this.#adopt(generation)
    }
    const isDone = await reload({ supervisor: this.#supervisor, clock, log, again, onProven }, generation, changed)
    // The first worker shows whether it is good: the others go back to what they had, or follow one by one.
    settleTls?.(isProven)
    return isDone
  }

  /** A new worker serves with this: it is what the daemon runs with. */
  #adopt(generation: Generation): void {
    const { config } = generation
    this.#supervisor.generation = generation
    this.#config = config
    this.#door.reconfigure(config)
    this.#entrance.reconfigure(config)
    this.#options.log.level = config.logLevel
  }

  #sweep(): void {
    this.#supervisor.sweep()
    this.#door.sweep()
    this.#entrance.sweep()
    this.#descriptors.recount(this.#door.sockets)
    this.#refusalReport.look(this.#refusalsSoFar())
    this.#serving.checkOverload()
  }

  /** Sockets that were closed unserved, by reason: here, and by workers that accept. */
  #refusalsSoFar(): number[] {
    const sum = [...this.#totals.refusals]
    addRefusals(sum, this.#handoff.refusals)
    for (const { refusals } of this.#supervisor.workers) addRefusals(sum, refusals)
    return sum
  }

  #ready(worker: WorkerProcess): void {
    // It was told before, but heard nothing: it was loading its service.
    if (this.isStopping || worker.isLeaving) {
      worker.tell({ type: 'drain', deadlineMs: worker.config.drainTimeoutMs, rolling: !this.isStopping })
      return
    }
    this.#door.workerReady(worker)
    this.#entrance.workerReady(worker)
    this.#options.log.debug({ event: 'worker-ready', slot: worker.slot, worker: worker.pid }, 'worker ready')
    this.#serves(worker)
  }

  #serves(worker: WorkerProcess): void {
    this.#serving.checkServes(worker)
    this.#checkServing()
  }

  #checkServing(): void {
    if (this.#hasStarted && !this.isStopping) this.#serving.checkServing()
  }

  /** It is on its way out: nothing new is for it. */
  #retired(worker: WorkerProcess): void {
    worker.isLeaving = true
    this.#door.workerLeaves(worker)
    this.#entrance.workerGone(worker)
    this.#checkServing()
  }

  /** Whoever waits for the start says it; of one that is started again later its end does. */
  #failed(message: string): void {
    this.#serving.failed(new StartError(message))
  }

  #exited(worker: WorkerProcess): void {
    this.#inquiries.gone(worker)
    this.#profiles.gone(worker)
    this.#entrance.workerGone(worker)
    this.#door.workerGone(worker)
    this.#totals.add(worker, this.isStopping)
    this.#checkServing()
    this.#shutdown.workerGone()
  }
}
