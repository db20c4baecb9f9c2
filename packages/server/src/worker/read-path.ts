/**
 * Owns the way in: every read of every connection of a worker, from the bytes in memory to whole frames dispatched.
 * Must not know: what a frame means, how answers leave.
 * Invariant: the read slab is one for the life of the worker; it is never swapped, written to a socket or given to a
 * thread. What cannot be dispatched before a read callback returns waits in a ring of its connection. While a
 * connection is on hold nothing of it is dispatched, and its reading is paused.
 */
import {
  allocateMemory,
  DECODE_BROKEN,
  DECODE_NEED_MORE,
  errorName,
  PREFIX_BYTES,
  type RingBuffer,
  ShardwireError,
} from '@shardwire/protocol'
import { CloseReason, type CloseReasonName, CLOSE_REASONS } from '../close-reason.ts'
import type { ReadInto } from '../raw-handle.ts'
import type { Closing } from './closing.ts'
import { type Connection, HOLD_TURN, STATE_ENDING } from './connection.ts'
import type { Counters } from './counters.ts'
import type { Deadlines } from './deadlines.ts'
import type { Dispatch } from './dispatch.ts'
import type { Outbound } from './outbound.ts'
import type { Rings } from './rings.ts'
import type { ShardSocket } from './shard-socket.ts'
import type { TurnBudget } from './turn-budget.ts'

/** Bytes of one read at most. */
export const READ_SLAB_BYTES = 65_536

export interface ReadPathParts {
  readonly dispatch: Dispatch
  readonly outbound: Outbound
  readonly closing: Closing
  readonly rings: Rings
  readonly deadlines: Deadlines
  readonly budget: TurnBudget
  readonly counters: Counters
  /** A fault of this server: it costs the connection and is reported. */
  readonly onFault: (error: unknown) => void
}

export class ReadPath {
  readonly #parts: ReadPathParts
  readonly #slab = allocateMemory(READ_SLAB_BYTES)
  /** Whose read callback runs; Node asks for the next memory right after it, without saying for whom. */
  #reading: Connection | null = null
  /** What `#run` was told by the decoder last: bytes that the cut frame has in all. */
  #frameBytes = PREFIX_BYTES
  /** For all sockets of the worker. */
  readonly readInto: ReadInto

  constructor(parts: ReadPathParts) {
    this.#parts = parts
    this.readInto = {
      buffer: () => this.#nextMemory(),
      callback: readCallback((connection, bytes) => this.#guarded(connection, bytes)),
    }
  }

  /** Lets a connection that was on hold go on: first with what waits in its ring, then with reading. */
  release(connection: Connection, hold: number): void {
    if ((connection.hold & hold) === 0) return
    connection.hold &= ~hold
    if (connection.hold !== 0) return
    this.#parts.deadlines.clockRuns(connection)
    if (connection.ring !== null) this.#runRing(connection, connection.ring)
    if (connection.hold === 0) connection.socket.resume()
  }

  /** Holds a connection until the loop has served the others. */
  #yieldTurn(connection: Connection): void {
    connection.hold |= HOLD_TURN
    connection.socket.pause()
    setImmediate(releaseTurn, this, connection)
  }

  /** What is thrown here would otherwise leave through Node's read callback and end the worker. */
  #guarded(connection: Connection, bytes: number): boolean {
    try {
      return this.#onRead(connection, bytes)
    } catch (error) {
      this.#parts.onFault(error)
      this.#parts.closing.reset(connection, CloseReason.INTERNAL)
      return false
    }
  }

  #onRead(connection: Connection, bytes: number): boolean {
    const { counters, deadlines, rings } = this.#parts
    this.#reading = connection
    counters.bytesIn += bytes
    deadlines.heard(connection)
    if (connection.state > STATE_ENDING) return this.#discard(connection)
    const { ring } = connection
    if (ring !== null) {
      ring.commit(bytes)
      if (connection.hold === 0) this.#runRing(connection, ring)
      if (ring.readableBytes === 0) rings.release(connection)
    } else {
      const consumed = connection.hold === 0 ? this.#run(connection, this.#slab, 0, bytes) : 0
      if (consumed < bytes && !rings.keep(connection, this.#slab, consumed, bytes)) return this.#noMemory(connection)
    }
    return this.#ready(connection)
  }

  /** Leaves the connection so that its next read has somewhere to land. @returns whether it may read on */
  #ready(connection: Connection): boolean {
    const { ring } = connection
    if (ring !== null && !this.#parts.rings.makeRoom(ring, this.#frameBytes)) return this.#noMemory(connection)
    return connection.hold === 0
  }

  #runRing(connection: Connection, ring: RingBuffer): void {
    const before = ring.head
    ring.consume(this.#run(connection, ring.memory, before, ring.tail) - before)
  }

  /** Dispatches the whole frames of memory[start, end) and flushes their answers. @returns the offset behind them */
  #run(connection: Connection, memory: Uint8Array, start: number, end: number): number {
    const { dispatch, outbound, deadlines, budget } = this.#parts
    const { decoder } = connection.listener
    budget.begin(connection, end - start)
    this.#frameBytes = PREFIX_BYTES
    let at = start
    while (at < end && connection.hold === 0) {
      const status = decoder.next(connection, memory, at, end)
      if (status === DECODE_NEED_MORE) {
        this.#frameBytes = decoder.bytesNeeded
        break
      }
      if (status === DECODE_BROKEN) this.#broken(connection, decoder.brokenDetail)
      else {
        at = decoder.frameEnd
        dispatch.frame(connection, decoder, memory)
      }
      if (connection.state > STATE_ENDING) return end
      if (budget.isSpent()) this.#yieldTurn(connection)
    }
    outbound.flush()
    if (at > start) deadlines.frameEnded(connection)
    if (at < end && connection.hold === 0) deadlines.frameBegan(connection)
    return at
  }

  #broken(connection: Connection, detail: string): void {
    const name = errorName(connection.brokenCode)
    const error = new ShardwireError(connection.brokenCode, detail)
    this.#parts.closing.failWith(connection, CloseReason[isCloseReason(name) ? name : 'BAD_FRAME'], error)
  }

  #discard(connection: Connection): boolean {
    this.#parts.rings.release(connection)
    return true
  }

  #noMemory(connection: Connection): boolean {
    this.#parts.closing.reset(connection, CloseReason.BUFFER_LIMIT)
    return false
  }

  /** Where the next read of the connection whose callback just ran shall land. */
  #nextMemory(): Uint8Array {
    const ring = this.#reading?.ring ?? null
    this.#reading = null
    return ring === null ? this.#slab : ring.memory.subarray(ring.tail)
  }
}

/** The callback of all sockets: Node calls it with the socket as `this`. */
function readCallback(onRead: (connection: Connection, bytes: number) => boolean): ReadInto['callback'] {
  return function (this: unknown, bytes: number): boolean {
    return onRead((this as ShardSocket).connection, bytes)
  }
}

function releaseTurn(path: ReadPath, connection: Connection): void {
  path.release(connection, HOLD_TURN)
}

function isCloseReason(name: string): name is CloseReasonName {
  return (CLOSE_REASONS as readonly string[]).includes(name)
}
