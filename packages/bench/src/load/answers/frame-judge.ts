/**
 * Owns what a frame means that was not at once the answer due: an answer that overtook another or was cut by a read,
 * one whose bytes were not known beforehand, a wrong one, an ERROR, a control frame, a broken stream.
 * Must not know: sockets, how a connection keeps its slots.
 * Invariant: an answer that is known beforehand is compared in full; one that is not must at least have the id, kind
 * and route that are waited for, and a right CRC. What no slot waits for is an error and answers nothing.
 */
import {
  BAD_CRC,
  decodeErrorBody,
  encodeFrame,
  errorName,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  KIND_RESPONSE,
  OPCODE_GOAWAY,
  OPCODE_PING,
  OPCODE_PONG,
} from '@shardwire/protocol'
import type { FrameDecoder } from '@shardwire/protocol'

import { NO_SLOT } from './answer-reader.ts'
import type { AnsweredConnection } from './answer-reader.ts'
import { differentAnswer, frameInWords, plainExample } from './error-examples.ts'

/** Judges the frame that the decoder has just found in `memory`. */
export function judgeFrame(connection: AnsweredConnection, decoder: FrameDecoder, memory: Uint8Array): void {
  if (decoder.kind === KIND_CONTROL) return judgeControl(connection, decoder, memory)
  const slot = slotAnswered(connection, decoder)
  if (decoder.kind === KIND_ERROR) return judgeError(connection, decoder, memory, slot)
  if (slot === NO_SLOT) return noteUnexpected(connection, decoder)
  if (!isRight(connection, decoder, memory, slot)) noteWrong(connection, decoder, memory, slot)
  connection.answered(slot)
}

/** Judges the stream that has just broken at memory[start, end). The caller closes the connection. */
export function judgeBroken(
  connection: AnsweredConnection,
  decoder: FrameDecoder,
  memory: Uint8Array,
  start: number,
  end: number,
): void {
  const { shared, number } = connection
  const kind = connection.brokenCode === BAD_CRC ? 'wrong-answer' : 'broken-stream'
  shared.errors.note(kind, 1, () => {
    const why = `${errorName(connection.brokenCode)}, ${decoder.brokenDetail}`
    const sequence = connection.sequenceOf(connection.slotDue)
    if (sequence === 0) return plainExample(number, 0, `connection ${number}, before the load began: ${why}`)
    const { check } = connection.shapeOf(connection.slotDue)
    if (check === null)
      return plainExample(number, sequence, `connection ${number}, answer to frame ${sequence}: ${why}`)
    check.expect(number, sequence)
    return differentAnswer(check, { connection: number, sequence, memory, start, end }, why)
  })
}

/** The slot that the frame answers: by id where it has one, else the one that is due. */
function slotAnswered(connection: AnsweredConnection, decoder: FrameDecoder): number {
  const { plan } = connection.shared
  if (plan.mode === 'request' && decoder.id > 0) return connection.slotOf(decoder.id)
  return connection.isInFlight(connection.slotDue) ? connection.slotDue : NO_SLOT
}

function isRight(connection: AnsweredConnection, decoder: FrameDecoder, memory: Uint8Array, slot: number): boolean {
  const { check, form } = connection.shapeOf(slot)
  if (check === null) {
    const kind = connection.shared.plan.mode === 'request' ? KIND_RESPONSE : KIND_MESSAGE
    return decoder.kind === kind && decoder.route === form.route
  }
  check.expect(connection.number, connection.sequenceOf(slot))
  return check.firstDifference(memory, decoder.frameStart, decoder.frameEnd) < 0
}

function judgeControl(connection: AnsweredConnection, decoder: FrameDecoder, memory: Uint8Array): void {
  if (decoder.route === OPCODE_PING) {
    const body = memory.subarray(decoder.bodyStart, decoder.bodyEnd)
    return connection.writeControl(encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PONG, body }))
  }
  if (decoder.route !== OPCODE_GOAWAY) return
  const { number, shared } = connection
  shared.errors.note('goaway', 1, () => plainExample(number, 0, `connection ${number}: the server sent GOAWAY`))
}

function judgeError(connection: AnsweredConnection, decoder: FrameDecoder, memory: Uint8Array, slot: number): void {
  const { errors } = connection.shared
  const { number } = connection
  const error = decodeErrorBody(memory, decoder.bodyStart, decoder.bodyEnd)
  errors.note(error.retryable ? 'refused' : 'error-frame', 1, () => {
    const said = error.message === '' ? error.name : `${error.name} (${error.message})`
    const sequence = slot === NO_SLOT ? 0 : connection.sequenceOf(slot)
    const answers = sequence === 0 ? 'no frame in flight' : `frame ${sequence}`
    return plainExample(number, sequence, `connection ${number}: the server answered ${answers} with ${said}`)
  })
  // Route 0 and id 0: it concerns the connection, and no frame.
  if (slot !== NO_SLOT && (decoder.route !== 0 || decoder.id !== 0)) connection.failed(slot)
}

function noteUnexpected(connection: AnsweredConnection, decoder: FrameDecoder): void {
  const { number, shared } = connection
  shared.errors.note('unexpected-frame', 1, () =>
    plainExample(number, decoder.id, `connection ${number}: ${frameInWords(decoder)}, answers no frame in flight`),
  )
}

function noteWrong(connection: AnsweredConnection, decoder: FrameDecoder, memory: Uint8Array, slot: number): void {
  const { number, shared } = connection
  shared.errors.note('wrong-answer', 1, () => {
    const { frameStart: start, frameEnd: end } = decoder
    const sequence = connection.sequenceOf(slot)
    const { check } = connection.shapeOf(slot)
    const why = 'the answer is not the frame that was sent'
    if (check !== null) return differentAnswer(check, { connection: number, sequence, memory, start, end }, why)
    return plainExample(number, sequence, `connection ${number}, frame ${sequence}: ${frameInWords(decoder)} came back`)
  })
}
