/**
 * Owns the question whether a frame is served at all, before anybody looks at what it asks for.
 * Must not know: routes, handlers.
 * Invariant: while there is no rate and no overload, `isOpen` is all that a frame costs here. A refusal for overload
 * costs less than an answer: its body is encoded beforehand, in versions that differ in retryAfterMs, so that those
 * refused do not come back all at once.
 */
import {
  encodeErrorBody,
  type FrameDecoder,
  KIND_REQUEST,
  OVERLOADED,
  RATE_LIMITED,
  ShardwireError,
} from '@shardwire/protocol'
import type { RouteBook } from '../metrics/route-stats.ts'
import type { Closing } from './closing.ts'
import type { Connection } from './connection.ts'
import type { Counters } from './counters.ts'
import { createRateState, mayTell, type MessageRate } from './message-rate.ts'
import type { Overload } from './overload.ts'
import { pauseUntilSent } from './write-limits.ts'

const VERSIONS = 16
const RETRY_MS_MIN = 500
const RETRY_MS_SPREAD = 1500

export interface AdmissionParts {
  /** Undefined where there is no rate. */
  readonly rate: MessageRate | undefined
  readonly overload: Overload
  readonly closing: Closing
  readonly counters: Counters
  readonly routeBook: RouteBook
  readonly nowMs: () => number
  /** [0, 1) */
  readonly random: () => number
}

export class Admission {
  readonly #parts: AdmissionParts
  readonly #rate: MessageRate | undefined
  readonly #overload: Overload
  readonly #bodies = Array.from({ length: VERSIONS }, (_, index) => overloadedBody(index))

  constructor(parts: AdmissionParts) {
    this.#parts = parts
    this.#rate = parts.rate
    this.#overload = parts.overload
  }

  /** Whether every frame is served. */
  get isOpen(): boolean {
    return this.#rate === undefined && !this.#overload.shedsRequests
  }

  /** @returns false when the MESSAGE or REQUEST is not served: it has been answered */
  admits(connection: Connection, { kind, id, route }: FrameDecoder): boolean {
    const { routeBook } = this.#parts
    if (this.#rate?.admits(connection, kind, id, route) === false) {
      routeBook.of(route).ended(kind === KIND_REQUEST, RATE_LIMITED)
      return false
    }
    if (!this.#overload.shedsRequests || !this.#overload.sheds(connection)) return true
    routeBook.of(route).ended(kind === KIND_REQUEST, OVERLOADED)
    this.#shed(connection, kind, id, route)
    // Refusing all that it sends without an end would take more than serving it until it is held.
    if (this.#overload.holdsBack(connection)) pauseUntilSent(connection)
    return false
  }

  /** @returns false when the control frame gets no answer */
  admitsControl(connection: Connection, opcode: number): boolean {
    return this.#rate === undefined || this.#rate.admitsControl(connection, opcode)
  }

  #shed(connection: Connection, kind: number, id: number, route: number): void {
    const { counters, closing, nowMs, random } = this.#parts
    counters.shed++
    const isRequest = kind === KIND_REQUEST
    if (!isRequest && !mayTell((connection.rate ??= createRateState()), nowMs())) return
    const body = this.#bodies[Math.floor(random() * VERSIONS)]
    if (body !== undefined) closing.sendErrorBody(connection, route, isRequest ? id : 0, OVERLOADED, body)
  }
}

function overloadedBody(index: number): Uint8Array {
  const retryAfterMs = RETRY_MS_MIN + Math.round((RETRY_MS_SPREAD * index) / (VERSIONS - 1))
  return encodeErrorBody(new ShardwireError(OVERLOADED, 'this server has too much to do', { retryAfterMs }))
}
