/**
 * Owns the life of a shard worker process: its words with the primary, from `start` to `drained`.
 * Must not know: how a connection is served.
 * Invariant: it obeys the primary only: signals are ignored, and a channel that closes ends the process.
 */
import { Socket } from 'node:net'
import type { Inspector } from '../admin/inspect/inspector.ts'
import { closeReasonName } from '../close-reason.ts'
import { systemClock } from '../clock.ts'
import type { Config } from '../config/load-config.ts'
import { Descriptors, DESCRIPTORS_SPARE, systemDescriptors } from '../descriptors.ts'
import { isMessage, type SocketTicket, type StartMessage, type ToPrimary, type ToWorker } from '../ipc.ts'
import { createLogger, type Logger } from '../log.ts'
import { describeOffload, type OffloadPool } from '../offload/offload-pool.ts'
import { VitalSigns } from '../metrics/vitals.ts'
import type { WorkerReport } from '../metrics/worker-figures.ts'
import { systemRandom } from '../random.ts'
import { type Accepted, socketOf } from '../transport/accepted.ts'
import { openRawChannel } from '../transport/raw-channel.ts'
import { isRawHandle, loadRawBinding, type RawHandle } from '../transport/raw-handle.ts'
import { asListening } from '../transport/raw-listener.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { loadService } from '../service/load-service.ts'
import { Arrivals } from './arrivals.ts'
import type { Connection } from './connection.ts'
import { loadCollector, usedHeapBytes } from './collector.ts'
import { createShard, type CreatedShard } from './create-shard.ts'
import type { DrainOrder } from './drain.ts'
import type { DrainReport } from './drain-report.ts'
import { Health } from './health.ts'
import { GiveBack } from './give-back.ts'
import { createHeaderReport } from './header-report.ts'
import type { Guest } from './guest.ts'
import { describeMirror } from './mirror/mirror-counters.ts'
import { Reception } from './reception.ts'
import { Shard } from './shard.ts'
import { SlotListeners } from './slot-listeners.ts'
import { WorkerHooks } from './worker-hooks.ts'

const SNAPSHOT_INTERVAL_MS = 1000
/** From here on the primary is told soon of every descriptor that comes free: it may be refusing sockets. */
const DESCRIPTORS_SHORT = 2 * DESCRIPTORS_SPARE
const ROOM_INTERVAL_MS = 50
/** What a worker gets after an exception that nobody caught. */
const BROKEN_DRAIN_MS = 1000
/** What the service's last hooks get in any case: less than the primary waits beyond the deadline of a drain. */
const HOOKS_MS_MIN = 1000
const IGNORED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

for (const signal of IGNORED_SIGNALS) process.on(signal, ignore)
process.on('disconnect', primaryGone)
process.on('uncaughtException', (error) =>
  worker === undefined ? startFailed(error) : worker.health.faults.exception(error),
)
process.on('unhandledRejection', (reason) => {
  if (worker === undefined) startFailed(reason)
  else worker.health.faults.rejection(reason)
})

/** The worker once it has started; messages before that are `start` only. */
let worker: Worker | undefined
/** Undefined until it is known how to write. */
let workerLog: Logger | undefined
/** Signs of life until there are snapshots: loading a service may take long, but must let the loop turn. */
const stopPulse = systemClock.every(SNAPSHOT_INTERVAL_MS, () => tell({ type: 'pulse' }))
/** What came while the worker was starting; undefined while nothing did. */
let newerTls: TlsMaterial | undefined
/** Where sockets come without waiting for each other; undefined where this Node cannot. */
const rawChannel = openRawChannel(process)

rawChannel?.receive('{"type":"socket",', (line, handle) => worker?.receive(JSON.parse(line) as SocketTicket, handle))
process.on('message', (message: unknown, handle: unknown) => {
  if (!isMessage(message)) return
  receive(message as ToWorker, isRawHandle(handle) || handle instanceof Socket ? handle : undefined)
})

type ArrivedHandle = RawHandle | Socket

function receive(message: ToWorker, handle: ArrivedHandle | undefined): void {
  if (message.type === 'start') void start(message)
  else if (worker !== undefined) worker.receive(message, handle)
  else if (message.type === 'tls') newerTls = message.tls
}

async function start({ slot, epoch, config, configured, tls }: StartMessage): Promise<void> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat, base: { role: 'worker', slot } })
  workerLog = log
  try {
    const vitals = new VitalSigns()
    const created = await createShard({
      identity: { slot, epoch },
      config,
      configured,
      tls: () => newerTls ?? tls,
      service: await loadService(config.service, systemClock),
      log,
      clock: systemClock,
      random: systemRandom,
      rawBinding: loadRawBinding(),
      onClosed: (connection) => worker?.closed(connection),
      onTick: (lateMs) => vitals.late(lateMs),
    })
    worker = new Worker(created, log, config, vitals)
    stopPulse()
    const inline = rawChannel !== undefined && config.transport === 'auto'
    tell({ type: 'ready', inline, descriptorsFree: worker.descriptorsFree })
  } catch (error) {
    startFailed(error)
  }
}

/** The primary decides whether this was a start that cannot succeed, or a slot to try again later. */
function startFailed(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  tell({ type: 'failed', message }, () => process.exit(1))
}

/** Nobody is left to obey, or to start another in its place when it dies. */
function primaryGone(): void {
  const fields = { event: 'primary-gone', class: 'system', connections: worker?.connectionsOpen }
  if (worker?.isDone !== true) workerLog?.error(fields, 'the primary has died or let go of this worker; it ends too')
  process.exit(1)
}

class Worker {
  readonly #shard: Shard
  readonly #offload: OffloadPool
  readonly #hooks: WorkerHooks
  readonly #log: Logger
  readonly #descriptors = new Descriptors(systemDescriptors)
  readonly #reception: Reception
  readonly #arrivals: Arrivals<Connection | Guest>
  readonly #slots: SlotListeners
  readonly #giveBack: GiveBack
  readonly #vitals: VitalSigns
  readonly #inspector: Inspector
  readonly health: Health
  /** Its drain is over: nothing is to be said any more. */
  isDone = false
  /** Whether the primary waits to be told of room. */
  #isShort = false

  constructor({ shard, hooks, offload }: CreatedShard, log: Logger, config: Config, vitals: VitalSigns) {
    const { transport, listen, heapMb } = config
    this.#shard = shard
    this.#inspector = shard.createInspector(setImmediate)
    this.#vitals = vitals
    this.#hooks = hooks
    this.#offload = offload
    this.#log = log
    this.#reception = new Reception({
      config,
      shard,
      clock: systemClock,
      random: systemRandom,
      rawBinding: loadRawBinding(),
      descriptorLimit: systemDescriptors.limit(),
      hasRoom: () => this.#descriptorsFree > DESCRIPTORS_SPARE,
      untold: () => this.#arrivals.untold,
      tell,
      later: setImmediate,
      onBadHeader: createHeaderReport(log, systemClock),
    })
    this.#arrivals = new Arrivals({
      clock: systemClock,
      adopt: (socket, ticket) => this.#reception.adopt(socket, ticket),
      begin: (arrival) => this.#reception.begin(arrival),
      giveUp: (arrival) => this.#giveUp(arrival),
      descriptorsFree: () => this.#reportFree(),
      open: () => this.#reception.open,
      onLost: () => this.#descriptors.recount(this.#reception.sockets),
      tell,
      later: setImmediate,
    })
    this.#slots = new SlotListeners({
      raw: transport === 'auto' && loadRawBinding() !== undefined,
      backlogs: listen.map(({ backlog }) => backlog),
      onSocket: (accepted, listener) => this.#accepted(accepted, listener),
      onFault: (status) => log.error({ event: 'accept-failed', status }, 'an accept failed'),
    })
    const { counters, pool } = shard
    this.health = new Health({
      log,
      clock: systemClock,
      counters,
      heapMb,
      onOutworn: (why) => tell({ type: 'outworn', why }),
      onBroken: (why) => this.#leave(why),
    })
    const collect = loadCollector({ returns: true })
    this.#giveBack = new GiveBack({ counters, pool, heapBytes: usedHeapBytes, collect })
    systemClock.every(SNAPSHOT_INTERVAL_MS, () => this.#snapshot())
  }

  get descriptorsFree(): number {
    return this.#descriptorsFree
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
      case 'listen':
        return this.#listen(message, handle)
      case 'unlisten':
        this.#slots.unlisten(message.slot)
        return tell({ type: 'unlistened', slot: message.slot })
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
      case 'drain':
        return this.#drain(message)
      case 'start':
        return undefined
    }
  }

  get #descriptorsFree(): number {
    return this.#descriptors.free(this.#reception.sockets)
  }

  #snapshot(): void {
    const { open, sockets } = this.#reception
    this.#descriptors.recount(sockets)
    this.health.look(this.#descriptors)
    tell({ type: 'snapshot', ...this.#report(), descriptorsFree: this.#reportFree(), open })
    this.#giveBack.look()
  }

  #inquire({ id, inquiry }: Extract<ToWorker, { type: 'inquire' }>): void {
    this.#inspector.find(inquiry).then(
      (finding) => tell({ type: 'found', id, finding }),
      (error: unknown) => {
        const text = 'a fault of this server: it could not find out what was asked of its connections'
        this.#log.error({ event: 'inquiry-failed', class: 'system', err: error }, text)
        tell({ type: 'found', id, finding: null })
      },
    )
  }

  #report(): WorkerReport {
    const { counters, pool, routeBook } = this.#shard
    const { limit } = this.#descriptors
    const vitals = this.#vitals.take({ openFiles: limit - this.#descriptorsFree, openFilesMax: limit, pool })
    const { refusals } = this.#reception
    return { counters, refusals, vitals, offload: this.#offload.counters, routes: routeBook.takeChanged() }
  }

  /** What the primary is told; when it is little, word follows as soon as it is more. */
  #reportFree(): number {
    const free = this.#descriptorsFree
    if (free <= DESCRIPTORS_SHORT && !this.#isShort) {
      this.#isShort = true
      systemClock.after(ROOM_INTERVAL_MS, () => this.#tellRoom(free))
    }
    return free
  }

  #tellRoom(reported: number): void {
    this.#isShort = false
    this.#descriptors.recount(this.#reception.sockets)
    if (this.#descriptorsFree > reported) tell({ type: 'room', descriptorsFree: this.#reportFree() })
    else this.#reportFree()
  }

  #listen({ slot, listener }: Extract<ToWorker, { type: 'listen' }>, handle: ArrivedHandle | undefined): void {
    // Lost on its way: the primary sends it again.
    if (handle === undefined || handle instanceof Socket) return
    this.#slots.listen(slot, listener, asListening(handle))
    tell({ type: 'listening', slot, listener })
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
    tell({ type: 'leaving', why, deadlineMs: BROKEN_DRAIN_MS })
    this.#drain({ deadlineMs: BROKEN_DRAIN_MS, rolling: true })
  }

  #drain({ deadlineMs, rolling }: DrainOrder): void {
    this.#slots.unlistenAll()
    // While others serve on, whoever this worker has accepted is let in here: a connect must not fail for a reload.
    if (rolling) this.#arrivals.close()
    else this.#reception.close()
    const guests = { count: () => this.#reception.guests, dismiss: () => this.#reception.close() }
    const endByMs = systemClock.nowMs() + deadlineMs
    this.#shard.drain({ deadlineMs, rolling }, (report) => void this.#end(report, endByMs), guests)
  }

  /** No connection is left. @param endByMs of the drain */
  async #end(report: DrainReport, endByMs: number): Promise<void> {
    await this.#hooks.stop(Math.max(HOOKS_MS_MIN, endByMs - systemClock.nowMs()))
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
    tell({ type: 'drained', ...this.#report(), report, closed: this.#inspector.remembered() }, () => process.exit(0))
  }
}

function namedCloses(closes: readonly number[]): Record<string, number> {
  const named = closes.map((count, code): [string, number] => [closeReasonName(code), count])
  return Object.fromEntries(named.filter(([, count]) => count > 0))
}

/** A primary that is gone gets no messages: 'disconnect' is on its way. */
function tell(message: ToPrimary, onSent: (error: Error | null) => void = ignore): void {
  if (process.connected) process.send?.(message, undefined, undefined, onSent)
  else onSent(new Error('the channel to the primary is closed'))
}

function ignore(): void {
  return undefined
}
