/**
 * Owns the life of the daemon: start, placement of what is accepted, drain, exit code.
 * Must not know: what a frame is, the terminal, environment variables.
 * Invariant: no byte of a client is read here. `stopped` resolves once, when no worker and no listening socket is left.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '@shardwire/protocol'
import { Inquiries } from '../admin/inquiries.ts'
import type { ListenPlace } from '../config/listen-address.ts'
import type { Config } from '../config/load-config.ts'
import type { Environment } from '../config/read-options.ts'
import type { Logger } from '../log.ts'
import { Descriptors, DESCRIPTORS_SPARE, systemDescriptors } from '../descriptors.ts'
import { systemRandom } from '../random.ts'
import { addRefusals, namedRefusals } from '../refusal.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { loadRawBinding } from '../transport/raw-handle.ts'
import { describeDrain } from '../worker/drain-report.ts'
import { type BoundPlace, type Entrance, type EntranceOptions, StartError } from './entrance.ts'
import { HandoffEntrance } from './handoff-entrance.ts'
import { Door } from './admission/door.ts'
import type { Handoff } from './handoff.ts'
import { Readiness } from './readiness.ts'
import { RefusalReport } from './refusal-report.ts'
import { reload } from './reload.ts'
import { ReuseportEntrance, sharesPort } from './reuseport-entrance.ts'
import { KILL_GRACE_MS } from './slot.ts'
import type { Generation } from './spawn-worker.ts'
import { Supervisor, type SupervisorOptions } from './supervisor.ts'
import { TlsKeeper } from './tls-keeper.ts'
import { Totals } from './totals.ts'
import type { WorkerObserver, WorkerProcess } from './worker-process.ts'

/** How often sockets on their way are looked at. */
const SWEEP_INTERVAL_MS = 100
/** What sockets on their way get to arrive when the daemon stops. */
const HANDOFF_GRACE_MS = 1000
/** A failing accept is said at most this often. */
const FAULT_REPORT_INTERVAL_MS = 1000

const NO_LISTENER = { scheme: 'tcp', address: '', codec: 'frame' } as const

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
}

/** @property configured the address as it was configured */
export type BoundAddress = BoundPlace & {
  /** Of a socket that was handed on: what it is. */
  readonly scheme: Exclude<ListenPlace['scheme'], 'fd'>
  readonly configured: string
  /** What is spoken there: frame, json, line, raw, or the path of a module. */
  readonly codec: string
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
  readonly #started = Promise.withResolvers<void>()
  readonly #stopped = Promise.withResolvers<void>()
  /** Resolves when no worker is left. */
  readonly stopped: Promise<void> = this.#stopped.promise
  #stopping = false
  #hasStarted = false
  /** Undefined where no address has TLS. */
  #tls: TlsKeeper | undefined
  #stopBeganMs = 0
  #lastFaultMs = -Infinity
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
    this.#entrance = this.#createEntrance()
    const nextEpoch = epochs(clock)
    const supervision: SupervisorOptions = {
      slots: config.workers,
      clock,
      log,
      readiness: this.#readiness,
      workerModule,
      nextEpoch,
      tls: () => this.#tls?.material ?? null,
      observer: this.#observer(),
      onRetired: (worker) => this.#retired(worker),
    }
    this.#supervisor = new Supervisor(supervision, { config, env })
    this.#inquiries = new Inquiries(clock, () => this.#supervisor.workers)
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
    }
  }

  /** Files that this process has open, and may have. */
  get openFiles(): { readonly openFiles: number; readonly openFilesMax: number } {
    const { limit } = this.#descriptors
    return { openFiles: limit - this.#descriptors.free(this.#door.sockets), openFilesMax: limit }
  }

  get isStopping(): boolean {
    return this.#stopping
  }

  get hasStarted(): boolean {
    return this.#hasStarted
  }

  /**
   * Binds, starts the workers and waits for all of them. @throws StartError
   * @returns undefined when it was stopped before
   */
  async start(): Promise<Started | undefined> {
    this.#tls = this.#openTls(this.#config)
    await this.#entrance.open()
    if (this.#stopping) return undefined
    this.#supervisor.start(this.#entrance.configuresSockets)
    // The sweep runs behind the poll of its turn: an answer that is in a channel is read before it is missed.
    this.#options.clock.every(SWEEP_INTERVAL_MS, () => setImmediate(() => this.#sweep()))
    await Promise.race([this.#started.promise, this.stopped])
    if (this.#stopping) return undefined
    this.#hasStarted = true
    this.#readiness.started()
    const addresses = this.#entrance.bound.map((bound, index) => {
      const { scheme, address, codec } = this.#options.config.listen[index] ?? NO_LISTENER
      const shown = scheme === 'fd' ? schemeOf(bound) : scheme
      return { ...bound, scheme: shown, configured: address, codec }
    })
    return { addresses, workers: this.#supervisor.current.map(({ slot, pid }) => ({ slot, pid })) }
  }

  /** Stops accepting, drains the workers, and lets them go. Calling it again changes nothing. */
  async stop(reason: string): Promise<void> {
    if (this.#stopping) return this.stopped
    this.#stopping = true
    this.#readiness.stopping()
    const { clock, log } = this.#options
    const { drainTimeoutMs: deadlineMs } = this.#config
    this.#stopBeganMs = clock.nowMs()
    const text = `${reason}: draining; a second signal, a second or more later, ends at once`
    log.info({ event: 'draining', reason, deadlineMs }, text)
    this.#tls?.close()
    this.#supervisor.stop()
    await this.#entrance.close()
    // A worker that was told to drain might be gone before a socket on its way to it is served.
    await Promise.race([this.#handoff.idle(), new Promise<void>((resolve) => clock.after(HANDOFF_GRACE_MS, resolve))])
    const { workers } = this.#supervisor
    for (const worker of workers) worker.tell({ type: 'drain', deadlineMs, rolling: false })
    const cancel = clock.after(deadlineMs + KILL_GRACE_MS, () => this.#killAll())
    if (workers.length === 0) this.#finish()
    await this.stopped
    cancel()
  }

  /**
   * Replaces all workers, one by one, by ones that are started with `generation`.
   * @throws StartError when what is beside the workers cannot follow; then nothing was changed
   * @param changed names of the options that have another value
   * @returns whether all of them were replaced
   */
  async reload(generation: Generation, changed: readonly string[]): Promise<boolean> {
    const { clock, log } = this.#options
    const tls = this.#tls
    const changesTls = changed.some((name) => name.startsWith('SHARDWIRE_TLS_'))
    if (changesTls) this.#tls = this.#openTls(generation.config)
    let isProven = false
    const onProven = (): void => {
      isProven = true
      this.#adopt(generation)
    }
    const isDone = await reload({ supervisor: this.#supervisor, clock, log, onProven }, generation, changed)
    if (!changesTls) return isDone
    // The first worker shows whether it is good: the others go back to what they had, or follow one by one.
    const [kept, left] = isProven ? [this.#tls, tls] : [tls, this.#tls]
    this.#tls = kept
    left?.close()
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

  #openTls(config: Config): TlsKeeper | undefined {
    const { clock, log } = this.#options
    const onChange = (tls: TlsMaterial): void => {
      for (const worker of this.#supervisor.workers) worker.tell({ type: 'tls', tls })
    }
    return TlsKeeper.open({ config, clock, log, onChange })
  }

  #createEntrance(): Entrance {
    const { config, clock, raw } = this.#options
    const options: EntranceOptions = {
      config,
      clock,
      raw,
      onSocket: (accepted, listener) => this.#door.offer(accepted, listener),
      onFault: (address, status) => this.#acceptFailed(address, status),
    }
    const sharesPorts = config.accept === 'reuseport' && config.listen.some(sharesPort)
    return sharesPorts ? new ReuseportEntrance(options) : new HandoffEntrance(options)
  }

  #sweep(): void {
    this.#supervisor.sweep()
    this.#door.sweep()
    this.#entrance.sweep()
    this.#descriptors.recount(this.#door.sockets)
    this.#refusalReport.look(this.#refusalsSoFar())
    this.#checkOverload()
  }

  /** Sockets that were closed unserved, by reason: here, and by workers that accept. */
  #refusalsSoFar(): number[] {
    const sum = [...this.#totals.refusals]
    addRefusals(sum, this.#handoff.refusals)
    for (const { refusals } of this.#supervisor.workers) addRefusals(sum, refusals)
    return sum
  }

  #observer(): WorkerObserver {
    const handoff = this.#handoff
    const entrance = this.#entrance
    return {
      onReady: (worker) => this.#ready(worker),
      onFailed: (worker, message) => this.#failed(worker, message),
      onAccepted: (worker, sequences) => {
        worker.accepted += sequences.length
        for (const sequence of sequences) handoff.acknowledge(worker, sequence)
      },
      onQuotaTaken: (worker, waiting) => this.#door.quotaTaken(worker, waiting),
      onWant: (worker, places) => this.#door.want(worker, places),
      onRefused: (worker, sequence) => handoff.decline(worker, sequence),
      onGone: (worker, ids) => this.#door.gone(worker, ids),
      onAsk: (worker, asks) => worker.tell({ type: 'verdicts', verdicts: this.#door.answer(worker, asks) }),
      onListening: (worker, slot, listener) => {
        entrance.workerListening(worker, slot, listener)
        this.#checkServes(worker)
      },
      onUnlistened: (worker, slot) => entrance.workerUnlistened(worker, slot),
      onSnapshot: (worker) => {
        handoff.heard(worker)
        entrance.workerHeard(worker)
      },
      onHeard: (worker) => this.#supervisor.heard(worker),
      onLeaving: (worker, why, deadlineMs) => {
        this.#retired(worker)
        this.#supervisor.leaves(worker, why, deadlineMs)
      },
      onOutworn: (worker, why) => this.#supervisor.outworn(worker, why),
      onFound: (worker, id, finding) => this.#inquiries.found(worker, id, finding),
      onExit: (worker) => this.#exited(worker),
    }
  }

  #ready(worker: WorkerProcess): void {
    if (this.#stopping) {
      worker.tell({ type: 'drain', deadlineMs: this.#config.drainTimeoutMs, rolling: false })
      return
    }
    this.#door.workerReady(worker)
    this.#entrance.workerReady(worker)
    this.#options.log.debug({ event: 'worker-ready', slot: worker.slot, worker: worker.pid }, 'worker ready')
    this.#checkServes(worker)
  }

  #checkServes(worker: WorkerProcess): void {
    if (!worker.ready || worker.isLeaving || !this.#entrance.isServedBy(worker)) return
    this.#supervisor.serves(worker)
    this.#checkServing()
    const { current } = this.#supervisor
    const isReady = current.length === this.#config.workers && current.every(({ ready }) => ready)
    if (isReady && this.#entrance.isServed) this.#started.resolve()
  }

  #checkServing(): void {
    const serves = this.#supervisor.current.some(({ ready }) => ready)
    if (this.#hasStarted && !this.#stopping) this.#readiness.set('no-worker', serves ? undefined : 'no worker serves')
  }

  /** When all shed connections a new one would be refused. */
  #checkOverload(): void {
    const serving = this.#supervisor.current.filter(({ ready }) => ready)
    const sheds = serving.length > 0 && serving.every(({ shedsConnections }) => shedsConnections)
    this.#readiness.set('overloaded', sheds ? 'every worker is overloaded and sheds new connections' : undefined)
  }

  /** It is on its way out: nothing new is for it. */
  #retired(worker: WorkerProcess): void {
    worker.isLeaving = true
    this.#door.workerLeaves(worker)
    this.#entrance.workerGone(worker)
    this.#checkServing()
  }

  #failed(worker: WorkerProcess, message: string): void {
    this.#started.reject(new StartError(message))
    // Whoever waits for the start says it; a worker that is started again later has nobody who does.
    if (this.#hasStarted) this.#options.log.error({ event: 'worker-failed', slot: worker.slot }, message)
  }

  #exited(worker: WorkerProcess): void {
    this.#inquiries.gone(worker)
    this.#entrance.workerGone(worker)
    this.#door.workerGone(worker)
    this.#totals.add(worker, this.#stopping)
    this.#checkServing()
    if (this.#stopping && this.#supervisor.workers.length === 0) this.#finish()
  }

  #finish(): void {
    this.#handoff.refuseAll()
    const { clock, log } = this.#options
    const refusals = this.#refusalsSoFar()
    log.info(
      {
        event: 'stopped',
        tookMs: Math.round(clock.nowMs() - this.#stopBeganMs),
        refused: refusals.reduce((sum, count) => sum + count, 0),
        refusals: namedRefusals(refusals),
        ...this.#totals.describe(),
      },
      `stopped: ${describeDrain(this.#totals.drained)}`,
    )
    this.#stopped.resolve()
  }

  #killAll(): void {
    for (const worker of this.#supervisor.workers) {
      this.#options.log.error(
        { event: 'worker-killed', class: 'system', slot: worker.slot, worker: worker.pid },
        'a worker did not finish its drain; killed',
      )
      worker.kill()
    }
  }

  #acceptFailed(address: string, status: number): void {
    const nowMs = this.#options.clock.nowMs()
    if (nowMs - this.#lastFaultMs < FAULT_REPORT_INTERVAL_MS) return
    this.#lastFaultMs = nowMs
    this.#options.log.error({ event: 'accept-failed', address, status }, `an accept on ${address} failed`)
  }
}

function schemeOf(bound: BoundPlace): 'tcp' | 'unix' {
  return 'port' in bound ? 'tcp' : 'unix'
}

/** Names for the lives of workers: unique over restarts of the daemon, short enough for every connection's id. */
function epochs(clock: Clock): () => string {
  const boot = clock.wallMs().toString(36) + randomBytes(2).toString('hex')
  let life = 0
  return () => `${boot}-${(life++).toString(36)}`
}
