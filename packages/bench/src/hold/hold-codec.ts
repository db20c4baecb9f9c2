/**
 * Owns what holders say and understand: the question of a sweep, its answer, and PING.
 * Must not know: connections beyond their number, sockets, sweeps as a whole.
 * Invariant: a message is looked at when it is whole; what is behind the last whole one is left to the caller.
 */
import {
  DECODE_FRAME,
  DECODE_NEED_MORE,
  encodeFrame,
  FrameDecoder,
  KIND_CONTROL,
  KIND_MESSAGE,
  OPCODE_PING,
  OPCODE_PONG,
} from '@shardwire/protocol'

import { FrameTemplate } from '../load/message/frame-template.ts'
import { letters, viewOf } from '../load/message/template.ts'
import type { Template } from '../load/message/template.ts'
import { jsonRequest, textMessage, uidOf } from '../load/message/text-template.ts'
import type { HoldPlan } from './hold-messages.ts'

const PAYLOAD_BYTES = 16
const FRAME_BYTES_MAX = 65_536
const NEWLINE = 10

/** Who is told what a message was. */
export interface HoldCodecEvents {
  /** @param pong what to answer with, as it stands */
  onPing(pong: Uint8Array): void
  /** @param isRight whether it is the very message that was asked with */
  onAnswer(isRight: boolean): void
}

export interface HeldStream {
  brokenCode: number
}

export interface HoldCodec {
  /** The question, until the next call. */
  ask(connection: number, sweep: number): Uint8Array
  /**
   * Looks at memory[start, end), in which `connection` waits for the answer to `sweep`.
   * @returns the offset behind the last whole message
   */
  take(stream: HeldStream, connection: number, sweep: number, memory: Uint8Array, start: number, end: number): number
}

export function holdCodec(
  { codec, echoRoute }: Pick<HoldPlan, 'codec' | 'echoRoute'>,
  events: HoldCodecEvents,
): HoldCodec {
  switch (codec) {
    case 'frame':
      return new FrameHoldCodec(echoRoute, events)
    case 'json':
      return new JsonHoldCodec(echoRoute, events)
    case 'line':
    case 'raw':
      return new TextHoldCodec(textMessage(PAYLOAD_BYTES, codec === 'line' ? '\n' : ''), events)
  }
}

/** A message that is stamped in place for each use. */
class Question {
  readonly bytes: Uint8Array
  readonly #template: Template
  readonly #view: DataView

  constructor(template: Template) {
    this.#template = template
    this.bytes = Uint8Array.from(template.blank)
    this.#view = viewOf(this.bytes)
  }

  of(connection: number, sweep: number): Uint8Array {
    this.#template.stamp(this.#view, 0, connection, sweep)
    return this.bytes
  }
}

class FrameHoldCodec implements HoldCodec {
  readonly #decoder = new FrameDecoder(FRAME_BYTES_MAX)
  readonly #question: Question
  readonly #events: HoldCodecEvents
  /** The PING that came last, and its answer: they are mostly the same. */
  #ping = Buffer.alloc(0)
  #pong: Uint8Array = new Uint8Array(0)

  constructor(route: number, events: HoldCodecEvents) {
    const form = { kind: KIND_MESSAGE, route, body: letters(PAYLOAD_BYTES), isStamped: true }
    this.#question = new Question(new FrameTemplate(form))
    this.#events = events
  }

  ask(connection: number, sweep: number): Uint8Array {
    return this.#question.of(connection, sweep)
  }

  take(stream: HeldStream, connection: number, sweep: number, memory: Uint8Array, start: number, end: number): number {
    const decoder = this.#decoder
    let at = start
    while (at < end) {
      const status = decoder.next(stream, memory, at, end)
      if (status === DECODE_NEED_MORE) return at
      if (status !== DECODE_FRAME) return end
      at = decoder.frameEnd
      if (decoder.kind === KIND_CONTROL) this.#control(memory)
      else this.#events.onAnswer(isSame(this.ask(connection, sweep), memory, decoder.frameStart, decoder.frameEnd))
    }
    return at
  }

  #control(memory: Uint8Array): void {
    const { route, frameStart, frameEnd, bodyStart, bodyEnd } = this.#decoder
    if (route !== OPCODE_PING) return
    if (this.#ping.compare(memory, frameStart, frameEnd) !== 0) {
      this.#ping = Buffer.from(memory.subarray(frameStart, frameEnd))
      // Memory of its own: a write that is under way reads from the one before.
      this.#pong = encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PONG, body: memory.subarray(bodyStart, bodyEnd) })
    }
    this.#events.onPing(this.#pong)
  }
}

/** Lines and raw streams: the answer is what was asked. */
class TextHoldCodec implements HoldCodec {
  readonly #question: Question
  readonly #events: HoldCodecEvents

  constructor(template: Template, events: HoldCodecEvents) {
    this.#question = new Question(template)
    this.#events = events
  }

  ask(connection: number, sweep: number): Uint8Array {
    return this.#question.of(connection, sweep)
  }

  take(_stream: HeldStream, connection: number, sweep: number, memory: Uint8Array, start: number, end: number): number {
    const { length } = this.#question.bytes
    let at = start
    for (; at + length <= end; at += length) {
      this.#events.onAnswer(isSame(this.ask(connection, sweep), memory, at, at + length))
    }
    return at
  }
}

class JsonHoldCodec implements HoldCodec {
  readonly #question: Question
  readonly #events: HoldCodecEvents

  constructor(route: number, events: HoldCodecEvents) {
    this.#question = new Question(jsonRequest(route, PAYLOAD_BYTES))
    this.#events = events
  }

  ask(connection: number, sweep: number): Uint8Array {
    return this.#question.of(connection, sweep)
  }

  take(_stream: HeldStream, connection: number, sweep: number, memory: Uint8Array, start: number, end: number): number {
    const text = Buffer.from(memory.buffer, memory.byteOffset + start, end - start)
    let at = 0
    for (let newline = text.indexOf(NEWLINE); newline >= 0; newline = text.indexOf(NEWLINE, at)) {
      const [, uid = ''] = /"uid":"([^"]*)"/.exec(text.toString('latin1', at, newline)) ?? []
      const answered = uidOf(uid)
      this.#events.onAnswer(answered?.connection === connection && answered.sequence === sweep)
      at = newline + 1
    }
    return start + at
  }
}

function isSame(expected: Uint8Array, memory: Uint8Array, start: number, end: number): boolean {
  return Buffer.compare(expected, memory.subarray(start, end)) === 0
}
