/**
 * Owns what a frame means that was not at once the answer due: an answer that overtook another or was cut by a read, a
 * wrong one, an ERROR, a control frame, a broken stream.
 * Must not know: sockets, how a connection keeps its slots.
 * Invariant: every answer is compared in full with the frame that its slot waits for; what no slot waits for is an
 * error and answers nothing.
 */
import {
  BAD_CRC,
  decodeErrorBody,
  encodeFrame,
  errorName,
  KIND_CONTROL,
  KIND_ERROR,
  OPCODE_GOAWAY,
  OPCODE_PING,
  OPCODE_PONG,
} from '@shardwire/protocol'

import { differentAnswer, frameInWords, plainExample } from './error-examples.ts'
import type { LoadShared } from './load-shared.ts'

/** What the judge needs of a connection. */
export interface JudgedConnection {
  brokenCode: number
  readonly number: number
  readonly shared: LoadShared
  readonly slotDue: number
  isInFlight(slot: number): boolean
  sequenceOf(slot: number): number
  expect(slot: number): void
  answered(slot: number): void
  writeControl(bytes: Uint8Array): void
}

const NO_SLOT = -1

/** Judges the frame that the decoder has just found in `memory`. */
export function judgeFrame(connection: JudgedConnection, memory: Uint8Array): void {
  const { decoder } = connection.shared
  if (decoder.kind === KIND_CONTROL) return judgeControl(connection, memory)
  const slot = slotAnswered(connection)
  if (decoder.kind === KIND_ERROR) return judgeError(connection, memory, slot)
  if (slot === NO_SLOT) return noteUnexpected(connection)
  connection.expect(slot)
  const { check } = connection.shared
  if (check.firstDifference(memory, decoder.frameStart, decoder.frameEnd) >= 0) noteWrong(connection, memory, slot)
  connection.answered(slot)
}

/** Judges the stream that has just broken at memory[start, end). The caller closes the connection. */
export function judgeBroken(connection: JudgedConnection, memory: Uint8Array, start: number, end: number): void {
  const { shared, number } = connection
  const kind = connection.brokenCode === BAD_CRC ? 'wrong-answer' : 'broken-stream'
  shared.errors.note(kind, 1, () => {
    const why = `${errorName(connection.brokenCode)}, ${shared.decoder.brokenDetail}`
    const sequence = connection.sequenceOf(connection.slotDue)
    if (sequence === 0) return plainExample(number, 0, `connection ${number}, before the load began: ${why}`)
    connection.expect(connection.slotDue)
    return differentAnswer(shared.template, shared.check, { connection: number, sequence, memory, start, end }, why)
  })
}

/** The slot that the frame answers: by id where it has one, else the one that is due. */
function slotAnswered(connection: JudgedConnection): number {
  const { decoder, plan } = connection.shared
  const byId = plan.mode === 'request' && decoder.id > 0
  const slot = byId ? (decoder.id - 1) % plan.depth : connection.slotDue
  if (!connection.isInFlight(slot)) return NO_SLOT
  return byId && connection.sequenceOf(slot) !== decoder.id ? NO_SLOT : slot
}

function judgeControl(connection: JudgedConnection, memory: Uint8Array): void {
  const { decoder, errors } = connection.shared
  if (decoder.route === OPCODE_PING) {
    const body = memory.subarray(decoder.bodyStart, decoder.bodyEnd)
    return connection.writeControl(encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PONG, body }))
  }
  if (decoder.route !== OPCODE_GOAWAY) return
  const { number } = connection
  errors.note('goaway', 1, () => plainExample(number, 0, `connection ${number}: the server sent GOAWAY`))
}

function judgeError(connection: JudgedConnection, memory: Uint8Array, slot: number): void {
  const { decoder, errors } = connection.shared
  const { number } = connection
  errors.note('error-frame', 1, () => {
    const error = decodeErrorBody(memory, decoder.bodyStart, decoder.bodyEnd)
    const said = error.message === '' ? error.name : `${error.name} (${error.message})`
    const sequence = slot === NO_SLOT ? 0 : connection.sequenceOf(slot)
    const answers = sequence === 0 ? 'no frame in flight' : `frame ${sequence}`
    return plainExample(number, sequence, `connection ${number}: the server answered ${answers} with ${said}`)
  })
  // Route 0 and id 0: it concerns the connection, and no frame.
  if (slot !== NO_SLOT && (decoder.route !== 0 || decoder.id !== 0)) connection.answered(slot)
}

function noteUnexpected(connection: JudgedConnection): void {
  const { decoder, errors } = connection.shared
  const { number } = connection
  errors.note('unexpected-frame', 1, () =>
    plainExample(number, decoder.id, `connection ${number}: ${frameInWords(decoder)}, answers no frame in flight`),
  )
}

function noteWrong(connection: JudgedConnection, memory: Uint8Array, slot: number): void {
  const { decoder, errors, template, check } = connection.shared
  errors.note('wrong-answer', 1, () => {
    const { frameStart: start, frameEnd: end } = decoder
    const seen = { connection: connection.number, sequence: connection.sequenceOf(slot), memory, start, end }
    return differentAnswer(template, check, seen, 'the answer is not the frame that was sent')
  })
}
