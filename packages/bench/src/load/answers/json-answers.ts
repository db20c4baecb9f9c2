/**
 * Owns finding the answers in what one connection reads, where the codec is JSON objects, one a line.
 * Must not know: sockets, what is sent next.
 * Invariant: an answer is found by its uid, in any order, and its `val` must be the text that was sent. What no message
 * in flight waits for, and text that is no such object, is an error.
 */
import { BAD_BODY } from '@shardwire/protocol'

import type { LoadShared } from '../load-shared.ts'
import { uidOf } from '../message/text-template.ts'
import type { AnsweredConnection, AnswerReader } from './answer-reader.ts'
import { NO_SLOT } from './answer-reader.ts'
import { plainExample } from './error-examples.ts'

const NEWLINE = 10
/** Longest line shown in an example. */
const SHOWN_CHARACTERS = 120

interface JsonAnswer {
  readonly uid: string
  readonly val: unknown
  readonly error: unknown
}

export class JsonAnswers implements AnswerReader {
  readonly #connection: AnsweredConnection
  readonly #shared: LoadShared
  /** The beginning of a line that a read cut. */
  #begun: Buffer | null = null

  constructor(connection: AnsweredConnection) {
    this.#connection = connection
    this.#shared = connection.shared
  }

  read(bytes: number): void {
    const { slab } = this.#shared
    const read = Buffer.from(slab.buffer, slab.byteOffset, bytes)
    const text = this.#begun === null ? read : Buffer.concat([this.#begun, read])
    let at = 0
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, at)) {
      this.#take(text.toString('utf8', at, end))
      at = end + 1
      if (this.#connection.brokenCode !== 0) return
    }
    if (at < text.length && text.length - at > this.#shared.frameBytesMax * 2) return this.#broken('a line without end')
    this.#begun = at === text.length ? null : Buffer.from(text.subarray(at))
  }

  drop(): void {
    this.#begun = null
  }

  #take(line: string): void {
    const answer = parse(line)
    if (answer === undefined) return this.#broken(`no answer: ${line.slice(0, SHOWN_CHARACTERS)}`)
    const connection = this.#connection
    const uid = uidOf(answer.uid)
    const slot = uid === undefined || uid.connection !== connection.number ? NO_SLOT : connection.slotOf(uid.sequence)
    if (slot === NO_SLOT) return this.#unexpected(line)
    if (answer.error !== undefined) return this.#refused(slot, answer.error)
    if (!isEcho(answer.val, connection.shapeOf(slot).form.payloadBytes)) this.#wrong(slot, line)
    connection.answered(slot)
  }

  #wrong(slot: number, line: string): void {
    const { number } = this.#connection
    const sequence = this.#connection.sequenceOf(slot)
    this.#shared.errors.note('wrong-answer', 1, () => {
      const shown = line.slice(0, SHOWN_CHARACTERS)
      return plainExample(
        number,
        sequence,
        `connection ${number}, message ${sequence}: val is not what was sent: ${shown}`,
      )
    })
  }

  #refused(slot: number, error: unknown): void {
    const { number } = this.#connection
    const sequence = this.#connection.sequenceOf(slot)
    const kind = isRetryable(error) ? 'refused' : 'error-frame'
    this.#shared.errors.note(kind, 1, () => {
      const said = JSON.stringify(error).slice(0, SHOWN_CHARACTERS)
      return plainExample(number, sequence, `connection ${number}, message ${sequence}: the server answered ${said}`)
    })
    this.#connection.failed(slot)
  }

  #unexpected(line: string): void {
    const { number } = this.#connection
    this.#shared.errors.note('unexpected-frame', 1, () => {
      const shown = line.slice(0, SHOWN_CHARACTERS)
      return plainExample(number, 0, `connection ${number}: an answer to no message in flight: ${shown}`)
    })
  }

  #broken(what: string): void {
    const { number } = this.#connection
    this.#connection.brokenCode = BAD_BODY
    this.#shared.errors.note('broken-stream', 1, () => plainExample(number, 0, `connection ${number}: ${what}`))
  }
}

/** Undefined for text that is no object with a uid of text. */
function parse(line: string): JsonAnswer | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  if (typeof value !== 'object' || value === null || !('uid' in value) || typeof value.uid !== 'string')
    return undefined
  const { uid } = value
  return { uid, val: 'val' in value ? value.val : undefined, error: 'error' in value ? value.error : undefined }
}

function isRetryable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === true
}

/** Whether it is the letters that a request of so many bytes carries. */
function isEcho(value: unknown, bytes: number): boolean {
  if (typeof value !== 'string' || value.length !== bytes) return false
  for (let at = 0; at < bytes; at++) if (value.charCodeAt(at) !== 97 + (at % 26)) return false
  return true
}
