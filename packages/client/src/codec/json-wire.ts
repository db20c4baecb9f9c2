/**
 * Owns a connection that speaks JSON: `{"uid", "route"?, "val"}` out, `{"uid", "val"}` or `{"uid", "error"}` in.
 * Must not know: sockets, when a connection ends.
 * Invariant: a call that throws or rejects before anything was written has changed nothing. JSON has no deadlines, no
 * CANCEL, no PING and no way for the server to ask: deadlines and cancels hold here alone, and a uid is free as soon as
 * nobody waits for it.
 */
import type { Metadata, MetadataFields, ShardwireError } from '@shardwire/protocol'
import { ClientError } from '../client-error.ts'
import type { Message } from '../connection-api.ts'
import { checkBody, checkDelayMs, checkRoute } from '../checks.ts'
import type { CompleteOptions } from '../options.ts'
import type { Outbound } from '../outbound.ts'
import { PendingRequests } from '../pending-requests.ts'
import type { RequestOptions, Route, SendOptions } from '../request-options.ts'
import { coarseWheelOf, Deadline } from '../shared-wheel.ts'
import { readJsonAnswer } from './json-answer.ts'
import { JsonStream } from './json-stream.ts'
import type { Wire, WireEvents, WireStats } from './wire.ts'

/** An object with neither uid nor val: counted as a sign of life, and not answered. */
const LIFE = Buffer.from('{}\n')
const NO_ROUTE = 0
/** As much as `{"uid":"4294967295",,"val":}` and a newline take beside route and val. */
const OVERHEAD_BYTES = 32

/** Says now and then that we are there, as a server cannot ask. */
class Life extends Deadline {
  readonly #intervalMs: number
  readonly #outbound: Outbound
  readonly #options: CompleteOptions

  constructor(options: CompleteOptions, outbound: Outbound) {
    super()
    this.#options = options
    this.#intervalMs = options.heartbeatMs
    this.#outbound = outbound
  }

  start(): void {
    if (this.#intervalMs > 0) coarseWheelOf(this.#options.clock).schedule(this, this.#intervalMs)
  }

  override expire(): void {
    if (this.#outbound.hasRoom(LIFE.length)) this.#outbound.bytes(LIFE)
    this.start()
  }

  stop(): void {
    coarseWheelOf(this.#options.clock).cancel(this)
  }
}

export class JsonWire implements Wire {
  readonly isSuspect = false
  readonly #options: CompleteOptions
  readonly #outbound: Outbound
  readonly #events: WireEvents
  readonly #pending: PendingRequests<unknown>
  readonly #stream: JsonStream
  readonly #life: Life

  constructor(options: CompleteOptions, outbound: Outbound, events: WireEvents) {
    this.#options = options
    this.#outbound = outbound
    this.#events = events
    this.#life = new Life(options, outbound)
    this.#pending = new PendingRequests<unknown>(options, {
      onCancel: () => false,
      onIdle: () => {
        events.onIdle()
      },
    })
    this.#stream = new JsonStream(options.maxFrameBytes, {
      onObject: (object) => {
        this.#onObject(object)
      },
      onBroken: (error) => {
        events.onViolation(error)
      },
    })
  }

  get isIdle(): boolean {
    return this.#pending.waiting === 0
  }

  get bytesCut(): number {
    return this.#stream.bytesCut
  }

  get stats(): WireStats {
    const { waiting, answersLate, answersUnknown } = this.#pending
    return {
      ...{ roundTripMs: undefined, requestsCancelled: 0, requestsServed: 0 },
      ...{ requestsInFlight: waiting, answersLate, answersUnknown },
    }
  }

  async request(route: Route, body: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    checkBody(body)
    const val = await this.#ask(route, JSON.stringify(utf8Of(body)), options)
    if (val === null || val === undefined) return new Uint8Array(0)
    if (typeof val === 'string') return new TextEncoder().encode(val)
    throw new ClientError('BAD_ANSWER', `the answer of ${nameOf(route)} is no string; for values use requestValue`)
  }

  async requestValue(route: Route, value: unknown, options: RequestOptions): Promise<unknown> {
    return await this.#ask(route, jsonOf(value), options)
  }

  send(route: Route, body: Uint8Array, options: SendOptions): void {
    checkBody(body)
    this.#tell(route, JSON.stringify(utf8Of(body)), options)
  }

  sendValue(route: Route, value: unknown, options: SendOptions): void {
    this.#tell(route, jsonOf(value), options)
  }

  ping(): never {
    throw notOverJson('ping')
  }

  handle(): never {
    throw notOverJson('handle')
  }

  start(): void {
    this.#life.start()
  }

  feed(memory: Uint8Array, bytes: number): void {
    this.#stream.feed(memory, bytes)
  }

  stop(error: Error): void {
    this.#stream.stop()
    this.#life.stop()
    this.#pending.failAll(error)
  }

  #ask(route: Route, val: string, options: RequestOptions): Promise<unknown> {
    const { signal, timeoutMs = this.#options.requestTimeoutMs, meta } = options
    const named = routeText(route)
    checkDelayMs('timeoutMs', timeoutMs)
    refuseMeta(meta)
    this.#assertFits(named, val)
    const answer = Promise.withResolvers<unknown>()
    const id = this.#pending.add(route, timeoutMs, signal, answer, this.#options.clock.nowMs())
    const uid = this.#options.jsonUid === 'string' ? `"${id}"` : String(id)
    this.#outbound.bytes(Buffer.from(`{"uid":${uid},${named}"val":${val}}\n`))
    return answer.promise
  }

  #tell(route: Route, val: string, options: SendOptions): void {
    const named = routeText(route)
    refuseMeta(options.meta)
    this.#assertFits(named, val)
    this.#outbound.bytes(Buffer.from(`{${named}"val":${val}}\n`))
  }

  #assertFits(named: string, val: string): void {
    const { maxFrameBytes } = this.#options
    const bytes = OVERHEAD_BYTES + Buffer.byteLength(named) + Buffer.byteLength(val)
    if (bytes > maxFrameBytes) {
      throw new ClientError('FRAME_TOO_LARGE', `an object of ${bytes} bytes, at most ${maxFrameBytes} are allowed`)
    }
    this.#outbound.assertRoom(bytes)
  }

  #onObject(object: Readonly<Record<string, unknown>>): void {
    const { uid, val, hasVal, error } = readJsonAnswer(object)
    const id = idOf(uid)
    if (error !== undefined) this.#onError(id, uid, error)
    else if (id !== undefined) this.#pending.resolve(id, val)
    // What asks for nothing and says nothing is a sign of life.
    else if (hasVal) this.#events.onMessage(new JsonMessage(uid, val))
  }

  #onError(id: number | undefined, uid: unknown, error: ShardwireError): void {
    if (id !== undefined) this.#pending.reject(id, error)
    else if (uid === undefined) this.#events.onServerError(error, 0)
    else this.#pending.answersUnknown++
  }
}

/** An object that answers no request of ours. */
class JsonMessage implements Message {
  readonly route = NO_ROUTE
  readonly meta: Metadata | undefined
  readonly #val: unknown

  constructor(uid: unknown, val: unknown) {
    this.meta = uid === undefined ? undefined : { rest: { uid } }
    this.#val = val
  }

  get body(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(this.#val))
  }

  value(): unknown {
    return this.#val
  }
}

/** The id that a uid of ours says, as a string or as a number. */
function idOf(uid: unknown): number | undefined {
  if (typeof uid === 'string') return /^[1-9]\d{0,9}$/.test(uid) ? Number(uid) : undefined
  return typeof uid === 'number' && Number.isInteger(uid) && uid > 0 ? uid : undefined
}

/** `"route":"greet",`, or nothing. */
function routeText(route: Route): string {
  if (route === NO_ROUTE) return ''
  return `"route":${typeof route === 'string' ? JSON.stringify(route) : checkRoute(route)},`
}

function nameOf(route: Route): string {
  return route === NO_ROUTE ? 'no route' : `route ${route}`
}

/** Throws a ClientError INVALID_OPTION: JSON stands for text, so bytes must be UTF-8. */
function utf8Of(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch (cause) {
    throw new ClientError('INVALID_OPTION', 'body: over JSON expected UTF-8; for other bytes use frames', { cause })
  }
}

/** Throws a TypeError for a value that JSON has no form for. */
function jsonOf(value: unknown): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`a ${typeof value} has no form in JSON`)
  return text
}

/** Throws a ClientError INVALID_OPTION for what would be lost. A trace is lost with good grace. */
function refuseMeta(meta: MetadataFields | undefined): void {
  if (meta === undefined) return
  const { traceparent: _trace, deadlineMs: _deadline, ...rest } = meta
  const [key] = Object.entries(rest).find(([, value]) => value !== undefined) ?? []
  if (key !== undefined) throw new ClientError('INVALID_OPTION', `meta: JSON carries none, so ${key} would be lost`)
}

function notOverJson(verb: string): ClientError {
  return new ClientError('INVALID_OPTION', `${verb}: this connection speaks JSON, which has no such thing`)
}
