/**
 * Owns the requests that wait for their answers: their ids, their deadlines, their abort signals.
 * Must not know: sockets, frames, what an answer holds.
 * Invariant: an id is here from its REQUEST until its one answer, cancelled or not, and is given to no other request
 * before. A request settles once; when it does, it listens to no signal. An id stands in the slot of its lowest bits,
 * and is not given out while that slot is taken, so no id is searched for. What is in a slot is used again for the next
 * id there: a request costs no object but its promise. One deadline stands in the wheel for all that wait, that of the
 * earliest or before: to put each into the wheel and take it out again costs far more than to look at all now and then.
 * None stands there while nobody waits.
 */
import { ID_MAX } from '@shardwire/protocol'
import type { Clock } from '@shardwire/protocol'
import { ClientError } from './client-error.ts'
import type { Receiver } from './receiver.ts'
import { Deadline, fineWheelOf, type SharedWheel } from './shared-wheel.ts'

export interface PendingOptions {
  readonly clock: Clock
  /** Ids in use at once, cancelled ones included. */
  readonly maxInFlight: number
  /** For tests of the wrap-around: where ids begin, and after which they begin at 1 again; 1 and 4294967295. */
  readonly firstId?: number
  readonly idMax?: number
}

export interface PendingListener {
  /** Nobody waits for the answer of `id` any more. @returns whether an answer will come all the same */
  onCancel(id: number, route: number | string): boolean
  /** The last request that somebody waited for has settled. */
  onIdle(): void
}

/** Slots at first, and what is kept of many that were needed once. */
const SLOTS_MIN = 16
const SLOTS_KEPT = 1024

const FREE = 0
const WAITING = 1
/** Given up; its answer is still owed. */
const OWED = 2

/** One slot; also the listener of its signal. */
class PendingRequest<Answer> {
  state = FREE
  id = 0
  route: number | string = 0
  timeoutMs = 0
  /** When it has waited for so long. */
  dueMs = 0
  receiver: Receiver<Answer> = NOBODY
  signal: AbortSignal | undefined = undefined
  readonly #owner: PendingRequests<Answer>

  constructor(owner: PendingRequests<Answer>) {
    this.#owner = owner
  }

  /** The signal fired. */
  handleEvent(): void {
    const cause = this.signal?.reason
    this.#owner.giveUp(this, new ClientError('ABORTED', `request ${this.id} aborted`, { cause }))
  }

  expire(): void {
    const { id, route, timeoutMs } = this
    const text = `no answer to request ${id} of route ${route} within ${timeoutMs} ms`
    this.#owner.giveUp(this, new ClientError('REQUEST_TIMEOUT', text))
  }
}

/** The earliest deadline of those that wait, or one before it. */
class EarliestDeadline extends Deadline {
  /** Infinity while it stands in no wheel. */
  dueMs = Infinity
  readonly #owner: { expireDue(): void }

  constructor(owner: { expireDue(): void }) {
    super()
    this.#owner = owner
  }

  override expire(): void {
    this.dueMs = Infinity
    this.#owner.expireDue()
  }
}

export class PendingRequests<Answer = Uint8Array> {
  /** Answers that came too late, and those of an id that is not in flight. */
  answersLate = 0
  answersUnknown = 0
  readonly #options: PendingOptions
  readonly #listener: PendingListener
  readonly #wheel: SharedWheel
  readonly #earliest = new EarliestDeadline(this)
  readonly #idMax: number
  /** None before the first request: a connection that is merely there keeps nothing for requests. */
  #slots: PendingRequest<Answer>[] = []
  #mask = 0
  /** Slots that are taken, and those of them that somebody waits for. */
  #taken = 0
  #waiting = 0
  #nextId: number

  constructor(options: PendingOptions, listener: PendingListener) {
    this.#options = options
    this.#listener = listener
    this.#wheel = fineWheelOf(options.clock)
    this.#idMax = options.idMax ?? ID_MAX
    this.#nextId = options.firstId ?? 1
  }

  /** Requests that somebody waits for. */
  get waiting(): number {
    return this.#waiting
  }

  /** Requests that were given up and whose answer is still owed. */
  get cancelled(): number {
    return this.#taken - this.#waiting
  }

  /**
   * Takes a request, its fields one by one: an object to hold them would be made for each.
   * @param nowMs the clock, not older than this turn of the loop
   * @returns its id. Throws a ClientError ABORTED or TOO_MANY_IN_FLIGHT.
   */
  add(
    route: number | string,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    receiver: Receiver<Answer>,
    nowMs: number,
  ): number {
    if (signal?.aborted === true) throw new ClientError('ABORTED', 'request aborted', { cause: signal.reason })
    if (this.#taken >= this.#options.maxInFlight) throw this.#tooMany()
    if (this.#taken * 4 >= this.#mask * 3) this.#grow()
    const pending = this.#takeSlot()
    pending.state = WAITING
    pending.route = route
    pending.timeoutMs = timeoutMs
    pending.receiver = receiver
    pending.signal = signal
    this.#taken++
    this.#waiting++
    pending.dueMs = nowMs + timeoutMs
    this.#wheel.note(nowMs)
    if (pending.dueMs < this.#earliest.dueMs) this.#schedule(pending.dueMs)
    signal?.addEventListener('abort', pending)
    return pending.id
  }

  /** The answer to `id` came. @returns false when nobody waits for it: it is counted and dropped */
  resolve(id: number, answer: Answer): boolean {
    const pending = this.#take(id)
    if (pending === undefined) return false
    const { receiver } = pending
    this.#free(pending)
    receiver.resolve(answer)
    this.#afterAnswer()
    return true
  }

  /** The answer to `id` is an error. @returns false when nobody waits for it: it is counted and dropped */
  reject(id: number, error: Error): boolean {
    const pending = this.#take(id)
    if (pending === undefined) return false
    const { receiver } = pending
    this.#free(pending)
    receiver.reject(error)
    this.#afterAnswer()
    return true
  }

  /** The connection is gone: all fail, nothing is owed any more. Tells the listener nothing. */
  failAll(error: Error): void {
    const slots = this.#slots
    this.#slots = []
    this.#mask = 0
    this.#taken = 0
    this.#waiting = 0
    this.#unschedule()
    for (const pending of slots) {
      if (pending.state !== WAITING) continue
      const { receiver } = pending
      this.#release(pending)
      this.#free(pending)
      receiver.reject(error)
    }
  }

  /** For requests alone: settles one without its answer; the id stays taken until that comes. */
  giveUp(pending: PendingRequest<Answer>, error: ClientError): void {
    const { id, route, receiver } = pending
    this.#waiting--
    this.#release(pending)
    if (this.#waiting === 0) this.#unschedule()
    pending.state = OWED
    pending.receiver = NOBODY
    receiver.reject(error)
    if (!this.#listener.onCancel(id, route) && pending.state === OWED && pending.id === id) {
      this.#taken--
      this.#free(pending)
    }
    if (this.#waiting === 0) this.#listener.onIdle()
  }

  /** For its deadline alone: gives up all whose time has passed, in the order in which it did. */
  expireDue(): void {
    const { nowMs } = this.#wheel
    const due = this.#slots.filter(({ state, dueMs }) => state === WAITING && dueMs <= nowMs)
    // One may have been answered or failed by what another one's end led to.
    for (const pending of due.sort((one, other) => one.dueMs - other.dueMs)) {
      if (pending.state === WAITING && pending.dueMs <= nowMs) pending.expire()
    }
    let earliestMs = Infinity
    for (const { state, dueMs } of this.#slots) if (state === WAITING && dueMs < earliestMs) earliestMs = dueMs
    if (earliestMs < this.#earliest.dueMs) this.#schedule(earliestMs)
  }

  #schedule(dueMs: number): void {
    this.#earliest.dueMs = dueMs
    this.#wheel.scheduleAt(this.#earliest, dueMs)
  }

  #unschedule(): void {
    this.#earliest.dueMs = Infinity
    this.#wheel.cancel(this.#earliest)
  }

  /** Takes an answered id out of the table. @returns its request, if somebody waits for it */
  #take(id: number): PendingRequest<Answer> | undefined {
    const pending = this.#slots[id & this.#mask]
    if (pending === undefined || pending.id !== id || pending.state === FREE) {
      this.answersUnknown++
      return undefined
    }
    this.#taken--
    if (pending.state === OWED) {
      this.answersLate++
      this.#free(pending)
      return undefined
    }
    this.#waiting--
    this.#release(pending)
    return pending
  }

  #afterAnswer(): void {
    if (this.#waiting > 0) return
    this.#unschedule()
    if (this.#taken === 0 && this.#mask >= SLOTS_KEPT) this.#slots = this.#createSlots(SLOTS_MIN)
    this.#listener.onIdle()
  }

  #release(pending: PendingRequest<Answer>): void {
    if (pending.signal === undefined) return
    pending.signal.removeEventListener('abort', pending)
    pending.signal = undefined
  }

  #free(pending: PendingRequest<Answer>): void {
    pending.state = FREE
    pending.receiver = NOBODY
  }

  /** The slot of the next id whose slot is free, with that id; there is one, as a quarter of them is free. */
  #takeSlot(): PendingRequest<Answer> {
    for (;;) {
      const id = this.#nextId
      this.#nextId = id === this.#idMax ? 1 : id + 1
      const pending = this.#slots[id & this.#mask] as PendingRequest<Answer>
      if (pending.state !== FREE) continue
      pending.id = id
      return pending
    }
  }

  /** Twice as many slots. Ids that differed in their lowest bits still do. */
  #grow(): void {
    const before = this.#slots
    const slots = this.#createSlots(Math.max(SLOTS_MIN, before.length * 2))
    for (const pending of before) if (pending.state !== FREE) slots[pending.id & this.#mask] = pending
    this.#slots = slots
  }

  #createSlots(count: number): PendingRequest<Answer>[] {
    this.#mask = count - 1
    return Array.from({ length: count }, () => new PendingRequest<Answer>(this))
  }

  #tooMany(): ClientError {
    const owed = this.cancelled > 0 ? `, ${this.cancelled} of them given up but not answered` : ''
    return new ClientError('TOO_MANY_IN_FLIGHT', `${this.#taken} requests are in flight${owed}`)
  }
}

/** Of a slot that is free, or whose answer nobody waits for. */
const NOBODY: Receiver<unknown> = { resolve: () => {}, reject: () => {} }
