/**
 * Owns the parts of a shard worker and their wiring: one of each, made once.
 * Must not know: the channel to the primary, signals.
 * Invariant: what happens to a connection happens in one of the parts; here is only who knows whom.
 */
import { BufferPool, type Clock, FRAME_OVERHEAD_BYTES } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { Config } from '../config/load-config.ts'
import type { Socket } from 'node:net'
import type { Service } from '../service/service.ts'
import { isRawHandle, type RawBinding, type RawHandle } from '../transport/raw-handle.ts'
import { Adopt } from './adopt.ts'
import { Answers, type ReportFailure } from './answers.ts'
import { Budget } from './budget.ts'
import { Calls } from './calls.ts'
import { Closing } from './closing.ts'
import type { Connection, ShardIdentity } from './connection.ts'
import { ControlFrames } from './control-frames.ts'
import { type Counters, createCounters } from './counters.ts'
import { Deadlines } from './deadlines.ts'
import { Dispatch } from './dispatch.ts'
import { Drain } from './drain.ts'
import { createListeners } from './listeners.ts'
import { Outbound, WRITE_SLAB_BYTES } from './outbound.ts'
import { READ_SLAB_BYTES, ReadPath } from './read-path.ts'
import { Rings, RING_BYTES_MIN } from './rings.ts'
import { Router } from './router.ts'
import { TurnBudget } from './turn-budget.ts'
import { WheelClock } from './wheel-clock.ts'
import { limitUnsent } from './write-limits.ts'

/** How late a deadline may be, in milliseconds. */
const TICK_MS = 20
/** One lap is 41 s: longer than the default heartbeat, so that an idle connection is looked at once an interval. */
const WHEEL_SLOTS = 2048
/** What the pool keeps free after a burst. */
const FREE_BYTES_MAX = 4 * 1024 * 1024
/** Large enough for malloc to map it: what is cut from it leaves no holes in the heap when it goes. */
const SLAB_BYTES = 1024 * 1024
/** What V8 takes for a block beside its bytes, with the ring over it: measured over 15 000 of the smallest. */
const BLOCK_OVERHEAD_BYTES = 320
/** On top of what connections may have: the slab that answers are written in, and one largest block's overhead. */
const OWN_BYTES = WRITE_SLAB_BYTES + 2 * BLOCK_OVERHEAD_BYTES

export interface ShardOptions {
  readonly identity: ShardIdentity
  readonly config: Config
  readonly service: Service
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  readonly serverName: string
  /** Undefined where sockets come as documented ones. */
  readonly rawBinding: RawBinding | undefined
  readonly report: ReportFailure
  /** A fault of this server in the middle of a connection. */
  readonly onFault: (error: unknown) => void
}

export class Shard {
  readonly counters: Counters = createCounters()
  readonly connections = new Set<Connection>()
  readonly pool: BufferPool
  readonly #options: ShardOptions
  readonly #listeners: ReturnType<typeof createListeners>
  readonly #adopt: Adopt
  readonly #closing: Closing
  readonly #deadlines: Deadlines
  readonly #outbound: Outbound
  #drain: Drain | undefined

  constructor(options: ShardOptions) {
    const { config, clock, identity } = options
    const { counters } = this
    this.#options = options
    this.#listeners = createListeners(config)
    const ringBytesMax = ringBytesMaxOf(config)
    const pool = createPool(config, ringBytesMax)
    this.pool = pool
    const wheel = new WheelClock({ clock, tickMs: TICK_MS, slots: WHEEL_SLOTS })
    const nowMs = (): number => wheel.nowMs
    const shed = (connection: Connection): void => closing.reset(connection, CloseReason.BUFFER_LIMIT)
    const { connections } = this
    const budget = new Budget({ pool, bytesMax: pool.bytesMax, connections, shed })
    const rings = new Rings(budget, ringBytesMax, counters)
    const { slowConsumerMs, writeTimeoutMs, writeBufferBytes } = config
    const onPending = (connection: Connection): void => limitUnsent(connection, writeBufferBytes, deadlines)
    const outbound = new Outbound(budget, counters, onPending)
    const onClosed = (connection: Connection): void => this.#closed(connection)
    const closing: Closing = new Closing({ outbound, rings, budget, wheel, counters, nowMs, onClosed })
    const deadlines: Deadlines = new Deadlines({
      wheel,
      outbound,
      closing,
      slowConsumerMs,
      writeTimeoutMs,
      writeBufferBytes,
      nowMs,
    })
    const answers = new Answers(outbound, closing, options.report)
    const calls = new Calls({
      answers,
      outbound,
      closing,
      wheel,
      counters,
      nowMs,
      exactNowMs: () => clock.nowMs(),
      onFault: options.onFault,
    })
    const control = new ControlFrames(outbound, closing, options.serverName)
    const router = new Router(options.service)
    const dispatch = new Dispatch({ router, control, answers, calls, closing, outbound, counters, limits: config })
    const turnBudget = new TurnBudget(() => clock.nowMs())
    const readPath = new ReadPath({
      dispatch,
      outbound,
      closing,
      rings,
      deadlines,
      budget: turnBudget,
      counters,
      poison: config.debugViews,
      onFault: options.onFault,
    })
    this.#adopt = new Adopt({
      identity,
      readPath,
      outbound,
      closing,
      deadlines,
      counters,
      settings: config,
      rawBinding: options.rawBinding,
      nowMs,
    })
    this.#closing = closing
    this.#deadlines = deadlines
    this.#outbound = outbound
  }

  /** Takes a socket that nobody has read from; `open` begins to read it. */
  adopt(socket: RawHandle | Socket, listenerIndex: number): Connection {
    const listener = this.#listeners[listenerIndex]
    if (listener === undefined) throw new RangeError(`there is no listener ${listenerIndex}`)
    const isRaw = isRawHandle(socket)
    const connection = isRaw ? this.#adopt.adoptHandle(socket, listener) : this.#adopt.adoptSocket(socket, listener)
    this.connections.add(connection)
    return connection
  }

  open(connection: Connection): void {
    this.#adopt.open(connection)
    this.#drain?.joined(connection)
  }

  /** Lets go of a socket that is another worker's: only this process's copy is closed, the peer sees nothing. */
  disown(connection: Connection): void {
    this.#closing.letGo(connection, CloseReason.DISOWNED)
  }

  /** Tells everyone to leave; `onDrained` gets the number of connections that had to be cut off. */
  drain(deadlineMs: number, onDrained: (forced: number) => void): void {
    if (this.#drain !== undefined) return
    const { clock, random } = this.#options
    this.#drain = new Drain({
      connections: this.connections,
      outbound: this.#outbound,
      closing: this.#closing,
      deadlines: this.#deadlines,
      clock,
      random,
      onDrained,
    })
    this.#drain.begin(deadlineMs)
  }

  #closed(connection: Connection): void {
    this.connections.delete(connection)
    this.#drain?.closed()
  }
}

/** A ring holds one frame of the largest size, or what a read leaves. */
function ringBytesMaxOf({ listen }: Config): number {
  const frameBytesMax = Math.max(...listen.map(({ maxFrameBytes }) => maxFrameBytes)) + FRAME_OVERHEAD_BYTES
  return Math.max(frameBytesMax, READ_SLAB_BYTES)
}

function createPool(config: Config, ringBytesMax: number): BufferPool {
  return new BufferPool({
    bytesMax: config.maxBufferBytes + OWN_BYTES,
    blockBytesMin: RING_BYTES_MIN,
    blockOverheadBytes: BLOCK_OVERHEAD_BYTES,
    slabBytes: SLAB_BYTES,
    // A documented socket reads in memory of its own: the chunk that ends a frame brings some of the next.
    blockBytesMax: ringBytesMax + READ_SLAB_BYTES,
    freeBytesMax: Math.min(FREE_BYTES_MAX, config.maxBufferBytes / 4),
    poison: config.debugViews,
  })
}
