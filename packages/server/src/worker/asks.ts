/**
 * Owns what a service asked one client and waits for: each with its id, its deadline and its promise.
 * Must not know: how frames come and go.
 * Invariant: an ask settles exactly once, by its answer, its deadline, its signal or the end of the connection; from
 * then on it is in no table and on no wheel, and an answer that comes later is dropped. Ids are this end's own: that
 * the client has requests of the same ids in flight means nothing.
 */
import {
  copyBytes,
  DEADLINE_EXCEEDED,
  decodeBody,
  decodeErrorBody,
  encodeFrame,
  encodeMetadata,
  type FrameDecoder,
  ID_BYTES,
  ID_MAX,
  KIND_CANCEL,
  KIND_ERROR,
  KIND_REQUEST,
  META_LENGTH_BYTES,
  OVERLOADED,
  ShardwireError,
} from '@shardwire/protocol'
import type { ClientRoute } from '../service/client-route.ts'
import type { AskOptions } from '../service/connection.ts'
import { conform } from '../service/schema-check.ts'
import type { Connection } from './connection.ts'
import { Deadline, type DeadlineWheel } from './deadline.ts'
import { encodePush, type Pushes } from './pushes.ts'

/** When somebody who asks too much may ask again, in milliseconds. */
const RETRY_MS = 100

export interface AsksParts {
  readonly pushes: Pushes
  readonly wheel: DeadlineWheel
  /** Asks of one connection that wait at once. */
  readonly maxInFlight: number
  readonly requestTimeoutMs: number
  readonly exactNowMs: () => number
}

class Ask extends Deadline {
  readonly id: number
  readonly route: ClientRoute
  readonly promise: Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
  readonly #asks: Asks

  constructor(asks: Asks, id: number, route: ClientRoute) {
    super()
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#asks = asks
    this.id = id
    this.route = route
    this.promise = promise
    this.resolve = resolve
    this.reject = reject
  }

  override expired(): void {
    this.#asks.expire(this)
  }
}

/** The asks of one connection. */
export class Asks {
  readonly #parts: AsksParts
  readonly #connection: Connection
  readonly #waiting = new Map<number, Ask>()
  #lastId = 0

  constructor(connection: Connection, parts: AsksParts) {
    this.#connection = connection
    this.#parts = parts
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Asks; what is wrong with the asking itself is thrown. */
  ask(route: ClientRoute, value: unknown, options: AskOptions): Promise<unknown> {
    const { pushes, wheel, requestTimeoutMs, exactNowMs } = this.#parts
    const { timeoutMs = requestTimeoutMs, signal, meta } = options
    if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs ${timeoutMs}: expected milliseconds above 0`)
    signal?.throwIfAborted()
    this.#checkRoom()
    const body = encodePush(route.body, value)
    const deadlineMs = Math.min(Math.ceil(timeoutMs), Number.MAX_SAFE_INTEGER)
    const block = encodeMetadata({ deadlineMs, traceparent: meta?.traceparent })
    const payloadBytes = ID_BYTES + META_LENGTH_BYTES + block.length + body.length
    pushes.admits(this.#connection, route.number, payloadBytes)
    const ask = new Ask(this, this.#nextId(), route)
    this.#waiting.set(ask.id, ask)
    pushes.frame(
      this.#connection,
      encodeFrame({ kind: KIND_REQUEST, route: route.number, id: ask.id, meta: block, body }),
    )
    wheel.schedule(ask, exactNowMs() + timeoutMs)
    return signal === undefined ? ask.promise : this.#withSignal(ask, signal)
  }

  /** A RESPONSE or ERROR came. @returns false when nobody waits for it */
  answered({ id, kind, bodyStart, bodyEnd }: FrameDecoder, memory: Uint8Array): boolean {
    const ask = this.#waiting.get(id)
    if (ask === undefined) return false
    this.#settle(ask)
    if (kind === KIND_ERROR) ask.reject(decodeErrorBody(memory, bodyStart, bodyEnd))
    else this.#resolve(ask, memory, bodyStart, bodyEnd)
    return true
  }

  /** For asks only: the deadline has passed. */
  expire(ask: Ask): void {
    const text = `the client did not answer route ${ask.route.number} in time`
    this.#giveUp(ask, new ShardwireError(DEADLINE_EXCEEDED, text))
  }

  /** The connection brings no answer any more. */
  fail(error: Error): void {
    for (const ask of this.#waiting.values()) {
      this.#parts.wheel.cancel(ask)
      ask.reject(error)
    }
    this.#waiting.clear()
  }

  #resolve(ask: Ask, memory: Uint8Array, start: number, end: number): void {
    const { answer, answerSchema, number } = ask.route
    try {
      const value = answer === 'bytes' ? ownBytes(memory, start, end) : decodeAnswer(memory, start, end)
      ask.resolve(answerSchema === undefined ? value : conform(answerSchema, value, 'it'))
    } catch (cause) {
      ask.reject(new Error(`what the client answered on route ${number} cannot be read`, { cause }))
    }
  }

  #checkRoom(): void {
    const { pushes, maxInFlight } = this.#parts
    const extras = { retryAfterMs: RETRY_MS }
    if (this.#waiting.size >= maxInFlight) {
      const text = `${maxInFlight} requests to this client wait for its answer, which is the limit`
      throw new ShardwireError(OVERLOADED, text, extras)
    }
    if (!pushes.keepsUp(this.#connection)) {
      throw new ShardwireError(OVERLOADED, 'the client does not read what it is sent', extras)
    }
  }

  async #withSignal(ask: Ask, signal: AbortSignal): Promise<unknown> {
    const onAbort = (): void => this.#giveUp(ask, signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await ask.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #giveUp(ask: Ask, reason: unknown): void {
    if (!this.#settle(ask)) return
    const { number } = ask.route
    if (this.#parts.pushes.keepsUp(this.#connection)) {
      this.#parts.pushes.frame(this.#connection, encodeFrame({ kind: KIND_CANCEL, route: number, id: ask.id }))
    }
    ask.reject(reason)
  }

  #settle(ask: Ask): boolean {
    this.#parts.wheel.cancel(ask)
    return this.#waiting.delete(ask.id)
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1
    while (this.#waiting.has(this.#lastId))
    return this.#lastId
  }
}

function decodeAnswer(memory: Uint8Array, start: number, end: number): unknown {
  return start === end ? undefined : decodeBody(memory, start, end)
}

function ownBytes(memory: Uint8Array, start: number, end: number): Uint8Array {
  const own = new Uint8Array(end - start)
  copyBytes(memory, start, end, own, 0)
  return own
}
