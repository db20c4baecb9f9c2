/**
 * Owns MESSAGEs that a service sends unasked.
 * Must not know: who asks for them, how bytes reach the socket.
 * Invariant: what was sent on a connection arrives in order, or the connection ends: nothing is left out for a peer
 * that does not keep up. Whatever a turn of the loop sends to one connection leaves in one write, at its end.
 */
import { type BodyKind, encodeBody, KIND_MESSAGE, ROUTE_MAX } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { ClientRoute } from '../service/client-route.ts'
import type { SpokenCodec } from '../codec/spoken-codec.ts'
import type { Closing } from './closing.ts'
import type { CodecAnswers } from './codecs/codec-answers.ts'
import { type Connection, STATE_FINISHED } from './connection.ts'
import type { Outbound } from './outbound.ts'

/** How many times the mark may be unsent before whoever does not read is cut off. */
const MARKS_MAX = 4
const NO_BYTES: Uint8Array = new Uint8Array(0)

export interface PushesParts {
  readonly outbound: Outbound
  readonly codecs: CodecAnswers
  readonly closing: Closing
  /** Unsent bytes from which on a peer does not keep up. */
  readonly writeBufferBytes: number
  readonly nowMs: () => number
  /** A fault of this server. */
  readonly onFault: (error: unknown) => void
}

export class Pushes {
  readonly #parts: PushesParts
  #flushQueued = false
  readonly #flush = (): void => {
    this.#flushQueued = false
    try {
      this.#parts.outbound.flush()
    } catch (error) {
      this.#parts.onFault(error)
    }
  }

  constructor(parts: PushesParts) {
    this.#parts = parts
  }

  /** @returns whether the next may follow at once */
  message(connection: Connection, route: ClientRoute | number, value: unknown): boolean {
    const number = typeof route === 'number' ? route : route.number
    const { codec } = connection.listener
    if (codec !== null) return this.#byCodec(connection, codec, number, value)
    const body = encodePush(typeof route === 'number' ? undefined : route.body, value)
    if (!this.admits(connection, number, body.length)) return false
    this.#parts.outbound.send(connection, KIND_MESSAGE, number, 0, body)
    this.sent(connection)
    return this.keepsUp(connection)
  }

  #byCodec(connection: Connection, codec: SpokenCodec, number: number, value: unknown): boolean {
    if (!codec.pushes)
      throw new TypeError(`to a listener of codec ${codec.name} nothing can be sent that was not asked for`)
    if (!this.admits(connection, number, 0)) return false
    this.#parts.codecs.push(connection, codec, value)
    this.sent(connection)
    return this.keepsUp(connection)
  }

  /** Sends a whole frame. */
  frame(connection: Connection, frame: Uint8Array): void {
    this.#parts.outbound.sendEncoded(connection, frame)
    this.sent(connection)
  }

  /**
   * Whether a payload may be sent. A connection with far too much unsent is reset. Throws a RangeError for a route or a
   * payload that cannot be.
   */
  admits(connection: Connection, route: number, payloadBytes: number): boolean {
    const { closing, writeBufferBytes } = this.#parts
    const limit = connection.listener.decoder.frameBytesMax
    if (!Number.isInteger(route) || route < 1 || route > ROUTE_MAX) {
      throw new RangeError(`route ${route}: expected an integer from 1 to ${ROUTE_MAX}`)
    }
    if (payloadBytes > limit) {
      throw new RangeError(`a payload of ${payloadBytes} bytes for route ${route}, the limit is ${limit}`)
    }
    if (!canSend(connection)) return false
    const { unsentBytes } = connection.transport
    if (unsentBytes < MARKS_MAX * writeBufferBytes) return true
    const detail = `a service pushed on while ${unsentBytes} bytes were unsent`
    closing.reset(connection, CloseReason.SLOW_CONSUMER, detail)
    return false
  }

  /** Whether a MESSAGE would be taken at once: its codec has a form for one, and it keeps up. */
  takes(connection: Connection): boolean {
    const { codec } = connection.listener
    return (codec === null || codec.pushes) && this.keepsUp(connection)
  }

  /** Whether it is open and reads what it is sent. */
  keepsUp(connection: Connection): boolean {
    return canSend(connection) && connection.transport.unsentBytes < this.#parts.writeBufferBytes
  }

  /** A frame is in the write slab: who is sent to is not idle, and the turn's end writes it. */
  sent(connection: Connection): void {
    connection.lastMessageMs = this.#parts.nowMs()
    if (this.#flushQueued) return
    this.#flushQueued = true
    queueMicrotask(this.#flush)
  }
}

export function canSend(connection: Connection): boolean {
  return connection.state < STATE_FINISHED && connection.transport.isWritable
}

/** @param kind of the route; undefined where it was named by its number */
export function encodePush(kind: BodyKind | undefined, value: unknown): Uint8Array {
  if (kind === 'none') return NO_BYTES
  if (kind === 'msgpack' || (kind === undefined && !(value instanceof Uint8Array))) return encodeBody(value)
  if (value instanceof Uint8Array) return value
  throw new TypeError(`a route of bytes was given ${value === null ? 'null' : typeof value}`)
}
