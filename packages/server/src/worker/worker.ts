/**
 * Owns what a shard worker does for the primary from the moment at which it serves: sockets in, words out, its drain.
 * Must not know: how a connection is served, how words travel.
 * Invariant: each message of the primary is obeyed here and nowhere else; after its drain nothing more is said.
 */
import { Socket } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import { createAcceptReport } from '../admission/accept-report.ts'
import type { Inspector } from '../admin/inspect/inspector.ts'
import { closeReasonName } from '../close-reason.ts'
import type { Config } from '../config/load-config.ts'
import { DESCRIPTORS_SPARE, systemDescriptors } from '../descriptors.ts'
import { SNAPSHOT_INTERVAL_MS, type ToPrimary, type ToWorker } from '../ipc.ts'
import type { Logger } from '../log.ts'
import type { VitalSigns } from '../metrics/vitals.ts'
import type { WorkerReport } from '../metrics/worker-figures.ts'
import { describeOffload, type OffloadPool } from '../offload/offload-pool.ts'
import { openProfileSession } from '../profile/profile-session.ts'
import { Profiler } from '../profile/profiler.ts'
import { systemRandom } from '../random.ts'
import type { Tracing } from '../trace/tracer.ts'
import { type Accepted, socketOf } from '../transport/accepted.ts'
import { loadRawBinding, type RawHandle } from '../transport/raw-handle.ts'
import { asListening } from '../transport/raw-listener.ts'
import { Arrivals } from './arrivals.ts'
import { loadCollector, usedHeapBytes } from './collector.ts'
import type { Connection } from './connection.ts'
import type { CreatedShard } from './create-shard.ts'
import type { DrainOrder } from './drain.ts'
import type { DrainReport } from './drain-report.ts'
import { GiveBack } from './give-back.ts'
import type { Guest } from './guest.ts'
import { createHeaderReport } from './header-report.ts'
import { Health } from './health.ts'
import { describeMirror } from './mirror/mirror-counters.ts'
import { Reception } from './reception.ts'
import { RoomReport } from './room-report.ts'
import type { Shard } from './shard.ts'
import { SlotListeners } from './slot-listeners.ts'
import type { WorkerHooks } from './worker-hooks.ts'

/** What a worker gets after an exception that nobody caught. */
const BROKEN_DRAIN_MS = 1000
/** What the service's last hooks get in any case: less than the primary waits beyond the deadline of a drain. */
const HOOKS_MS_MIN = 1000
/** What exporting the last spans gets: with the hooks, still less than the primary waits. */
const TRACES_MS = 500
const MIB = 1024 * 1024

export type ArrivedHandle = RawHandle | Socket

/** Sends a message to the primary. @param onSent called when it has left this process, or never will */
export type Tell = (message: ToPrimary, onSent?: (error: Error | null) => void) => void

export interface WorkerParts {
  readonly created: CreatedShard
  readonly config: Config
  readonly log: Logger
  readonly clock: Clock
  readonly vitals: VitalSigns
  readonly tell: Tell
}

export class Worker {
  readonly #shard: Shard
  readonly #offload: OffloadPool
  readonly #hooks: WorkerHooks
  readonly #log: Logger
  readonly #clock: Clock
  readonly #tell: Tell
  readonly #room: RoomReport
  readonly #reception: Reception
  readonly #arrivals: Arrivals<Connection | Guest>
  readonly #slots: SlotListeners
  readonly #giveBack: GiveBack
  readonly #vitals: VitalSigns
  /** Bytes of the heap that may live on. */
  readonly #heapLimit: number
  readonly #inspector: Inspector
  readonly #profiler: Profiler
  readonly #tracing: Tracing | undefined
  readonly health: Health
  /** Its drain is over: nothing is to be said any more. */
  isDone = false

  constructor({ created, config, log, clock, vitals, tell }: WorkerParts) {
    const { shard, hooks, offload, tracing } = created
    const { transport, listen, heapMb } = config
    this.#clock = clock
    this.#tell = tell
    this.#shard = shard
    this.#inspector = shard.createInspector(setImmediate)
    this.#profiler = new Profiler({ clock, tell, open: openProfileSession })
    this.#vitals = vitals
    this.#heapLimit = heapMb * MIB
    this.#hooks = hooks
    this.#offload = offload
    this.#tracing = tracing
    this.#log = log
    this.#reception = new Reception({
      config,
      shard,
      clock,
      random: systemRandom,
      rawBinding: loadRawBinding(),
      descriptorLimit: systemDescriptors.limit(),
      hasRoom: () => this.#room.free > DESCRIPTORS_SPARE,
      untold: () => this.#arrivals.untold,
      tell,
      later: setImmediate,
      onBadHeader: createHeaderReport(log, clock),
    })
    this.#room = new RoomReport(clock, () => this.#reception.sockets, tell)
    this.#arrivals = new Arrivals({
      clock,
      adopt: (socket, ticket) => this.#reception.adopt(socket, ticket),
      begin: (arrival) => this.#reception.begin(arrival),
      giveUp: (arrival) => this.#giveUp(arrival),
      descriptorsFree: () => this.#room.report(),
      open: () => this.#reception.open,
      onLost: () => this.#room.recount(),
      tell,
      later: setImmediate,
    })
    const acceptFailed = createAcceptReport(clock, log)
    this.#slots = new SlotListeners({
      raw: transport === 'auto' && loadRawBinding() !== undefined,
      backlogs: listen.map(({ backlog }) => backlog),
      onSocket: (accepted, listener) => this.#accepted(accepted, listener),
      onFault: (status, listener) => acceptFailed(listen[listener]?.address ?? '', status),
    })
    const { counters, pool } = shard
    this.health = new Health({
      log,
      clock,
      counters,
      heapMb,
      onOutworn: (why) => tell({ type: 'outworn', why }),
      onBroken: (why) => this.#leave(why),
    })
    const collect = loadCollector({ returns: true })
    this.#giveBack = new GiveBack({ counters, pool, heapBytes: usedHeapBytes, collect })
    clock.every(SNAPSHOT_INTERVAL_MS, () => this.#snapshot())
  }

  get descriptorsFree(): number {
    return this.#room.free
  }

  closed(connection: Connection): void {
    this.#reception.closed(connection)
  }

  receive(message: ToWorker, handle: ArrivedHandle | undefined): void {
    switch (message.type) {
      case 'socket':
        return this.#arrivals.arrived(message, handle)
      case 'disown':
        return this.#arrivals.disown(message.sequence)
      case 'settled':
        return this.#arrivals.settled(message.sequences)
      case 'listen':
        return this.#listen(message, handle)
      case 'unlisten':
        this.#slots.unlisten(message.slot)
        return this.#tell({ type: 'unlistened', slot: message.slot })
      case 'tls':
        return this.#shard.useTls(message.tls)
      case 'verdicts':
        return this.#reception.answered(message.verdicts)
      case 'quota':
        return this.#reception.useQuota(message.quota, message.sequence)
      case 'full':
        return this.#reception.full()
      case 'inquire':
        return this.#inquire(message)
      case 'profile':
        return this.#profiler.start(message)
      case 'profile-more':
        return this.#profiler.more(message.id)
      case 'profile-cancel':
        return this.#profiler.cancel(message.id)
      case 'drain':
        return this.#drain(message)
      case 'start':
        return undefined
    }
  }

  #snapshot(): void {
    const { open } = this.#reception
    this.#room.recount()
    this.health.look(this.#room.descriptors)
    this.#tell({ type: 'snapshot', ...this.#report(), descriptorsFree: this.#room.report(), open })
    this.#giveBack.look()
  }

  #inquire({ id, inquiry }: Extract<ToWorker, { type: 'inquire' }>): void {
    this.#inspector.find(inquiry).then(
      (finding) => this.#tell({ type: 'found', id, finding }),
      (error: unknown) => {
        const text = 'a fault of this server: it could not find out what was asked of its connections'
        this.#log.error({ event: 'inquiry-failed', class: 'system', err: error }, text)
        this.#tell({ type: 'found', id, finding: null })
      },
    )
  }

  #report(): WorkerReport {
    const { counters, pool, routeBook } = this.#shard
    const { free, descriptors } = this.#room
    const { limit } = descriptors
    const open = { openFiles: limit - free, openFilesMax: limit }
    const vitals = this.#vitals.take({ ...open, heapLimit: this.#heapLimit, pool })
    const { refusals } = this.#reception
    return { counters, refusals, vitals, offload: this.#offload.counters, routes: routeBook.takeChanged() }
  }

  #listen({ slot, listener }: Extract<ToWorker, { type: 'listen' }>, handle: ArrivedHandle | undefined): void {
    // Lost on its way: the primary sends it again.
    if (handle === undefined || handle instanceof Socket) return
    this.#slots.listen(slot, listener, asListening(handle))
    this.#tell({ type: 'listening', slot, listener })
  }

  #accepted(accepted: Accepted, listener: number): void {
    const socket = socketOf(accepted)
    if (socket !== undefined) this.#reception.accepted(socket, listener)
  }

  #giveUp(arrival: Connection | Guest): void {
    this.#log.warn({ event: 'disowned', connection: arrival.id }, 'a socket came too late to be served here')
    this.#reception.giveUp(arrival)
  }

  get connectionsOpen(): number {
    return this.#shard.counters.connectionsOpen
  }

  /** What an exception left behind nobody knows: whoever is here may get the answers that are under way, no more. */
  #leave(why: string): void {
    this.#tell({ type: 'leaving', why, deadlineMs: BROKEN_DRAIN_MS })
    this.#drain({ deadlineMs: BROKEN_DRAIN_MS, rolling: true })
  }

  #drain({ deadlineMs, rolling }: DrainOrder): void {
    this.#slots.unlistenAll()
    // While others serve on, whoever this worker has accepted is let in here: a connect must not fail for a reload.
    if (rolling) this.#arrivals.close()
    else this.#reception.close()
    const guests = { count: () => this.#reception.guests, dismiss: () => this.#reception.close() }
    const endByMs = this.#clock.nowMs() + deadlineMs
    this.#shard.drain({ deadlineMs, rolling }, (report) => void this.#end(report, endByMs), guests)
  }

  /** No connection is left. @param endByMs of the drain */
  async #end(report: DrainReport, endByMs: number): Promise<void> {
    await this.#hooks.stop(Math.max(HOOKS_MS_MIN, endByMs - this.#clock.nowMs()))
    await this.#tracing?.stop(TRACES_MS)
    this.isDone = true
    const { counters } = this.#shard
    if (counters.mirror.sampled > 0) {
      this.#log.info({ event: 'mirror-totals', ...describeMirror(counters.mirror) }, 'what was mirrored')
    }
    const { offered } = this.#offload.counters
    if (offered > 0)
      this.#log.info({ event: 'offload-totals', ...describeOffload(this.#offload.counters) }, 'what ran in threads')
    const { leasedBlocks } = this.#shard.pool
    const closes = namedCloses(counters.closes)
    this.#log.debug({ event: 'drained', ...report, closes, leasedBlocks }, 'worker drained')
    this.#tell({ type: 'drained', ...this.#report(), report, closed: this.#inspector.remembered() }, () =>
      process.exit(0),
    )
  }
}

function namedCloses(closes: readonly number[]): Record<string, number> {
  const named = closes.map((count, code): [string, number] => [closeReasonName(code), count])
  return Object.fromEntries(named.filter(([, count]) => count > 0))
}
