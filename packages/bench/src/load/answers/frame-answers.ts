/**
 * Owns finding the answers in what one connection reads, where the codec is frames.
 * Must not know: sockets, what is sent next.
 * Invariant: the answer that is due is compared in place, every byte of it. All that is not just that (cut, wrong,
 * overtaking, no answer at all) goes through the decoder, and is judged there.
 */
import { DECODE_FRAME, DECODE_NEED_MORE, FrameDecoder } from '@shardwire/protocol'

import type { LoadShared } from '../load-shared.ts'
import type { AnsweredConnection, AnswerReader } from './answer-reader.ts'
import { CutMessage } from './cut-message.ts'
import { judgeBroken, judgeFrame } from './frame-judge.ts'

export class FrameAnswers implements AnswerReader {
  readonly #connection: AnsweredConnection
  readonly #shared: LoadShared
  readonly #decoder: FrameDecoder
  readonly #cut: CutMessage

  /** @param decoder one for all connections of a process */
  constructor(connection: AnsweredConnection, decoder: FrameDecoder) {
    this.#connection = connection
    this.#shared = connection.shared
    this.#decoder = decoder
    this.#cut = new CutMessage(connection.shared.rings)
  }

  read(bytes: number): void {
    let at = this.#cut.ring === null ? 0 : this.#join(bytes)
    while (at < bytes && this.#connection.brokenCode === 0) at = this.#next(at, bytes)
  }

  drop(): void {
    this.#cut.drop()
  }

  /** Handles the frame at `at` of the slab. @returns the offset behind it, or `end` when it is cut */
  #next(at: number, end: number): number {
    const connection = this.#connection
    const slot = connection.slotDue
    if (connection.isInFlight(slot)) {
      const { check } = connection.shapeOf(slot)
      if (check !== null && at + check.bytes <= end) {
        check.expect(connection.number, connection.sequenceOf(slot))
        if (check.matches(at)) {
          connection.answered(slot)
          return at + check.bytes
        }
      }
    }
    return this.#decode(this.#shared.slab, at, end)
  }

  #decode(memory: Uint8Array, at: number, end: number): number {
    const decoder = this.#decoder
    const status = decoder.next(this.#connection, memory, at, end)
    if (status === DECODE_NEED_MORE) this.#cut.keep(memory, at, end, decoder.bytesNeeded)
    else if (status === DECODE_FRAME) {
      judgeFrame(this.#connection, decoder, memory)
      return decoder.frameEnd
    } else judgeBroken(this.#connection, decoder, memory, at, end)
    return end
  }

  /** Completes the frame that the last read cut. @returns the offset in the slab behind what it took */
  #join(end: number): number {
    const { slab } = this.#shared
    const decoder = this.#decoder
    let at = 0
    for (let ring = this.#cut.ring; ring !== null && at < end; ring = this.#cut.ring) {
      at += this.#cut.fill(slab, at, end)
      if (this.#cut.bytesMissing > 0) return end
      const status = decoder.next(this.#connection, ring.memory, ring.head, ring.tail)
      if (status === DECODE_NEED_MORE) this.#cut.needMore(decoder.bytesNeeded)
      else {
        if (status === DECODE_FRAME) judgeFrame(this.#connection, decoder, ring.memory)
        else judgeBroken(this.#connection, decoder, ring.memory, ring.head, ring.tail)
        this.#cut.drop()
      }
    }
    return at
  }
}
