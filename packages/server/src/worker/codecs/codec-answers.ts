/**
 * Owns the way out of what is not frames: answers and errors, as a codec writes them.
 * Must not know: how a handler came to its answer, what any codec does.
 * Invariant: an answer leaves whole or not at all. What tells it apart (its *tag*) is kept while its handler runs, with
 * the connection.
 */
import { decodeErrorBody, ShardwireError, viewOf } from '@shardwire/protocol'
import type { CodecAnswer } from '../../codec/codec.ts'
import { CODEC_OVERHEAD_BYTES, type SpokenCodec } from '../../codec/spoken-codec.ts'
import { Writer } from '../../codec/writer.ts'
import type { RunnableRoute } from '../../service/compile.ts'
import { FORWARD } from '../../service/forward.ts'
import type { RequestContext } from '../../service/request-context.ts'
import { FORWARD_BODY } from './codec-bodies.ts'
import type { Connection } from '../connection.ts'
import type { Outbound } from '../outbound.ts'
import { encodeAnswer } from './encode-answer.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)
/** What is left of a message that was too long to be sent with an error. */
const SHORT_MESSAGE_LENGTH = 200

/** The one answer that is being written. */
class AnswerSlot implements CodecAnswer {
  route = ''
  tag: unknown = undefined
  memory = NO_BYTES
  start = 0
  end = 0
  value: unknown = undefined

  place(memory: Uint8Array, start: number, end: number): void {
    this.memory = memory
    this.start = start
    this.end = end
  }

  placeAll(bytes: Uint8Array): void {
    this.place(bytes, 0, bytes.length)
  }

  clear(): void {
    this.route = ''
    this.value = this.tag = undefined
    this.place(NO_BYTES, 0, 0)
  }
}

/** What an answer is written with. */
class Pen {
  readonly writer = new Writer()
  readonly slot = new AnswerSlot()
}

export class CodecAnswers {
  readonly #outbound: Outbound
  readonly #onFault: (error: unknown) => void
  /** Undefined while an answer is written: what is written then (by a toJSON that sends something) takes another. */
  #pen: Pen | undefined = new Pen()
  /** The message that is being dispatched. */
  #id = 0
  #tag: unknown = undefined
  /** Errors that were encoded beforehand, so that a refusal costs little. */
  readonly #errors = new WeakMap<Uint8Array, ShardwireError>()

  /** @param onFault told what a codec threw while it wrote an error */
  constructor(outbound: Outbound, onFault: (error: unknown) => void) {
    this.#outbound = outbound
    this.#onFault = onFault
  }

  /** A message is dispatched: whatever is said with this id from now on has this tag. */
  expect(id: number, tag: unknown): void {
    this.#id = id
    this.#tag = tag
  }

  /** Its handler goes on. */
  keep(connection: Connection, id: number, tag: unknown): void {
    if (tag === undefined) return
    connection.tags ??= new Map()
    connection.tags.set(id, tag)
  }

  /**
   * Sends what a handler returned; nothing where it returned nothing and nobody waits.
   * @throws what is wrong with it: then nothing was sent, and its tag is still there
   */
  answer(
    connection: Connection,
    spoken: SpokenCodec,
    id: number,
    route: RunnableRoute,
    context: RequestContext<Connection>,
    value: unknown,
  ): void {
    if (value === undefined && !context.wantsAnswer) return this.#forget(connection, id)
    const pen = this.#takePen()
    const { slot } = pen
    try {
      slot.route = route.name
      slot.tag = this.#tagOf(connection, id)
      if (spoken.carriesValues) slot.value = valueOf(route, context, value)
      else if (isForwarded(value)) slot.place(context.memory, context.start, context.end)
      else if (value !== undefined) slot.placeAll(encodeAnswer(route, value))
      this.#write(connection, spoken, pen)
    } finally {
      this.#putBack(pen)
    }
    this.#forget(connection, id)
  }

  /**
   * Sends what a service sends unasked, of a codec that has a form for it.
   * @throws what is wrong with it: then nothing was sent
   */
  push(connection: Connection, spoken: SpokenCodec, value: unknown): void {
    const pen = this.#takePen()
    try {
      if (spoken.carriesValues) pen.slot.value = value
      else pen.slot.placeAll(pushedBytes(value, spoken))
      this.#write(connection, spoken, pen)
    } finally {
      this.#putBack(pen)
    }
  }

  /**
   * Sends an error, of a codec that has a form for them.
   * @param id of the message that it answers; 0 where it concerns none
   * @returns false when the codec failed
   */
  error(connection: Connection, spoken: SpokenCodec, id: number, error: ShardwireError): boolean {
    const tag = id === 0 ? undefined : this.#tagOf(connection, id)
    this.#forget(connection, id)
    const { code, retryAfterMs, retryable, name } = error
    const text = error.message.slice(0, SHORT_MESSAGE_LENGTH)
    const short = new ShardwireError(code, text, { retryAfterMs, retryable, name })
    try {
      // What does not fit is left out: details first, then what it answers.
      const isSent =
        this.#sendError(connection, spoken, error, tag) ||
        this.#sendError(connection, spoken, short, tag) ||
        this.#sendError(connection, spoken, short, undefined)
      if (!isSent) throw new RangeError(`codec ${spoken.name}: an error has more bytes than a message may have`)
      return true
    } catch (fault) {
      this.#onFault(fault)
      return false
    }
  }

  /** The error that the body of an ERROR frame says. */
  errorOf(body: Uint8Array): ShardwireError {
    const known = this.#errors.get(body)
    if (known !== undefined) return known
    const error = decodeErrorBody(body, 0, body.length)
    this.#errors.set(body, error)
    return error
  }

  /** @returns false when it is too large */
  #sendError(connection: Connection, spoken: SpokenCodec, error: ShardwireError, tag: unknown): boolean {
    const pen = this.#takePen()
    const { writer } = pen
    try {
      writer.begin(connection.listener.decoder.frameBytesMax + CODEC_OVERHEAD_BYTES)
      spoken.codec.encodeError?.(writer, error, tag)
      this.#outbound.sendBytes(connection, writer.memory, 0, writer.length)
      return true
    } catch (fault) {
      if (fault instanceof RangeError) return false
      throw fault
    } finally {
      this.#putBack(pen)
    }
  }

  #write(connection: Connection, spoken: SpokenCodec, { slot, writer }: Pen): void {
    const limit = connection.listener.decoder.frameBytesMax
    const bytes = slot.end - slot.start
    if (bytes > limit) throw new RangeError(`it has ${bytes} bytes, the limit is ${limit}`)
    writer.begin(limit + CODEC_OVERHEAD_BYTES)
    spoken.codec.encodeAnswer(writer, slot)
    this.#outbound.sendBytes(connection, writer.memory, 0, writer.length)
  }

  #takePen(): Pen {
    const pen = this.#pen ?? new Pen()
    this.#pen = undefined
    return pen
  }

  #putBack(pen: Pen): void {
    pen.slot.clear()
    this.#pen = pen
  }

  #tagOf(connection: Connection, id: number): unknown {
    return connection.tags?.get(id) ?? (id === this.#id ? this.#tag : undefined)
  }

  #forget(connection: Connection, id: number): void {
    connection.tags?.delete(id)
  }
}

/** What a codec of values is given for what a handler returned. */
function valueOf(route: RunnableRoute, context: RequestContext<Connection>, value: unknown): unknown {
  if (isForwarded(value)) {
    return route.body === 'bytes' ? textOf(context.memory, context.start, context.end) : context.value
  }
  if (value instanceof Uint8Array) return textOf(value, 0, value.length)
  if (route.answer === 'bytes' && value !== undefined) {
    throw new TypeError(`a route that answers bytes returned ${value === null ? 'null' : typeof value}`)
  }
  return value
}

/** Of a handler that is asynchronous it is still the first. */
function isForwarded(value: unknown): boolean {
  return value === FORWARD_BODY || value === FORWARD
}

/** Without a route that could say what it is, a text is its UTF-8. */
function pushedBytes(value: unknown, { name }: SpokenCodec): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return Buffer.from(value)
  const kind = value === null ? 'null' : typeof value
  throw new TypeError(`codec ${name} sends bytes or texts, and was given ${kind}`)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(memory: Uint8Array, start: number, end: number): string {
  try {
    return UTF8.decode(viewOf(memory, start, end))
  } catch (cause) {
    throw new TypeError('it is bytes that are no UTF-8, which a text cannot say', { cause })
  }
}
