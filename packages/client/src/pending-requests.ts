/**
 * Owns the requests that wait for their answers: their ids, their deadlines, their abort signals.
 * Must not know: sockets, frames, what an answer holds.
 * Invariant: an id is here from its REQUEST until its one answer, cancelled or not, and is given to no other request
 * before. A request settles once; when it does, it stands in no wheel and listens to no signal any more.
 */
import { ID_MAX, TimingWheel, WheelEntry } from '@shardwire/protocol'
import type { CancelTimer, Clock } from '@shardwire/protocol'
import { ClientError } from './client-error.ts'

export interface PendingOptions {
  readonly clock: Clock
  /** Ids in use at once, cancelled ones included. */
  readonly maxInFlight: number
  /** For tests of the wrap-around: where ids begin, and after which they begin at 1 again; 1 and 4294967295. */
  readonly firstId?: number
  readonly idMax?: number
}

export interface PendingListener {
  /** Nobody waits for the answer of `id` any more. */
  onCancel(id: number, route: number): void
  /** The last request that somebody waited for has settled. */
  onIdle(): void
}

/** How late a deadline may be noticed, and how often one timer per connection looks, while there is one to notice. */
const TICK_MS = 20
/** A lap of 2.56 s for about 5 KB; longer deadlines go round more than once. */
const SLOTS = 128

/** One request; also its own entry in the wheel, and the listener of its signal. */
class PendingRequest extends WheelEntry {
  readonly id: number
  readonly route: number
  readonly timeoutMs: number
  readonly resolve: (body: Uint8Array) => void
  readonly reject: (error: Error) => void
  readonly signal: AbortSignal | undefined
  readonly #owner: PendingRequests

  constructor(owner: PendingRequests, id: number, request: NewRequest) {
    super()
    this.#owner = owner
    this.id = id
    this.route = request.route
    this.timeoutMs = request.timeoutMs
    this.signal = request.signal
    this.resolve = request.resolve
    this.reject = request.reject
  }

  /** The signal fired. */
  handleEvent(): void {
    const cause = this.signal?.reason
    this.#owner.giveUp(this, new ClientError('ABORTED', `request ${this.id} aborted`, { cause }))
  }

  /** The deadline passed. */
  expire(): void {
    const { id, route, timeoutMs } = this
    const text = `no answer to request ${id} of route ${route} within ${timeoutMs} ms`
    this.#owner.giveUp(this, new ClientError('REQUEST_TIMEOUT', text))
  }
}

export interface NewRequest {
  readonly route: number
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly resolve: (body: Uint8Array) => void
  readonly reject: (error: Error) => void
}

export class PendingRequests {
  readonly #options: PendingOptions
  readonly #listener: PendingListener
  /** By id; null is a request that was given up and whose answer is still owed. */
  readonly #byId = new Map<number, PendingRequest | null>()
  #waiting = 0
  #nextId: number
  #wheel: TimingWheel<PendingRequest> | undefined
  #cancelTimer: CancelTimer | undefined
  /** Answers that came too late, and those of an id that is not in flight. */
  answersLate = 0
  answersUnknown = 0

  constructor(options: PendingOptions, listener: PendingListener) {
    this.#options = options
    this.#listener = listener
    this.#nextId = options.firstId ?? 1
  }

  /** Requests that somebody waits for. */
  get waiting(): number {
    return this.#waiting
  }

  /** Requests that were given up and whose answer is still owed. */
  get cancelled(): number {
    return this.#byId.size - this.#waiting
  }

  /** Deadlines in the wheel; as many as requests that wait. */
  get deadlines(): number {
    return this.#wheel?.size ?? 0
  }

  /** Takes a request. @returns its id. Throws a ClientError ABORTED or TOO_MANY_IN_FLIGHT. */
  add(request: NewRequest): number {
    const { signal, timeoutMs } = request
    if (signal?.aborted === true) throw new ClientError('ABORTED', 'request aborted', { cause: signal.reason })
    if (this.#byId.size >= this.#options.maxInFlight) throw this.#tooMany()
    const pending = new PendingRequest(this, this.#takeId(), request)
    this.#byId.set(pending.id, pending)
    this.#waiting++
    this.#startWheel().schedule(pending, this.#options.clock.nowMs() + timeoutMs)
    signal?.addEventListener('abort', pending)
    return pending.id
  }

  /** The answer to `id` came. @returns false when nobody waits for it: it is counted and dropped */
  resolve(id: number, body: Uint8Array): boolean {
    const pending = this.#take(id)
    pending?.resolve(body)
    return this.#afterAnswer(pending)
  }

  /** The answer to `id` is an error. @returns false when nobody waits for it: it is counted and dropped */
  reject(id: number, error: Error): boolean {
    const pending = this.#take(id)
    pending?.reject(error)
    return this.#afterAnswer(pending)
  }

  /** The connection is gone: all fail, nothing is owed any more. Tells the listener nothing. */
  failAll(error: Error): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const all = [...this.#byId.values()]
    this.#byId.clear()
    this.#waiting = 0
    for (const pending of all) {
      if (pending === null) continue
      this.#release(pending)
      pending.reject(error)
    }
  }

  /** Takes an answered id out of the table. @returns its request; null or undefined when nobody waits */
  #take(id: number): PendingRequest | null | undefined {
    const pending = this.#byId.get(id)
    if (pending === undefined) {
      this.answersUnknown++
      return undefined
    }
    this.#byId.delete(id)
    if (pending === null) {
      this.answersLate++
      return null
    }
    this.#waiting--
    this.#release(pending)
    return pending
  }

  #afterAnswer(pending: PendingRequest | null | undefined): boolean {
    if (pending === null || pending === undefined) return false
    if (this.#waiting === 0) this.#listener.onIdle()
    return true
  }

  /** For requests alone: settles one without its answer; the id stays taken until that comes. */
  giveUp(pending: PendingRequest, error: ClientError): void {
    this.#byId.set(pending.id, null)
    this.#waiting--
    this.#release(pending)
    pending.reject(error)
    this.#listener.onCancel(pending.id, pending.route)
    if (this.#waiting === 0) this.#listener.onIdle()
  }

  #release(pending: PendingRequest): void {
    this.#wheel?.cancel(pending)
    pending.signal?.removeEventListener('abort', pending)
  }

  /** The next id that is not in flight; there is one, as maxInFlight is far below the number of ids. */
  #takeId(): number {
    while (this.#byId.has(this.#nextId)) this.#nextId = this.#idAfter(this.#nextId)
    const id = this.#nextId
    this.#nextId = this.#idAfter(id)
    return id
  }

  #idAfter(id: number): number {
    return id === (this.#options.idMax ?? ID_MAX) ? 1 : id + 1
  }

  #startWheel(): TimingWheel<PendingRequest> {
    const { clock } = this.#options
    this.#wheel ??= new TimingWheel({ tickMs: TICK_MS, slots: SLOTS, nowMs: clock.nowMs() })
    this.#cancelTimer ??= clock.every(TICK_MS, () => {
      this.#tick()
    })
    return this.#wheel
  }

  /** Stops the timer at the first tick with nothing to wait for, not at the last answer: it would stop all the time. */
  #tick(): void {
    this.#wheel?.advance(this.#options.clock.nowMs(), expire)
    if (this.#waiting > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #tooMany(): ClientError {
    const owed = this.cancelled > 0 ? `, ${this.cancelled} of them given up but not answered` : ''
    return new ClientError('TOO_MANY_IN_FLIGHT', `${this.#byId.size} requests are in flight${owed}`)
  }
}

function expire(pending: PendingRequest): void {
  pending.expire()
}
