/**
 * Owns the way in of what is not frames: from what a codec finds in a stream to a message dispatched.
 * Must not know: where bytes are read, how answers reach the socket, what any codec does.
 * Invariant: it dispatches as frames are dispatched, in the decoder of the listener, whose fields it fills: so routes,
 * limits and deadlines are the same, and what serves frames sees one shape of object only. Of an ordered codec a
 * message is dispatched when the one before it has been answered.
 */
import {
  FRAME_TOO_LARGE,
  KIND_MESSAGE,
  KIND_REQUEST,
  OPCODE_PING,
  type FrameDecoder,
  ROUTE_MAX,
  ShardwireError,
} from '@shardwire/protocol'
import { CloseReason, reasonNamed } from '../../close-reason.ts'
import {
  type Decoded,
  DECODED_BROKEN,
  DECODED_GAP,
  DECODED_LIFE,
  DECODED_MESSAGE,
  DECODED_NOTHING,
  Reading,
} from '../../codec/reading.ts'
import { CODEC_OVERHEAD_BYTES, type SpokenCodec } from '../../codec/spoken-codec.ts'
import type { RunnableRoute } from '../../service/compile.ts'
import type { Admission } from '../admission.ts'
import type { Closing } from '../closing.ts'
import { type Connection, HOLD_ANSWER } from '../connection.ts'
import type { Counters } from '../counters.ts'
import type { Outbound } from '../outbound.ts'
import type { CodecAnswers } from './codec-answers.ts'
import type { CodecBodies } from './codec-bodies.ts'

export interface CodecPathParts {
  /** Of the service, by number. */
  readonly routes: readonly (RunnableRoute | undefined)[]
  readonly bodies: CodecBodies
  readonly answers: CodecAnswers
  readonly admission: Admission
  readonly closing: Closing
  readonly outbound: Outbound
  readonly counters: Counters
  /** Serves what the decoder describes, on the routes of `bodies`. */
  readonly dispatch: { frame(connection: Connection, decoder: FrameDecoder, memory: Uint8Array): void }
}

/** No service has it. */
const NO_ROUTE = 0
/** Largest number that V8 keeps without allocating. */
const NUMBER_MAX = 0x3fff_ffff

export class CodecPath {
  /** After `step` found nothing: bytes that the cut message has in all, 0 where that is not known. */
  bytesNeeded = 0
  readonly #parts: CodecPathParts
  readonly #reading = new Reading()
  readonly #numbers: ReadonlyMap<string, number>
  #lastId = 0

  constructor(parts: CodecPathParts) {
    this.#parts = parts
    this.#numbers = new Map(parts.routes.flatMap((route) => (route === undefined ? [] : [[route.name, route.number]])))
  }

  /**
   * Serves what stands at the beginning of memory[at, end).
   * @returns the offset behind it, or `at` when more bytes are needed
   */
  step(connection: Connection, spoken: SpokenCodec, memory: Uint8Array, at: number, end: number): number {
    const reading = this.#reading
    reading.show(memory, at, end, connection.codecState, !connection.greeted)
    return this.#served(connection, spoken, spoken.codec.decode(reading))
  }

  /** The same for what is left when the peer has sent its FIN. */
  last(connection: Connection, spoken: SpokenCodec, memory: Uint8Array, at: number, end: number): number {
    const { codec } = spoken
    if (codec.end === undefined) return at
    const reading = this.#reading
    reading.show(memory, at, end, connection.codecState, !connection.greeted)
    return this.#served(connection, spoken, codec.end(reading))
  }

  #served(connection: Connection, spoken: SpokenCodec, decoded: Decoded): number {
    const reading = this.#reading
    if (decoded === DECODED_NOTHING) return this.#cut(connection, spoken)
    // JavaScript may return anything.
    if (decoded === undefined) throw notDecoded(decoded, spoken)
    connection.codecState = undefined
    if (decoded === DECODED_BROKEN) {
      this.#broken(connection, reading.brokenCode, reading.brokenDetail)
      return reading.end
    }
    const { next } = reading
    assertProgress(reading, spoken)
    if (decoded === DECODED_MESSAGE) this.#message(connection, spoken)
    else if (decoded === DECODED_GAP) connection.greeted = true
    else if (decoded === DECODED_LIFE) this.#life(connection)
    else throw notDecoded(decoded, spoken)
    return next
  }

  #cut(connection: Connection, { name }: SpokenCodec): number {
    const reading = this.#reading
    const { start, end, bytesNeeded } = reading
    if (bytesNeeded !== 0 && !(Number.isInteger(bytesNeeded) && bytesNeeded > end - start)) {
      throw new RangeError(`codec ${name}: it has ${end - start} bytes, and said that it needs ${bytesNeeded} in all`)
    }
    const bytesMax = connection.listener.decoder.frameBytesMax + CODEC_OVERHEAD_BYTES
    if (end - start >= bytesMax || bytesNeeded > bytesMax) {
      connection.codecState = undefined
      this.#broken(connection, FRAME_TOO_LARGE, `a message of more than ${bytesMax} bytes, with what delimits it`)
      return end
    }
    connection.codecState = reading.state
    this.bytesNeeded = bytesNeeded
    return start
  }

  /** As PING: its answers have a rate of their own, and nothing else limits them. */
  #life(connection: Connection): void {
    const { admission, counters, outbound } = this.#parts
    const { memory, bodyStart, bodyEnd } = this.#reading
    connection.greeted = true
    counters.lifeSigns++
    // It is sent so that the connection is kept, which has no PING to be kept by.
    connection.lastMessageMs = connection.lastReadMs
    if (!admission.isOpen && !admission.admitsControl(connection, OPCODE_PING)) return
    if (bodyEnd > bodyStart) outbound.sendBytes(connection, memory, bodyStart, bodyEnd)
  }

  #message(connection: Connection, spoken: SpokenCodec): void {
    const { routes, bodies, answers, dispatch } = this.#parts
    const { start, next, wantsAnswer, tag, route } = this.#reading
    const { decoder } = connection.listener
    const id = this.#nextId(connection)
    const number = this.#numberOf(route ?? spoken.route)
    bodies.prepare(this.#reading, spoken, routes[number])
    decoder.kind = wantsAnswer ? KIND_REQUEST : KIND_MESSAGE
    decoder.route = number
    decoder.id = id
    decoder.frameStart = start
    decoder.frameEnd = next
    decoder.metaStart = decoder.metaEnd = decoder.bodyStart = bodies.start
    decoder.bodyEnd = bodies.end
    answers.expect(id, tag)
    const callsBefore = connection.callsInFlight
    dispatch.frame(connection, decoder, bodies.memory)
    // Whatever was large about it goes with it, and not with the next message of somebody else.
    this.#reading.found = this.#reading.tag = undefined
    bodies.forget()
    answers.expect(0, undefined)
    if (connection.callsInFlight <= callsBefore) return
    answers.keep(connection, id, tag)
    if (spoken.isOrdered) connection.hold |= HOLD_ANSWER
  }

  /** Of this worker's own numbers, which no peer sees. */
  #nextId(connection: Connection): number {
    do this.#lastId = this.#lastId === NUMBER_MAX ? 1 : this.#lastId + 1
    while (connection.calls?.has(this.#lastId) === true)
    return this.#lastId
  }

  /** What stands in the decoder is an integer that a route may have: anything else would slow down frames. */
  #numberOf(route: string | number | undefined): number {
    if (typeof route === 'number') return Number.isInteger(route) && route > 0 && route <= ROUTE_MAX ? route : NO_ROUTE
    return (route === undefined ? undefined : this.#numbers.get(route)) ?? NO_ROUTE
  }

  #broken(connection: Connection, code: number, detail: string): void {
    const error = new ShardwireError(code, detail)
    this.#parts.closing.failWith(connection, reasonNamed(error.name, CloseReason.BAD_FRAME), error)
  }
}

/** A codec that finds something in no bytes would find it for ever; offsets between two bytes are none. */
function assertProgress({ start, end, next, bodyStart, bodyEnd }: Reading, { name }: SpokenCodec): void {
  const isWithin = next > start && next <= end && bodyStart >= start && bodyEnd <= end && bodyStart <= bodyEnd
  if (isWithin && Number.isInteger(next) && Number.isInteger(bodyStart) && Number.isInteger(bodyEnd)) return
  const bytes = end - start
  throw new RangeError(
    `codec ${name}: of ${bytes} bytes it said that the next message begins at ${next - start}, ` +
      `and a body from ${bodyStart - start} to ${bodyEnd - start}`,
  )
}

function notDecoded(decoded: unknown, { name }: SpokenCodec): TypeError {
  return new TypeError(
    `codec ${name}: decode returned ${String(decoded)}; expected what a method of reading returns, as in ` +
      'return reading.message(…)',
  )
}
