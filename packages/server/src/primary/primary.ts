/**
 * Owns the life of the daemon: start, placement of what is accepted, drain, exit code.
 * Must not know: what a frame is, the terminal, environment variables.
 * Invariant: no byte of a client is read here. `stopped` resolves once, when no worker and no listening socket is left.
 */
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import { closeReasonName } from '../close-reason.ts'
import type { Config } from '../config/load-config.ts'
import type { Logger } from '../log.ts'
import { Descriptors, DESCRIPTORS_SPARE, systemDescriptors } from '../descriptors.ts'
import { addRefusals, createRefusals, namedRefusals } from '../refusal.ts'
import { createCounters } from '../worker/counters.ts'
import { type Entrance, type EntranceOptions, StartError } from './entrance.ts'
import { HandoffEntrance } from './handoff-entrance.ts'
import { Handoff } from './handoff.ts'
import { RefusalReport } from './refusal-report.ts'
import { ReuseportEntrance } from './reuseport-entrance.ts'
import { Supervisor } from './supervisor.ts'
import type { WorkerObserver, WorkerProcess } from './worker-process.ts'

/** How often sockets on their way are looked at. */
const SWEEP_INTERVAL_MS = 100
/** What a worker gets beyond the drain deadline before it is killed. */
const KILL_GRACE_MS = 2000
/** What sockets on their way get to arrive when the daemon stops. */
const HANDOFF_GRACE_MS = 1000
/** A failing accept is said at most this often. */
const FAULT_REPORT_INTERVAL_MS = 1000

export interface PrimaryOptions {
  readonly config: Config
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

export interface BoundAddress extends AddressInfo {
  /** As it was configured. */
  readonly configured: string
}

export class Primary {
  readonly #options: PrimaryOptions
  readonly #entrance: Entrance
  readonly #descriptors = new Descriptors(systemDescriptors)
  readonly #refusalReport: RefusalReport
  readonly #handoff: Handoff
  readonly #supervisor: Supervisor
  readonly #started = Promise.withResolvers<void>()
  readonly #stopped = Promise.withResolvers<void>()
  /** Resolves when no worker is left. */
  readonly stopped: Promise<void> = this.#stopped.promise
  #stopping = false
  #hasStarted = false
  #forced = 0
  #stopBeganMs = 0
  #lastFaultMs = -Infinity
  /** What workers that are gone had counted. */
  readonly #totals = createCounters()
  /** What they had refused. */
  readonly #refusals = createRefusals()

  constructor(options: PrimaryOptions) {
    const { config, clock, log, workerModule } = options
    this.#options = options
    this.#handoff = new Handoff({
      clock,
      queueMax: config.handoffQueue,
      waitMsMax: config.handshakeTimeoutMs,
      hasRoom: (pending) => this.#descriptors.free(pending) > DESCRIPTORS_SPARE,
    })
    this.#refusalReport = new RefusalReport(clock, log)
    this.#entrance = this.#createEntrance()
    const nextEpoch = epochs(clock)
    this.#supervisor = new Supervisor({ config, clock, log, workerModule, nextEpoch, observer: this.#observer() })
  }

  /**
   * Binds, starts the workers and waits for all of them. @throws StartError
   * @returns undefined when it was stopped before
   */
  async start(): Promise<Started | undefined> {
    await this.#entrance.open()
    if (this.#stopping) return undefined
    this.#supervisor.start()
    // The sweep runs behind the poll of its turn: an answer that is in a channel is read before it is missed.
    this.#options.clock.every(SWEEP_INTERVAL_MS, () => setImmediate(() => this.#sweep()))
    await Promise.race([this.#started.promise, this.stopped])
    if (this.#stopping) return undefined
    this.#hasStarted = true
    const addresses = this.#entrance.bound.map((bound, index) => {
      return { ...bound, configured: this.#options.config.listen[index]?.address ?? '' }
    })
    return { addresses, workers: this.#supervisor.workers.map(({ slot, pid }) => ({ slot, pid })) }
  }

  /** Stops accepting, drains the workers, and lets them go. Calling it again changes nothing. */
  async stop(reason: string): Promise<void> {
    if (this.#stopping) return this.stopped
    this.#stopping = true
    const { clock, log, config } = this.#options
    this.#stopBeganMs = clock.nowMs()
    const text = `${reason}: draining; a second signal, a second or more later, ends at once`
    log.info({ event: 'draining', reason, deadlineMs: config.drainTimeoutMs }, text)
    this.#supervisor.stop()
    await this.#entrance.close()
    // A worker that was told to drain might be gone before a socket on its way to it is served.
    await Promise.race([this.#handoff.idle(), new Promise<void>((resolve) => clock.after(HANDOFF_GRACE_MS, resolve))])
    const { workers } = this.#supervisor
    for (const worker of workers) worker.tell({ type: 'drain', deadlineMs: config.drainTimeoutMs })
    const cancel = clock.after(config.drainTimeoutMs + KILL_GRACE_MS, () => this.#killAll())
    if (workers.length === 0) this.#finish()
    await this.stopped
    cancel()
  }

  #createEntrance(): Entrance {
    const { config, clock, raw } = this.#options
    const options: EntranceOptions = {
      config,
      clock,
      raw,
      onSocket: (accepted, listener) => this.#handoff.offer(accepted, listener),
      onFault: (address, status) => this.#acceptFailed(address, status),
    }
    return config.accept === 'reuseport' ? new ReuseportEntrance(options) : new HandoffEntrance(options)
  }

  #sweep(): void {
    this.#handoff.sweep()
    this.#entrance.sweep()
    this.#descriptors.recount(this.#handoff.pending)
    this.#refusalReport.look(this.#refusalsSoFar())
  }

  /** Sockets that were closed unserved, by reason: here, and by workers that accept. */
  #refusalsSoFar(): number[] {
    const sum = [...this.#refusals]
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
      onRefused: (worker, sequence) => handoff.decline(worker, sequence),
      onListening: (worker, slot, listener) => {
        entrance.workerListening(worker, slot, listener)
        this.#checkStarted()
      },
      onUnlistened: (worker, slot) => entrance.workerUnlistened(worker, slot),
      onSnapshot: (worker) => {
        handoff.heard(worker)
        entrance.workerHeard(worker)
      },
      onDrained: (_, forced) => {
        this.#forced += forced
      },
      onExit: (worker) => this.#exited(worker),
    }
  }

  #ready(worker: WorkerProcess): void {
    if (this.#stopping) {
      worker.tell({ type: 'drain', deadlineMs: this.#options.config.drainTimeoutMs })
      return
    }
    this.#handoff.addTarget(worker)
    this.#entrance.workerReady(worker)
    this.#options.log.debug({ event: 'worker-ready', slot: worker.slot, worker: worker.pid }, 'worker ready')
    this.#checkStarted()
  }

  #checkStarted(): void {
    const { workers } = this.#supervisor
    const isReady = workers.length === this.#options.config.workers && workers.every(({ ready }) => ready)
    if (isReady && this.#entrance.isServed) this.#started.resolve()
  }

  #failed(worker: WorkerProcess, message: string): void {
    this.#started.reject(new StartError(message))
    // Whoever waits for the start says it; a worker that is started again later has nobody who does.
    if (this.#hasStarted) this.#options.log.error({ event: 'worker-failed', slot: worker.slot }, message)
  }

  #exited(worker: WorkerProcess): void {
    this.#entrance.workerGone(worker)
    this.#handoff.removeTarget(worker)
    addRefusals(this.#refusals, worker.refusals)
    for (const [code, count] of worker.counters.closes.entries()) {
      this.#totals.closes[code] = (this.#totals.closes[code] ?? 0) + count
    }
    this.#totals.connectionsTotal += worker.connectionsTotal
    this.#totals.framesIn += worker.counters.framesIn
    if (this.#stopping && this.#supervisor.workers.length === 0) this.#finish()
  }

  #finish(): void {
    this.#handoff.refuseAll()
    const { clock, log } = this.#options
    const { connectionsTotal, framesIn, closes } = this.#totals
    const refusals = this.#refusalsSoFar()
    const named = closes.map((count, code): [string, number] => [closeReasonName(code), count])
    log.info(
      {
        event: 'stopped',
        tookMs: Math.round(clock.nowMs() - this.#stopBeganMs),
        forced: this.#forced,
        refused: refusals.reduce((sum, count) => sum + count, 0),
        refusals: namedRefusals(refusals),
        connectionsTotal,
        framesIn,
        closes: Object.fromEntries(named.filter(([, count]) => count > 0)),
      },
      this.#forced === 0 ? 'stopped' : `stopped; ${this.#forced} connections were still busy at the deadline`,
    )
    this.#stopped.resolve()
  }

  #killAll(): void {
    for (const worker of this.#supervisor.workers) {
      this.#options.log.error(
        { event: 'worker-killed', slot: worker.slot },
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

/** Names for the lives of workers: unique over restarts of the daemon, short enough for every connection's id. */
function epochs(clock: Clock): () => string {
  const boot = clock.wallMs().toString(36) + randomBytes(2).toString('hex')
  let life = 0
  return () => `${boot}-${(life++).toString(36)}`
}
