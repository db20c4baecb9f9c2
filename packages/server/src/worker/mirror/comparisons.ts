/**
 * Owns the REQUESTs whose answers are compared: the original's and the target's, whichever comes first.
 * Must not know: sockets, how frames are mirrored.
 * Invariant: each ends exactly once, as matched, differed, unanswered or uncompared, at the latest a few seconds after
 * its route's deadline. Count and bytes of what waits are bounded; what is beyond is uncompared. A body is kept only of
 * the answer that came first.
 */
import { CANCELLED, decodeErrorBody, DRAINING, KIND_ERROR, OVERLOADED, RATE_LIMITED } from '@shardwire/protocol'
import type { RunnableRoute, RunnableService } from '../../service/compile.ts'
import type { Connection } from '../connection.ts'
import { Deadline, type DeadlineWheel } from '../deadline.ts'
import type { MirrorCounters, MirrorRouteCounters } from './mirror-counters.ts'

const PENDING_MAX = 8192
const KEPT_BYTES_MAX = 4 * 1024 * 1024
const SWEEP_MS = 1000
/** Beyond the deadline of the handler, for the way there and back. */
const GRACE_MS = 5000

/** How two answers of one REQUEST differ. */
export interface Difference {
  readonly route: string
  /** The connection, and the id that its client gave the REQUEST. */
  readonly connection: string
  readonly id: number
  readonly kind: number
  readonly targetKind: number
  readonly bytes: number
  readonly targetBytes: number
  /** The first byte of the bodies that differs; of bodies that only differ in length the shorter length. */
  readonly offset: number
}

export interface ComparisonsParts {
  readonly service: RunnableService
  readonly routes: 'all' | readonly string[]
  readonly requestTimeoutMs: number
  readonly wheel: DeadlineWheel
  readonly nowMs: () => number
  readonly counters: MirrorCounters
  readonly onDifference: (difference: Difference) => void
  /** A fault of this server: nothing is compared from now on. */
  readonly onFault: (error: unknown) => void
}

interface Answer {
  readonly kind: number
  readonly body: Uint8Array
}

interface Pending {
  readonly counters: MirrorRouteCounters
  readonly connection: Connection
  readonly id: number
  /** The connection to the target that it went out on. */
  readonly link: object
  readonly dueMs: number
  original: Answer | undefined
  target: Answer | undefined
}

export class Comparisons extends Deadline {
  readonly #parts: ComparisonsParts
  /** By route number; undefined where answers are not compared. */
  readonly #routes = new Map<number, { readonly counters: MirrorRouteCounters; readonly deadlineMs: number }>()
  /** By the id under which the target knows it. */
  readonly #pending = new Map<number, Pending>()
  /** Those that the original has not answered, by connection and the client's id. */
  readonly #asked = new Map<Connection, Map<number, number>>()
  #keptBytes = 0

  /** Throws when a route is to be compared that the service does not have. */
  constructor(parts: ComparisonsParts) {
    super()
    this.#parts = parts
    for (const { number, name, timeoutMs } of chosenRoutes(parts.service, parts.routes)) {
      const counters = { route: number, name, matched: 0, differed: 0, unanswered: 0 }
      parts.counters.routes.push(counters)
      this.#routes.set(number, { counters, deadlineMs: (timeoutMs ?? parts.requestTimeoutMs) + GRACE_MS })
    }
  }

  /** A REQUEST of `route` is about to be served, and was sent to the target under `mirrorId`. */
  begin(link: object, mirrorId: number, connection: Connection, id: number, route: number): void {
    const compared = this.#routes.get(route)
    if (compared === undefined) return
    const { counters, wheel, nowMs } = this.#parts
    if (this.#pending.size >= PENDING_MAX || this.#pending.has(mirrorId)) {
      counters.uncompared++
      return
    }
    const dueMs = nowMs() + compared.deadlineMs
    const asked = this.#asked.get(connection) ?? new Map<number, number>()
    // Its client gave the id twice, and never got an answer to the first.
    const before = asked.get(id)
    if (before !== undefined) this.#drop(before)
    this.#pending.set(mirrorId, {
      counters: compared.counters,
      connection,
      id,
      link,
      dueMs,
      original: undefined,
      target: undefined,
    })
    this.#asked.set(connection, asked.set(id, mirrorId))
    if (wheel.dueMs(this) === undefined) wheel.schedule(this, nowMs() + SWEEP_MS)
  }

  /** This server answers a REQUEST, mirrored or not, with memory[start, end). Never throws. */
  originalAnswered(
    connection: Connection,
    id: number,
    kind: number,
    memory: Uint8Array,
    start: number,
    end: number,
  ): void {
    const mirrorId = this.#asked.get(connection)?.get(id)
    if (mirrorId === undefined) return
    try {
      this.#original(mirrorId, kind, memory, start, end)
    } catch (error) {
      this.#asked.clear()
      this.#parts.onFault(error)
    }
  }

  #original(mirrorId: number, kind: number, memory: Uint8Array, start: number, end: number): void {
    const pending = this.#pending.get(mirrorId)
    if (pending === undefined) return
    this.#forget(mirrorId, pending)
    // The target was not told that nobody waits any more.
    if (kind === KIND_ERROR && errorCode(memory, start, end) === CANCELLED) return this.#drop(mirrorId)
    if (pending.target === undefined) pending.original = this.#keep(mirrorId, kind, memory, start, end)
    else this.#compare(mirrorId, pending, kind, memory.subarray(start, end), pending.target.kind, pending.target.body)
  }

  /** The target answered. */
  targetAnswered(mirrorId: number, kind: number, memory: Uint8Array, start: number, end: number): void {
    const pending = this.#pending.get(mirrorId)
    if (pending === undefined || pending.target !== undefined) return
    if (kind === KIND_ERROR && isBusy(errorCode(memory, start, end))) return this.#unanswered(mirrorId, pending)
    const { original } = pending
    if (original === undefined) pending.target = this.#keep(mirrorId, kind, memory, start, end)
    else this.#compare(mirrorId, pending, original.kind, original.body, kind, memory.subarray(start, end))
  }

  /** No answer comes on this link any more. */
  linkEnded(link: object): void {
    for (const [mirrorId, pending] of this.#pending) {
      if (pending.link === link && pending.target === undefined) this.#unanswered(mirrorId, pending)
    }
  }

  override expired(nowMs: number): void {
    for (const [mirrorId, pending] of this.#pending) {
      if (pending.dueMs > nowMs) continue
      if (pending.original === undefined) this.#drop(mirrorId)
      else this.#unanswered(mirrorId, pending)
    }
    if (this.#pending.size > 0) this.#parts.wheel.schedule(this, nowMs + SWEEP_MS)
  }

  #compare(
    mirrorId: number,
    pending: Pending,
    kind: number,
    body: Uint8Array,
    targetKind: number,
    targetBody: Uint8Array,
  ): void {
    const { counters, connection, id } = pending
    this.#end(mirrorId)
    const [bytes, targetBytes] = [body.length, targetBody.length]
    if (kind === targetKind && Buffer.compare(body, targetBody) === 0) {
      counters.matched++
      return
    }
    counters.differed++
    const offset = firstDifference(body, targetBody)
    const difference = { route: counters.name, connection: connection.id, id, kind, targetKind }
    this.#parts.onDifference({ ...difference, bytes, targetBytes, offset })
  }

  /** A copy to compare with later. @returns undefined when there is no room: it is not compared */
  #keep(mirrorId: number, kind: number, memory: Uint8Array, start: number, end: number): Answer | undefined {
    if (this.#keptBytes + end - start > KEPT_BYTES_MAX) {
      this.#drop(mirrorId)
      return undefined
    }
    this.#keptBytes += end - start
    // Not `slice`, which is a view where the memory is a Buffer.
    return { kind, body: new Uint8Array(memory.subarray(start, end)) }
  }

  #unanswered(mirrorId: number, { counters }: Pending): void {
    counters.unanswered++
    this.#end(mirrorId)
  }

  #drop(mirrorId: number): void {
    this.#parts.counters.uncompared++
    this.#end(mirrorId)
  }

  #end(mirrorId: number): void {
    const pending = this.#pending.get(mirrorId)
    if (pending === undefined) return
    this.#pending.delete(mirrorId)
    this.#keptBytes -= (pending.original?.body.length ?? 0) + (pending.target?.body.length ?? 0)
    this.#forget(mirrorId, pending)
  }

  /** The original's answer is not waited for any more. Its client may have given the id anew meanwhile. */
  #forget(mirrorId: number, { connection, id }: Pending): void {
    const asked = this.#asked.get(connection)
    if (asked?.get(id) !== mirrorId) return
    asked.delete(id)
    if (asked.size === 0) this.#asked.delete(connection)
  }
}

function chosenRoutes(service: RunnableService, names: 'all' | readonly string[]): readonly RunnableRoute[] {
  if (names === 'all') return service.routes
  return names.map((name) => {
    const route = service.routes.find((one) => one.name === name || String(one.number) === name)
    if (route !== undefined) return route
    const known = service.routes.map((one) => `${one.name} (${one.number})`).join(', ')
    throw new Error(`SHARDWIRE_MIRROR compares route ${name}, but service ${service.name} has only ${known}`)
  })
}

function errorCode(memory: Uint8Array, start: number, end: number): number {
  return decodeErrorBody(memory, start, end).code
}

/** The target did not run its handler for reasons that have nothing to do with the request. */
function isBusy(code: number): boolean {
  return code === OVERLOADED || code === DRAINING || code === RATE_LIMITED
}

function firstDifference(one: Uint8Array, other: Uint8Array): number {
  const end = Math.min(one.length, other.length)
  let at = 0
  while (at < end && one[at] === other[at]) at++
  return at
}
