/**
 * Owns one direction of a proxied connection: the bytes on their way and what is wrong with them.
 * Must not know: the other direction, who listens, why a fault was asked for.
 * Invariant: bytes leave in the order in which they came, each once, and FIN behind the last of them, unless a fault
 * says otherwise. At most QUEUE_BYTES_MAX and one read wait here: then the sender is left unread, as by a slow network.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { Socket } from 'node:net'
import { Corruption, type CutAction, type Faults, flipBit, NO_FAULTS } from './faults.ts'
import type { Random } from './random.ts'

const QUEUE_BYTES_MAX = 262_144
/** A throttled direction sends what fits into this time at once, so that it trickles instead of coming in gulps. */
const THROTTLE_STEP_MS = 20

/** A read on its way; no bytes are the FIN. */
interface Parcel {
  bytes: Uint8Array | undefined
  readonly dueMs: number
}

export interface PipeParts {
  readonly source: Socket
  readonly target: Socket
  readonly clock: Clock
  readonly random: Random
  /** A cut has come: `reset` and `hole` concern the whole connection. */
  readonly onCut: (action: 'reset' | 'hole') => void
}

export class FaultPipe {
  /** Bytes that went on so far. */
  forwardedBytes = 0
  /** Bits that were flipped so far. */
  bitsFlipped = 0
  readonly #parts: PipeParts
  readonly #corruption: Corruption
  readonly #queue: Parcel[] = []
  #faults: Faults = NO_FAULTS
  #queuedBytes = 0
  #lastDueMs = -Infinity
  /** When a throttled direction may send again. */
  #freeAtMs = -Infinity
  #cancelTimer: CancelTimer | undefined
  /** Waits for the target to take more, or for the next turn. */
  #isWaiting = false
  #isOver = false
  #flipNext = false
  #cut: { readonly atByte: number; readonly action: CutAction } | undefined

  constructor(parts: PipeParts) {
    this.#parts = parts
    this.#corruption = new Corruption(parts.random)
  }

  get faults(): Faults {
    return this.#faults
  }

  /** Changes what is wrong from now on; what is not named stays as it was. */
  set(faults: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...faults }
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#readOrNot()
    this.#pump()
  }

  /** Nothing is wrong any more. Bytes that are delayed already stay so. */
  clear(): void {
    this.set(NO_FAULTS)
  }

  /** Flips one bit of the next byte that goes on. */
  corruptNext(): void {
    this.#flipNext = true
  }

  /** Does `action` right behind byte `atByte` of this direction, counted from its first; at once if that has gone. */
  cutAt(atByte: number, action: CutAction): void {
    this.#cut = { atByte, action }
    if (this.forwardedBytes >= atByte) this.#doCut(action)
  }

  /** Sends FIN instead of all that has not gone on yet. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#queue.length = 0
    this.#queuedBytes = 0
    // What still comes is read and dropped, so that the sender does not hang on it.
    if (!this.#faults.hole) this.#parts.source.resume()
    this.#parts.target.end()
  }

  /** The source sent bytes, in memory that is not used again. */
  push(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#queue.push({ bytes, dueMs: this.#due() })
    this.#queuedBytes += bytes.length
    this.#readOrNot()
    this.#pump()
  }

  /** The source sent FIN. */
  pushEnd(): void {
    if (this.#isOver) return
    this.#queue.push({ bytes: undefined, dueMs: this.#due() })
    this.#pump()
  }

  /** Forgets everything; the sockets are gone or about to be. */
  stop(): void {
    this.#isOver = true
    this.#queue.length = 0
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #due(): number {
    const { delayMs, jitterMs } = this.#faults
    const jitter = jitterMs === 0 ? 0 : this.#parts.random.next() * jitterMs
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#parts.clock.nowMs() + delayMs + jitter)
    return this.#lastDueMs
  }

  #readOrNot(): void {
    const { source } = this.#parts
    if (this.#faults.hole || (this.#queuedBytes > QUEUE_BYTES_MAX && !this.#isOver)) source.pause()
    else source.resume()
  }

  #pump(): void {
    const { clock, target } = this.#parts
    while (!this.#isWaiting && !this.#isOver && !this.#faults.hole && this.#cancelTimer === undefined) {
      const [head] = this.#queue
      if (head === undefined) return
      const waitMs = Math.max(head.dueMs, this.#freeAtMs) - clock.nowMs()
      if (waitMs > 0) return this.#later(waitMs)
      if (head.bytes === undefined) return this.end()
      const piece = this.#take(head, head.bytes)
      const isRoom = target.write(piece)
      this.#readOrNot()
      if (this.#cut !== undefined && this.forwardedBytes >= this.#cut.atByte) return this.#doCut(this.#cut.action)
      if (!isRoom) this.#waitFor((go) => target.once('drain', go))
      else if (this.#faults.pieceBytesMax !== Infinity) this.#waitFor(setImmediate)
    }
  }

  #later(waitMs: number): void {
    this.#cancelTimer = this.#parts.clock.after(waitMs, () => {
      this.#cancelTimer = undefined
      this.#pump()
    })
  }

  #waitFor(start: (go: () => void) => void): void {
    this.#isWaiting = true
    start(() => {
      this.#isWaiting = false
      this.#pump()
    })
  }

  /** The next bytes to write, damaged if they shall be. */
  #take(head: Parcel, bytes: Uint8Array): Uint8Array {
    const { random, clock } = this.#parts
    const { pieceBytesMax, bytesPerSecond, corruptEveryBytes } = this.#faults
    let count = bytes.length
    if (pieceBytesMax !== Infinity) count = Math.min(count, random.integer(1, pieceBytesMax))
    if (bytesPerSecond !== Infinity) {
      count = Math.min(count, Math.max(1, Math.floor((bytesPerSecond * THROTTLE_STEP_MS) / 1000)))
      this.#freeAtMs = Math.max(this.#freeAtMs, clock.nowMs()) + (count * 1000) / bytesPerSecond
    }
    if (this.#cut !== undefined) count = Math.min(count, this.#cut.atByte - this.forwardedBytes)
    const piece = bytes.subarray(0, count)
    if (count === bytes.length) this.#queue.shift()
    else head.bytes = bytes.subarray(count)
    this.#queuedBytes -= count
    this.forwardedBytes += count
    this.bitsFlipped += this.#corruption.apply(piece, corruptEveryBytes)
    if (this.#flipNext) {
      this.#flipNext = false
      this.bitsFlipped++
      flipBit(piece, 0, random)
    }
    return piece
  }

  #doCut(action: CutAction): void {
    this.#cut = undefined
    if (action === 'end') this.end()
    else this.#parts.onCut(action)
  }
}
