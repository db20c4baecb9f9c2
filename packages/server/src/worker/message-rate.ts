/**
 * Owns how many frames a second a connection may send, and what it is told beyond that.
 * Must not know: routes, handlers, how an ERROR is laid out.
 * Invariant: in any time of t seconds at most rate x (t + 1) messages of a connection get through, and at most one
 * ERROR a second goes out for its MESSAGEs. A bucket is told by one number, the moment at which it is full again: each
 * frame moves it on by an interval, and may not move it further ahead than the burst. Nothing is allocated but the
 * state, once a connection, and each body, once.
 */
import { encodeErrorBody, KIND_REQUEST, OPCODE_PONG, RATE_LIMITED, ShardwireError } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { Closing } from './closing.ts'
import type { Connection, RateState } from './connection.ts'
import type { Counters } from './counters.ts'

const MS_PER_S = 1000
/** A bucket holds what the rate gives in this time. */
const BURST_MS = MS_PER_S
/** Control frames that are answered may come at the message rate, and at this one in any case: heartbeats are few. */
const CONTROLS_PER_S_MIN = 100
/** Without a refusal for so long a connection has paused. */
const PAUSE_MS = 1000
/** Over its rate for so long without a pause, a connection is closed. */
const OVER_MS_MAX = 10_000
/** For MESSAGEs that are refused, one ERROR in this time. */
export const TOLD_EVERY_MS = 1000
/** Sums of intervals that are no binary fractions. */
const ROUNDING_MS = 0.01

export interface MessageRateParts {
  /** Messages a second and connection, 1 or more. */
  readonly perSecond: number
  readonly closing: Closing
  readonly counters: Counters
  readonly nowMs: () => number
}

export class MessageRate {
  readonly #parts: MessageRateParts
  readonly #messageMs: number
  readonly #controlMs: number
  /** Bodies of ERRORs by their retryAfterMs, which is an interval at most: a flood is refused without encoding one. */
  readonly #bodies: Uint8Array[] = []

  constructor(parts: MessageRateParts) {
    this.#parts = parts
    this.#messageMs = MS_PER_S / parts.perSecond
    this.#controlMs = MS_PER_S / Math.max(parts.perSecond, CONTROLS_PER_S_MIN)
  }

  /** Takes a token for a MESSAGE or REQUEST. @returns false when there is none: the frame has been answered */
  admits(connection: Connection, kind: number, id: number, route: number): boolean {
    const nowMs = this.#parts.nowMs()
    const state = (connection.rate ??= createRateState())
    const fullAtMs = Math.max(state.messagesFullAtMs, nowMs) + this.#messageMs
    if (fullAtMs <= nowMs + BURST_MS + ROUNDING_MS) {
      state.messagesFullAtMs = fullAtMs
      return true
    }
    if (this.#isClosed(connection, state, nowMs)) return false
    if (kind === KIND_REQUEST) this.#tell(connection, route, id, fullAtMs - BURST_MS - nowMs)
    else if (mayTell(state, nowMs)) this.#tell(connection, route, 0, fullAtMs - BURST_MS - nowMs)
    return false
  }

  /** The same for a control frame; beyond the rate it gets no answer. */
  admitsControl(connection: Connection, opcode: number): boolean {
    // Nothing answers a PONG.
    if (opcode === OPCODE_PONG) return true
    const nowMs = this.#parts.nowMs()
    const state = (connection.rate ??= createRateState())
    const fullAtMs = Math.max(state.controlsFullAtMs, nowMs) + this.#controlMs
    if (fullAtMs <= nowMs + BURST_MS + ROUNDING_MS) {
      state.controlsFullAtMs = fullAtMs
      return true
    }
    this.#isClosed(connection, state, nowMs)
    return false
  }

  /** Counts a refusal. @returns whether it was one too many, and the connection has been told so and ends */
  #isClosed(connection: Connection, state: RateState, nowMs: number): boolean {
    const { counters, closing, perSecond } = this.#parts
    counters.rateLimited++
    if (nowMs - state.overAtMs >= PAUSE_MS) state.overSinceMs = nowMs
    state.overAtMs = nowMs
    if (nowMs - state.overSinceMs < OVER_MS_MAX) return false
    const text = `more than ${perSecond} messages a second, for ${OVER_MS_MAX} ms without a pause`
    const error = new ShardwireError(RATE_LIMITED, text, { retryAfterMs: BURST_MS })
    closing.failWith(connection, CloseReason.RATE_LIMITED, error)
    return true
  }

  #tell(connection: Connection, route: number, id: number, retryAfterMs: number): void {
    const body = (this.#bodies[Math.ceil(retryAfterMs - ROUNDING_MS)] ??= this.#encode(retryAfterMs))
    this.#parts.closing.sendErrorBody(connection, route, id, RATE_LIMITED, body)
  }

  #encode(retryAfterMs: number): Uint8Array {
    const text = `more than ${this.#parts.perSecond} messages a second of this connection`
    const extras = { retryAfterMs: Math.ceil(retryAfterMs - ROUNDING_MS) }
    return encodeErrorBody(new ShardwireError(RATE_LIMITED, text, extras))
  }
}

/** Whether a connection may be told now that a MESSAGE of it was refused; then it has been. */
export function mayTell(state: RateState, nowMs: number): boolean {
  if (nowMs - state.toldAtMs < TOLD_EVERY_MS) return false
  state.toldAtMs = nowMs
  return true
}

export function createRateState(): RateState {
  const never = -Infinity
  return { messagesFullAtMs: never, controlsFullAtMs: never, overSinceMs: never, overAtMs: never, toldAtMs: never }
}
