/**
 * Owns the way in: every read of every connection of a worker, from the bytes in memory to whole frames dispatched.
 * Must not know: what a frame means, how answers leave.
 * Invariant: the read slab is one for the life of the worker; it is never swapped, written to a socket or given to a
 * thread. What cannot be dispatched before a read callback returns waits in a ring of its connection. While a
 * connection is on hold nothing of it is dispatched, and its reading is paused.
 */
import {
  allocateKernelMemory,
  allocateMemory,
  DECODE_BROKEN,
  DECODE_NEED_MORE,
  POISON_BYTE,
  PREFIX_BYTES,
  type RingBuffer,
  ShardwireError,
} from '@shardwire/protocol'
import type { FrameTrail } from '../admin/inspect/frame-trail.ts'
import { CloseReason, reasonNamed } from '../close-reason.ts'
import type { SpokenCodec } from '../codec/spoken-codec.ts'
import type { Closing } from './closing.ts'
import type { CodecPath } from './codecs/codec-path.ts'
import { type Connection, HOLD_ANSWER, HOLD_TURN, STATE_CLOSED, STATE_ENDING } from './connection.ts'
import type { Counters } from './counters.ts'
import type { Deadlines } from './deadlines.ts'
import type { Dispatch } from './dispatch.ts'
import type { Outbound } from './outbound.ts'
import type { Rings } from './rings.ts'
import type { TurnBudget } from './turn-budget.ts'
import { TurnQueue } from './turn-queue.ts'

/** Bytes of one read at most: a batch of sixteen 4 KB frames and its headers fits, and is not cut. */
export const READ_SLAB_BYTES = 131_072

/** Messages of ordered codecs that follow one another, without the loop having turned, at most. */
const ANSWERED_MAX = 16

export interface ReadPathParts {
  readonly dispatch: Dispatch
  readonly codecs: CodecPath
  readonly outbound: Outbound
  readonly closing: Closing
  readonly rings: Rings
  readonly deadlines: Deadlines
  readonly budget: TurnBudget
  readonly exactNowMs: () => number
  readonly counters: Counters
  readonly trail: FrameTrail
  /** Debug: overwrite what was read once it has been dispatched or moved. */
  readonly poison: boolean
  /** A fault of this server: it costs the connection and is reported. */
  readonly onFault: (error: unknown) => void
}

export class ReadPath {
  readonly #parts: ReadPathParts
  /** Those that had their share of a turn. */
  readonly #turns: TurnQueue<Connection>
  /** Where every read of the worker lands, unless its connection has a ring; checksums are computed where it stands. */
  readonly slab = allocateKernelMemory(READ_SLAB_BYTES) ?? allocateMemory(READ_SLAB_BYTES)
  /** What `#run` was told by the decoder last: bytes that the cut frame has in all. */
  #frameBytes = PREFIX_BYTES
  /** Messages of ordered codecs that were answered since somebody yielded for it. */
  #answered = 0

  constructor(parts: ReadPathParts) {
    this.#parts = parts
    this.#turns = new TurnQueue(parts.exactNowMs, (connection) => this.release(connection, HOLD_TURN))
  }

  /**
   * `bytes` of the connection landed in the slab, or behind the bytes of its ring.
   * @returns where its next read shall land; undefined when nothing changes
   */
  landed(connection: Connection, bytes: number): Uint8Array | undefined {
    const before = connection.ring
    try {
      before?.commit(bytes)
      this.#take(connection, this.slab, bytes)
    } catch (error) {
      this.#fault(connection, error)
    }
    if (this.#parts.poison && before === null) this.slab.fill(POISON_BYTE, 0, bytes)
    const { ring } = connection
    if (ring !== null && ring.writableBytes > 0) return this.#behind(ring)
    return before === null ? undefined : this.slab
  }

  /**
   * Where a ring takes the next read: once its cut frame's length is known no more than that still lacks, so that it
   * runs empty with the frame, and what follows lands in the slab again.
   */
  #behind(ring: RingBuffer): Uint8Array {
    const lacking = this.#frameBytes - ring.readableBytes
    if (lacking <= 0 || this.#frameBytes === PREFIX_BYTES) return ring.memory.subarray(ring.tail)
    return ring.memory.subarray(ring.tail, Math.min(ring.tail + lacking, ring.memory.length))
  }

  /** A chunk of the connection came in memory of its own. */
  chunk(connection: Connection, chunk: Uint8Array): void {
    try {
      if (connection.ring === null || this.#appendToRing(connection, connection.ring, chunk)) {
        this.#take(connection, chunk, chunk.length)
      }
    } catch (error) {
      this.#fault(connection, error)
    }
    if (this.#parts.poison) chunk.fill(POISON_BYTE)
  }

  /** Lets a connection that was on hold go on: first with what waits in its ring, then with reading. */
  release(connection: Connection, hold: number): void {
    // One that closed meanwhile must not come back onto the wheel.
    if (connection.state === STATE_CLOSED || (connection.hold & hold) === 0) return
    connection.hold &= ~hold
    if (connection.hold !== 0) return
    this.#parts.deadlines.clockRuns(connection)
    this.#parts.budget.begin(connection, 0)
    try {
      if (connection.ring !== null) this.#runRing(connection, connection.ring)
    } catch (error) {
      this.#fault(connection, error)
    }
    if (connection.state >= STATE_CLOSED) return
    if (connection.hold !== 0) return this.#readOn(connection)
    if (connection.peerEnded) this.#lastFrameIsServed(connection)
    else {
      connection.transport.resume()
      this.#parts.closing.settle(connection)
    }
  }

  /** Who waits only for an answer is read on, so that its end is noticed: until something comes that has to wait. */
  #readOn({ hold, ring, transport }: Connection): void {
    if (hold === HOLD_ANSWER && (ring === null || ring.readableBytes === 0)) transport.resume()
  }

  /** Of an ordered codec: the message that is served has been answered, and what came behind it goes on. */
  answered(connection: Connection): void {
    if (connection.ring === null || ++this.#answered < ANSWERED_MAX) return this.release(connection, HOLD_ANSWER)
    // Handlers that have their answer at once go on within this turn of the loop, where others are to be served too.
    this.#answered = 0
    connection.hold &= ~HOLD_ANSWER
    this.#yieldTurn(connection)
  }

  /**
   * The peer's FIN came. Pausing a documented socket does not keep it from reading on, so that its end can come while
   * the connection is on hold: what waits in the ring is served first.
   */
  ended(connection: Connection): void {
    connection.peerEnded = true
    if (connection.hold === 0) this.#lastFrameIsServed(connection)
  }

  #lastFrameIsServed(connection: Connection): void {
    const { listener, ring, state } = connection
    if (listener.codec !== null && ring !== null && ring.readableBytes > 0 && state <= STATE_ENDING) {
      this.#runLast(connection, listener.codec, ring)
    }
    const isCut = connection.ring !== null && connection.ring.readableBytes > 0
    this.#parts.closing.peerEnded(connection, isCut ? CloseReason.TRUNCATED : CloseReason.PEER_ENDED)
  }

  /** Of a codec to which what is left at the FIN may be a message. */
  #runLast(connection: Connection, codec: SpokenCodec, ring: RingBuffer): void {
    const { codecs, outbound } = this.#parts
    try {
      const { head, tail } = ring
      ring.consume(codecs.last(connection, codec, ring.memory, head, tail) - head)
      outbound.flush()
    } catch (error) {
      this.#fault(connection, error)
    }
  }

  /** What is thrown here is a fault of this server; it costs the connection and is reported. */
  #fault(connection: Connection, error: unknown): void {
    this.#parts.onFault(error)
    this.#parts.closing.reset(connection, CloseReason.INTERNAL)
  }

  /** Holds a connection until the loop has served the others. */
  #yieldTurn(connection: Connection): void {
    connection.hold |= HOLD_TURN
    connection.transport.pause()
    this.#turns.wait(connection)
  }

  /** Bytes came: in the connection's ring if it has one, else at the beginning of `memory`. */
  #take(connection: Connection, memory: Uint8Array, bytes: number): void {
    const { counters, deadlines, rings, budget } = this.#parts
    counters.bytesIn += bytes
    connection.bytesIn += bytes
    deadlines.heard(connection)
    const { ring } = connection
    budget.begin(connection, bytes)
    let isBusy = false
    if (connection.state > STATE_ENDING) {
      rings.release(connection)
    } else if (ring !== null) {
      isBusy = connection.listener.codec !== null && ring.writableBytes === 0
      if (connection.hold === 0) this.#runRing(connection, ring)
      if (ring.readableBytes === 0) rings.release(connection)
    } else {
      const consumed = connection.hold === 0 ? this.#run(connection, memory, 0, bytes) : 0
      if (consumed < bytes && !rings.keep(connection, memory, consumed, bytes)) return
    }
    // The next read must have somewhere to land; a connection for which there is no memory has been reset.
    if (connection.ring !== null) {
      if (isBusy && this.#frameBytes === PREFIX_BYTES) rings.widen(connection, connection.ring, READ_SLAB_BYTES)
      else rings.makeRoom(connection, connection.ring, this.#frameBytes)
      if ((connection.hold & HOLD_ANSWER) !== 0) connection.transport.pause()
    }
    if (connection.hold === 0 && connection.state <= STATE_ENDING && budget.isSpentByBatch()) {
      this.#yieldTurn(connection)
    }
  }

  /** @returns false when there is no memory for it: the connection has been reset */
  #appendToRing(connection: Connection, ring: RingBuffer, chunk: Uint8Array): boolean {
    if (!this.#parts.rings.makeRoomFor(connection, ring, chunk.length)) return false
    ring.append(chunk, 0, chunk.length)
    return true
  }

  #runRing(connection: Connection, ring: RingBuffer): void {
    const before = ring.head
    ring.consume(this.#run(connection, ring.memory, before, ring.tail) - before)
  }

  /** Dispatches the whole frames of memory[start, end) and flushes their answers. @returns the offset behind them */
  #run(connection: Connection, memory: Uint8Array, start: number, end: number): number {
    const { dispatch, outbound, deadlines, budget } = this.#parts
    const { decoder, codec } = connection.listener
    // Here and not further down, so that the loop below sees frames only.
    if (codec !== null) return this.#runCodec(connection, codec, memory, start, end)
    this.#frameBytes = PREFIX_BYTES
    decoder.begin(memory, start, end)
    let at = start
    while (at < end && connection.hold === 0) {
      const status = decoder.next(connection, memory, at, end)
      if (status === DECODE_NEED_MORE) {
        this.#frameBytes = decoder.bytesNeeded
        break
      }
      if (status === DECODE_BROKEN) this.#broken(connection, decoder.brokenDetail, memory, at, end)
      else {
        at = decoder.frameEnd
        dispatch.frame(connection, decoder, memory)
      }
      if (connection.state > STATE_ENDING) return end
      if (at < end && budget.isSpent()) this.#yieldTurn(connection)
    }
    outbound.flush()
    if (at > start) deadlines.frameEnded(connection)
    if (at < end && connection.hold === 0) deadlines.frameBegan(connection)
    return at
  }

  /** The same for messages that are no frames. */
  #runCodec(connection: Connection, codec: SpokenCodec, memory: Uint8Array, start: number, end: number): number {
    const { codecs, outbound, deadlines, budget } = this.#parts
    this.#frameBytes = PREFIX_BYTES
    let at = start
    while (at < end && connection.hold === 0) {
      const next = codecs.step(connection, codec, memory, at, end)
      if (connection.state > STATE_ENDING) return end
      if (next === at) {
        this.#frameBytes = Math.max(PREFIX_BYTES, codecs.bytesNeeded)
        break
      }
      at = next
      if (at < end && connection.hold === 0 && budget.isSpent()) this.#yieldTurn(connection)
    }
    outbound.flush()
    if (at > start) deadlines.frameEnded(connection)
    if (at < end && connection.hold === 0) deadlines.frameBegan(connection)
    return at
  }

  /** What stands in memory[at, end) is no frame. */
  #broken(connection: Connection, detail: string, memory: Uint8Array, at: number, end: number): void {
    this.#parts.trail.recordBroken(connection.trail, ++connection.framesIn, memory, at, end)
    const error = new ShardwireError(connection.brokenCode, detail)
    this.#parts.closing.failWith(connection, reasonNamed(error.name, CloseReason.BAD_FRAME), error)
  }
}
