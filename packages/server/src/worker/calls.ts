/**
 * Owns handlers that have not answered yet: each with its deadline, its caller and its promise.
 * Must not know: how a frame is decoded.
 * Invariant: a call is answered exactly once, by its handler, its deadline or its cancellation, whichever is first;
 * from then on it is in no table and on no wheel, and what its handler returns later is dropped.
 */
import { CANCELLED, DEADLINE_EXCEEDED, KIND_REQUEST, ShardwireError } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { RunnableRoute } from '../service/compile.ts'
import { NOT_TIMED, OUTCOME_ABANDONED, type RouteBook } from '../metrics/route-stats.ts'
import type { RequestContext } from '../service/request-context.ts'
import type { Answers } from './answers.ts'
import type { Closing } from './closing.ts'
import { type Connection, type InFlight, STATE_FINISHED } from './connection.ts'
import type { Counters } from './counters.ts'
import { Deadline, type DeadlineWheel } from './deadline.ts'
import type { Outbound } from './outbound.ts'
import type { Router } from './router.ts'

export interface CallsParts {
  readonly router: Router
  readonly routeBook: RouteBook
  readonly answers: Answers
  readonly outbound: Outbound
  readonly closing: Closing
  readonly wheel: DeadlineWheel
  readonly counters: Counters
  readonly nowMs: () => number
  /** A fault of this server. */
  readonly onFault: (error: unknown) => void
}

/** What a call answers to. */
interface Caller {
  readonly connection: Connection
  readonly kind: number
  /** Key in the connection's table: the id of a REQUEST, a negative number of a MESSAGE. */
  readonly key: number
  readonly route: RunnableRoute
}

class Call extends Deadline implements InFlight {
  readonly caller: Caller
  readonly context: RequestContext<Connection>
  readonly #calls: Calls
  settled = false
  /** When its handler began, by the time itself. */
  readonly beganMs: number

  constructor(calls: Calls, caller: Caller, context: RequestContext<Connection>, beganMs: number) {
    super()
    this.beganMs = beganMs
    this.#calls = calls
    this.caller = caller
    this.context = context
  }

  override expired(): void {
    this.#calls.expire(this)
  }

  abandon(reason: Error): void {
    this.#calls.abandon(this, reason)
  }
}

export class Calls {
  readonly #parts: CallsParts
  #messageKey = 0

  constructor(parts: CallsParts) {
    this.#parts = parts
  }

  /**
   * Takes over a handler that returned a promise.
   * @param id of the REQUEST; for a MESSAGE anything
   * @param beganMs when the handler began; NOT_TIMED where nobody looked
   */
  start(
    connection: Connection,
    kind: number,
    id: number,
    route: RunnableRoute,
    context: RequestContext<Connection>,
    promise: Promise<unknown>,
    beganMs: number,
  ): void {
    const key = kind === KIND_REQUEST ? id : --this.#messageKey
    const call = new Call(this, { connection, kind, key, route }, context, beganMs)
    connection.calls ??= new Map()
    connection.calls.set(key, call)
    this.#parts.counters.callsInFlight++
    this.#parts.wheel.schedule(call, context.dueAtMs)
    const { answers, counters, router, routeBook } = this.#parts
    counters.handlersRunning++
    router.began(route)
    routeBook.of(route.number).timeAll()
    // What the handler itself did before it returned may have ended its connection.
    if (connection.state >= STATE_FINISHED) call.abandon(new Error('the connection has ended'))
    promise.then(
      (value) => {
        counters.handlersRunning--
        router.ended(route)
        this.#answer(call, () => answers.result(connection, kind, id, route, context, value))
      },
      (error: unknown) => {
        counters.handlersRunning--
        router.ended(route)
        // What it waited for may have had the same deadline, and be a tick ahead of ours.
        if (!(error instanceof ShardwireError) && context.isLate) this.expire(call)
        else this.#answer(call, () => answers.failure(connection, kind, id, route, error))
      },
    )
  }

  /** CANCEL came: the caller is told at once, the handler may take longer to see it. */
  cancel(connection: Connection, id: number): void {
    const call = connection.calls?.get(id)
    if (call === undefined) {
      this.#parts.counters.unknownIds++
      return
    }
    this.#endEarly(call as Call, new ShardwireError(CANCELLED, 'cancelled by the caller'))
  }

  /** For calls only: the deadline has passed. */
  expire(call: Call): void {
    if (call.settled) return
    const error = new ShardwireError(DEADLINE_EXCEEDED, 'the deadline passed before the handler answered')
    if (call.caller.kind !== KIND_REQUEST) this.#parts.counters.messagesExpired++
    this.#endEarly(call, error)
  }

  /** For calls only: the connection can take no answer any more. */
  abandon(call: Call, reason: Error): void {
    if (!this.#settle(call)) return
    const { kind, route } = call.caller
    this.#parts.routeBook.of(route.number).ended(kind === KIND_REQUEST, OUTCOME_ABANDONED)
    // Not here: who listens to the signal may send, and what ends the connection may stand in the middle of a write.
    queueMicrotask(() => call.context.abort(reason))
  }

  #endEarly(call: Call, error: ShardwireError): void {
    const { connection, kind, key, route } = call.caller
    this.#answer(call, () => {
      // A MESSAGE has nobody who waits: its end is silent. Where answers are known by their order, none may be missing.
      const isKnown = kind === KIND_REQUEST || connection.listener.codec !== null
      if (isKnown) this.#parts.answers.error(connection, kind, key, route.number, error)
      else this.#parts.routeBook.of(route.number).ended(false, error.code)
    })
    call.context.abort(error)
  }

  #answer(call: Call, send: () => void): void {
    if (!this.#settle(call)) return
    const { routeBook } = this.#parts
    if (call.beganMs !== NOT_TIMED) {
      routeBook.of(call.caller.route.number).timed(routeBook.nowMs() - call.beganMs)
    }
    // An answer is a message: idleness counts from here.
    call.caller.connection.lastMessageMs = this.#parts.nowMs()
    try {
      send()
      this.#parts.outbound.flush()
      this.#parts.closing.settle(call.caller.connection)
    } catch (error) {
      this.#parts.onFault(error)
      this.#parts.closing.reset(call.caller.connection, CloseReason.INTERNAL)
    }
  }

  #settle(call: Call): boolean {
    if (call.settled) return false
    call.settled = true
    this.#parts.wheel.cancel(call)
    this.#parts.counters.callsInFlight--
    call.caller.connection.calls?.delete(call.caller.key)
    return true
  }
}
