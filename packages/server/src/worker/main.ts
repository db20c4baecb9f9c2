/**
 * Owns the life of a shard worker process: its words with the primary, from `start` to `drained`.
 * Must not know: how a connection is served.
 * Invariant: it obeys the primary only: signals are ignored, and a channel that closes ends the process.
 */
import { Socket } from 'node:net'
import { closeReasonName } from '../close-reason.ts'
import { systemClock } from '../clock.ts'
import type { Config } from '../config/load-config.ts'
import { Descriptors, DESCRIPTORS_SPARE, systemDescriptors } from '../descriptors.ts'
import { isMessage, type SocketTicket, type ToPrimary, type ToWorker } from '../ipc.ts'
import { createLogger, type Logger } from '../log.ts'
import { systemRandom } from '../random.ts'
import { type Accepted, socketOf } from '../transport/accepted.ts'
import { openRawChannel } from '../transport/raw-channel.ts'
import { isRawHandle, loadRawBinding, type RawHandle } from '../transport/raw-handle.ts'
import { asListening } from '../transport/raw-listener.ts'
import { KeptViews } from '../service/kept-views.ts'
import { watchViews } from '../service/lent-views.ts'
import { loadService } from '../service/load-service.ts'
import type { Service } from '../service/service.ts'
import { SERVER_NAME } from '../version.ts'
import { Arrivals } from './arrivals.ts'
import type { Connection } from './connection.ts'
import { loadCollector, usedHeapBytes } from './collector.ts'
import { createFailureReport, createViewReport } from './failure-report.ts'
import { GiveBack } from './give-back.ts'
import { Shard } from './shard.ts'
import { SlotListeners } from './slot-listeners.ts'

const SNAPSHOT_INTERVAL_MS = 1000
/** From here on the primary is told soon of every descriptor that comes free: it may be refusing sockets. */
const DESCRIPTORS_SHORT = 2 * DESCRIPTORS_SPARE
const ROOM_INTERVAL_MS = 50
const IGNORED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

for (const signal of IGNORED_SIGNALS) process.on(signal, ignore)
process.on('disconnect', () => process.exit(1))

/** The worker once it has started; messages before that are `start` only. */
let worker: Worker | undefined
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
  else worker?.receive(message, handle)
}

async function start({ slot, epoch, config }: Extract<ToWorker, { type: 'start' }>): Promise<void> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat, base: { role: 'worker', slot } })
  try {
    const loaded = await loadService(config.service, systemClock)
    const service = config.debugViews ? debugged(loaded, log) : loaded
    const shard = new Shard({
      identity: { slot, epoch },
      config,
      service,
      clock: systemClock,
      random: systemRandom,
      serverName: SERVER_NAME,
      rawBinding: loadRawBinding(),
      report: createFailureReport(log, systemClock),
      onFault: (error) =>
        log.error({ event: 'internal-fault', err: error }, 'a fault of this server ended a connection'),
    })
    worker = new Worker(shard, log, config)
    const inline = rawChannel !== undefined && config.transport === 'auto'
    tell({ type: 'ready', inline, descriptorsFree: worker.descriptorsFree })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    // The primary decides whether this was a start that cannot succeed, or a slot to try again later.
    tell({ type: 'failed', message }, () => process.exit(1))
  }
}

/** The service with SHARDWIRE_DEBUG_VIEWS. */
function debugged(service: Service, log: Logger): Service {
  const report = createViewReport(log, systemClock)
  return watchViews(service, new KeptViews(systemClock, loadCollector(), report), report)
}

class Worker {
  readonly #shard: Shard
  readonly #log: Logger
  readonly #descriptors = new Descriptors(systemDescriptors)
  readonly #arrivals: Arrivals
  readonly #slots: SlotListeners
  readonly #giveBack: GiveBack
  /** Whether the primary waits to be told of room. */
  #isShort = false

  constructor(shard: Shard, log: Logger, { transport, backlog }: Config) {
    this.#shard = shard
    this.#log = log
    this.#arrivals = new Arrivals({
      clock: systemClock,
      adopt: (socket, listener) => shard.adopt(socket, listener),
      open: (connection) => shard.open(connection),
      giveUp: (connection) => this.#giveUp(connection),
      descriptorsFree: () => this.#reportFree(),
      onLost: () => this.#descriptors.recount(shard.counters.connectionsOpen),
      tell,
      later: setImmediate,
    })
    this.#slots = new SlotListeners({
      raw: transport === 'auto' && loadRawBinding() !== undefined,
      backlog,
      serve: (accepted, listener) => this.#serve(accepted, listener),
      hasRoom: () => this.#descriptorsFree > DESCRIPTORS_SPARE,
      onFault: (status) => log.error({ event: 'accept-failed', status }, 'an accept failed'),
    })
    const { counters, pool } = shard
    const collect = loadCollector({ returns: true })
    this.#giveBack = new GiveBack({ counters, pool, heapBytes: usedHeapBytes, collect })
    systemClock.every(SNAPSHOT_INTERVAL_MS, () => this.#snapshot())
  }

  get descriptorsFree(): number {
    return this.#descriptorsFree
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
      case 'drain':
        return this.#drain(message.deadlineMs)
      case 'start':
        return undefined
    }
  }

  get #descriptorsFree(): number {
    return this.#descriptors.free(this.#shard.counters.connectionsOpen)
  }

  #snapshot(): void {
    const { counters } = this.#shard
    this.#descriptors.recount(counters.connectionsOpen)
    tell({ type: 'snapshot', counters, refusals: this.#slots.refusals, descriptorsFree: this.#reportFree() })
    this.#giveBack.look()
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
    this.#descriptors.recount(this.#shard.counters.connectionsOpen)
    if (this.#descriptorsFree > reported) tell({ type: 'room', descriptorsFree: this.#reportFree() })
    else this.#reportFree()
  }

  #listen({ slot, listener }: Extract<ToWorker, { type: 'listen' }>, handle: ArrivedHandle | undefined): void {
    // Lost on its way: the primary sends it again.
    if (handle === undefined || handle instanceof Socket) return
    this.#slots.listen(slot, listener, asListening(handle))
    tell({ type: 'listening', slot, listener })
  }

  #serve(accepted: Accepted, listener: number): void {
    const socket = socketOf(accepted)
    if (socket !== undefined) this.#shard.open(this.#shard.adopt(socket, listener))
  }

  #giveUp(connection: Connection): void {
    this.#log.warn({ event: 'disowned', connection: connection.id }, 'a socket came too late to be served here')
    this.#shard.disown(connection)
  }

  #drain(deadlineMs: number): void {
    this.#slots.unlistenAll()
    this.#shard.drain(deadlineMs, (forced) => {
      const { counters } = this.#shard
      this.#log.debug({ event: 'drained', forced, closes: namedCloses(counters.closes) }, 'worker drained')
      tell({ type: 'drained', counters, refusals: this.#slots.refusals, forced }, () => process.exit(0))
    })
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
