/**
 * Owns finding the answers in what one connection reads, where they are the very bytes that were sent and have no frame
 * around them: lines, and raw streams.
 * Must not know: sockets, what is sent next.
 * Invariant: answers come in the order of what was sent; each is compared in full, wherever reads cut it. The first
 * difference ends the stream: without frames nobody knows where the next answer begins.
 */
import { BAD_BODY } from '@shardwire/protocol'

import type { LoadShared } from '../load-shared.ts'
import type { MessageShape } from '../message/message-shape.ts'
import type { AnsweredConnection, AnswerReader } from './answer-reader.ts'
import { CutMessage } from './cut-message.ts'
import { differentAnswer, plainExample } from './error-examples.ts'

export class FixedAnswers implements AnswerReader {
  readonly #connection: AnsweredConnection
  readonly #shared: LoadShared
  readonly #cut: CutMessage

  constructor(connection: AnsweredConnection) {
    this.#connection = connection
    this.#shared = connection.shared
    this.#cut = new CutMessage(connection.shared.rings)
  }

  read(bytes: number): void {
    let at = this.#cut.ring === null ? 0 : this.#join(bytes)
    while (at < bytes && this.#connection.brokenCode === 0) at = this.#next(at, bytes)
  }

  drop(): void {
    this.#cut.drop()
  }

  #next(at: number, end: number): number {
    const { slab } = this.#shared
    const connection = this.#connection
    const slot = connection.slotDue
    if (!connection.isInFlight(slot)) return this.#unexpected(end - at, end)
    const check = checkOf(connection.shapeOf(slot))
    if (at + check.bytes > end) {
      this.#cut.keep(slab, at, end, check.bytes)
      return end
    }
    check.expect(connection.number, connection.sequenceOf(slot))
    if (!check.matches(at)) return this.#wrong(slot, slab, at, end)
    connection.answered(slot)
    return at + check.bytes
  }

  #join(end: number): number {
    const connection = this.#connection
    const ring = this.#cut.ring
    const at = this.#cut.fill(this.#shared.slab, 0, end)
    if (ring === null || this.#cut.bytesMissing > 0) return end
    const slot = connection.slotDue
    const check = checkOf(connection.shapeOf(slot))
    check.expect(connection.number, connection.sequenceOf(slot))
    if (check.firstDifference(ring.memory, ring.head, ring.tail) >= 0) {
      this.#wrong(slot, ring.memory, ring.head, ring.tail)
    } else connection.answered(slot)
    this.#cut.drop()
    return at
  }

  #wrong(slot: number, memory: Uint8Array, start: number, end: number): number {
    const connection = this.#connection
    connection.brokenCode = BAD_BODY
    this.#shared.errors.note('wrong-answer', 1, () => {
      const { number } = connection
      const seen = { connection: number, sequence: connection.sequenceOf(slot), memory, start, end }
      return differentAnswer(checkOf(connection.shapeOf(slot)), seen, 'the answer is not the message that was sent')
    })
    return end
  }

  #unexpected(bytes: number, end: number): number {
    const { number } = this.#connection
    this.#connection.brokenCode = BAD_BODY
    this.#shared.errors.note('unexpected-frame', 1, () =>
      plainExample(number, 0, `connection ${number}: ${bytes} bytes came that answer no message in flight`),
    )
    return end
  }
}

function checkOf({ check }: MessageShape): NonNullable<MessageShape['check']> {
  if (check === null) throw new Error('a message of lines or raw streams has one right answer')
  return check
}
