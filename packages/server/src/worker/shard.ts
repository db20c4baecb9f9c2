/**
 * Owns the parts of a shard worker and their wiring: one of each, made once.
 * Must not know: the channel to the primary, signals.
 * Invariant: what happens to a connection happens in one of the parts; here is only who knows whom.
 */
import type { BufferPool, Clock } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { SpokenCodec } from '../codec/spoken-codec.ts'
import type { Config } from '../config/load-config.ts'
import type { Socket } from 'node:net'
import type { RunnableService } from '../service/compile.ts'
import type { ServiceLog } from '../log.ts'
import type { TaskCaller } from '../offload/task-caller.ts'
import { isRawHandle, type RawBinding, type RawHandle } from '../transport/raw-handle.ts'
import type { TlsMaterial } from '../transport/tls-context.ts'
import { ClosedHistory } from '../admin/inspect/closed-history.ts'
import { FrameTrail } from '../admin/inspect/frame-trail.ts'
import { Inspector } from '../admin/inspect/inspector.ts'
import { RouteBook } from '../metrics/route-stats.ts'
import { Admission, type AdmissionParts } from './admission.ts'
import { Adopt } from './adopt.ts'
import type { ReportFailure } from './answers.ts'
import { Budget } from './budget.ts'
import type { CloseLog } from './close-log.ts'
import { Closing } from './closing.ts'
import type { Connection, ShardIdentity } from './connection.ts'
import { CodecAnswers } from './codecs/codec-answers.ts'
import { type Counters, createCounters } from './counters.ts'
import { Deadlines } from './deadlines.ts'
import { createPool, ringBytesMaxOf } from './create-pool.ts'
import { createServing } from './create-serving.ts'
import { Drain, type DrainOrder } from './drain.ts'
import type { DrainReport } from './drain-report.ts'
import { createListeners } from './listeners.ts'
import { createMaxAge } from './max-age.ts'
import { MessageRate } from './message-rate.ts'
import { createMirror, createOutbound } from './mirror/create-mirror.ts'
import type { MirrorReport } from './mirror/mirror-report.ts'
import { type Outbound, WRITE_SLAB_BYTES } from './outbound.ts'
import { Overload, type OverloadParts, type OverloadSignals } from './overload.ts'
import type { ClientAddress } from './proxy-header.ts'
import { ReadPath } from './read-path.ts'
import { Rings } from './rings.ts'
import { createGreetings, createScope, type ServiceScope } from './service-side.ts'
import { Handshakes } from './tls/handshakes.ts'
import { TurnBudget } from './turn-budget.ts'
import { WheelClock } from './wheel-clock.ts'
import type { WorkerHooks } from './worker-hooks.ts'
import { limitUnsent } from './write-limits.ts'

/**
 * How late a deadline may be, in milliseconds. One lap is 41 s: longer than the default heartbeat, so that an idle
 * connection is looked at once an interval.
 */
const WHEEL = { tickMs: 20, slots: 2048 }
export interface ShardOptions {
  readonly identity: ShardIdentity
  readonly config: Config
  readonly service: RunnableService
  readonly hooks: WorkerHooks
  /** What runs tasks for handlers; undefined where there are no threads. */
  readonly tasks?: TaskCaller
  /** What is spoken on each listener, null for frames. */
  readonly codecs: readonly (SpokenCodec | null)[]
  /** What handlers write to. */
  readonly log: ServiceLog
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  readonly serverName: string
  /** Whether sockets have the options of their listener already. */
  readonly configured: boolean
  /** What TLS is spoken with; null where no listener has it. */
  readonly tls: TlsMaterial | null
  /** Undefined where sockets come as documented ones. */
  readonly rawBinding: RawBinding | undefined
  readonly report: ReportFailure
  /** A fault of this server in the middle of a connection. */
  readonly onFault: (error: unknown) => void
  /** Told why connections end. */
  readonly closeLog?: CloseLog
  /** A connection is gone. */
  readonly onClosed?: (connection: Connection) => void
  /** Told of mirroring. */
  readonly mirrorReport?: MirrorReport | undefined
  /** Told of each tick of the wheel by how much it came late, in milliseconds. */
  readonly onTick?: (lateMs: number) => void
  /** The worker is overloaded, or less or more than before. */
  readonly onOverload?: (level: number, signals: OverloadSignals) => void
}

/** Sockets that may become connections during a drain. */
interface Guests {
  readonly count: () => number
  readonly dismiss: () => void
}

const NO_GUESTS: Guests = { count: () => 0, dismiss: ignore }

export class Shard {
  readonly counters: Counters = createCounters()
  readonly connections = new Set<Connection>()
  readonly pool: BufferPool
  readonly routeBook: RouteBook
  readonly trail = new FrameTrail()
  readonly history: ClosedHistory
  /** Where all deadlines of the worker stand. */
  readonly wheel: WheelClock
  /** What the service sees of a connection. */
  readonly servedOf: ServiceScope['connectionOf']
  readonly #options: ShardOptions
  readonly #listeners: ReturnType<typeof createListeners>
  readonly #adopt: Adopt
  readonly #closing: Closing
  readonly #deadlines: Deadlines
  readonly #outbound: Outbound
  readonly #overload: Overload
  readonly #handshakes: Handshakes | undefined
  #drain: Drain | undefined

  constructor(options: ShardOptions) {
    const { config, clock, identity } = options
    const { counters, trail } = this
    this.#options = options
    this.#listeners = createListeners(config, options.codecs, options.configured)
    const ringBytesMax = ringBytesMaxOf(config)
    this.pool = createPool(config, ringBytesMax)
    const wheel = (this.wheel = new WheelClock({ clock, ...WHEEL, onTick: options.onTick }))
    const nowMs = (): number => wheel.nowMs
    const shed = (connection: Connection): void => closing.reset(connection, CloseReason.BUFFER_LIMIT)
    const { connections, pool } = this
    const budget = new Budget({ pool, reserveBytes: WRITE_SLAB_BYTES, connections, shed })
    const rings = new Rings(budget, ringBytesMax, counters)
    const { slowConsumerMs, writeTimeoutMs, writeBufferBytes } = config
    const onPending = (connection: Connection): void => limitUnsent(connection, writeBufferBytes, deadlines)
    const { closeLog, onFault } = options
    const { mirror, comparisons } = createMirror(options, wheel, counters)
    const outbound = createOutbound(budget, counters, onPending, comparisons)
    const onClosed = (connection: Connection): void => this.#closed(connection)
    const history = (this.history = new ClosedHistory({ trail, nowMs, wallMs: () => clock.wallMs() }))
    const codecAnswers = new CodecAnswers(outbound, onFault)
    const onAnswered = (connection: Connection): void => readPath.answered(connection)
    const closing: Closing = new Closing({
      ...{ outbound, rings, budget, wheel, counters, nowMs },
      ...{ codecs: codecAnswers, onAnswered, closeLog, history, onClosed },
    })
    const exactNowMs = (): number => clock.nowMs()
    const routeBook = (this.routeBook = new RouteBook(options.service.routes, exactNowMs))
    const base = { outbound, closing, wheel, counters, routeBook, trail, nowMs, exactNowMs }
    const unsent = { slowConsumerMs, writeTimeoutMs, writeBufferBytes }
    const deadlines: Deadlines = new Deadlines({ ...base, ...unsent, maxAge: createMaxAge(options) })
    const { overload, admission } = createAdmission(options, { ...base, pool, budget })
    const serviceSide = { ...options, ...base, codecs: codecAnswers }
    const scope = createScope(serviceSide)
    this.servedOf = scope.connectionOf
    const onPong = (connection: Connection): void => deadlines.ponged(connection)
    const servingParts = { ...options, ...base, admission, mirror, codecAnswers, scope, onPong }
    const serving = createServing({ ...servingParts, limits: config })
    const readPath: ReadPath = new ReadPath({
      ...{ ...serving, outbound, closing, rings, deadlines, counters, trail, onFault },
      budget: new TurnBudget(exactNowMs),
      exactNowMs,
      poison: config.debugViews,
    })
    const greetings = createGreetings(serviceSide, scope.connectionOf, readPath)
    const { tls } = options
    const handshakes = tls === null ? undefined : this.#createHandshakes(closing, wheel)
    if (tls !== null) handshakes?.use(tls)
    this.#handshakes = handshakes
    this.#adopt = new Adopt({
      identity,
      readPath,
      outbound,
      closing,
      deadlines,
      counters,
      handshakes,
      greetings,
      rawBinding: options.rawBinding,
      closeLog,
      nowMs,
    })
    this.#closing = closing
    this.#deadlines = deadlines
    this.#outbound = outbound
    this.#overload = overload
  }

  /**
   * Takes a socket that nobody has read from; `open` begins to read it.
   * @param client for whom a proxy connected
   */
  adopt(socket: RawHandle | Socket, listenerIndex: number, client?: ClientAddress): Connection {
    const listener = this.#listeners[listenerIndex]
    if (listener === undefined) throw new RangeError(`there is no listener ${listenerIndex}`)
    const isRaw = isRawHandle(socket)
    const connection = isRaw ? this.#adopt.adoptHandle(socket, listener) : this.#adopt.adoptSocket(socket, listener)
    if (client !== undefined) {
      connection.client = client
      this.#options.closeLog?.opened(connection)
    }
    connection.trail = this.trail.join()
    this.history.opened(connection)
    this.connections.add(connection)
    this.#overload.begin()
    return connection
  }

  open(connection: Connection): void {
    if (this.#adopt.open(connection)) this.#drain?.joined(connection)
  }

  /** What finds out about its connections for an operator. @param later runs a task in the next turn of the loop */
  createInspector(later: (task: () => void) => void): Inspector {
    const { identity, clock, config } = this.#options
    return new Inspector({
      ...identity,
      ...{ connections: this.connections, trail: this.trail, history: this.history },
      ...{ closing: this.#closing, outbound: this.#outbound, drainTimeoutMs: config.drainTimeoutMs },
      clock,
      nowMs: () => clock.nowMs(),
      later,
    })
  }

  /** From now on TLS is spoken with this. Connections live on with what they began with. */
  useTls(tls: TlsMaterial): void {
    this.#handshakes?.use(tls)
  }

  /** Lets go of a socket that is another worker's: only this process's copy is closed, the peer sees nothing. */
  disown(connection: Connection): void {
    this.#closing.letGo(connection, CloseReason.DISOWNED)
  }

  /** Tells everyone to leave; `onDrained` is told what it came to. Again: the earlier deadline counts. */
  drain(order: DrainOrder, onDrained: (report: DrainReport) => void, guests: Guests = NO_GUESTS): void {
    const { clock, random } = this.#options
    this.#drain ??= new Drain({
      connections: this.connections,
      outbound: this.#outbound,
      closing: this.#closing,
      deadlines: this.#deadlines,
      clock,
      random,
      callsInFlight: () => this.counters.callsInFlight,
      guests: guests.count,
      dismissGuests: guests.dismiss,
      onDrained,
    })
    this.#drain.order(order)
  }

  /** Somebody left who might have become a connection. */
  guestLeft(): void {
    this.#drain?.guestLeft()
  }

  #createHandshakes(closing: Closing, wheel: WheelClock): Handshakes {
    const { clock, config } = this.#options
    const { tlsClientAuth: clientAuth, tlsSpiffeAllow: spiffeAllow, maxHandshakes, handshakeTimeoutMs } = config
    return new Handshakes({
      closing,
      wheel,
      rules: { clientAuth, spiffeAllow },
      max: maxHandshakes,
      timeoutMs: handshakeTimeoutMs,
      nowMs: () => wheel.nowMs,
      wallMs: () => clock.wallMs(),
      onOpen: (connection) => this.open(connection),
    })
  }

  #closed(connection: Connection): void {
    this.history.closed(connection)
    this.trail.leave(connection.trail)
    this.#handshakes?.closed(connection)
    this.connections.delete(connection)
    if (this.connections.size === 0) this.#overload.idle()
    this.#options.onClosed?.(connection)
    this.#drain?.closed()
  }
}

type AdmissionBase = Pick<OverloadParts, 'wheel' | 'pool' | 'budget'> &
  Pick<AdmissionParts, 'closing' | 'counters' | 'routeBook' | 'nowMs'>

/** Who says whether a frame is served at all, and whether the worker is overloaded. */
function createAdmission(options: ShardOptions, base: AdmissionBase): { overload: Overload; admission: Admission } {
  const { config, random, onOverload = ignore } = options
  const { messageRate, overloadDelayMs: delayMs, overloadBufferPercent: bufferPercent } = config
  const overload = new Overload({ ...base, random, delayMs, bufferPercent, onLevel: onOverload })
  const rate = messageRate > 0 ? new MessageRate({ ...base, perSecond: messageRate }) : undefined
  return { overload, admission: new Admission({ ...base, rate, overload, random }) }
}

function ignore(): void {
  return undefined
}
