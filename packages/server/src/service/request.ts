/**
 * Owns what a handler sees of the frame that it answers.
 * Must not know: sockets, how answers are sent.
 * Invariant: a request is good until its handler returns or, where that returned a promise, for good.
 */
import type { Metadata } from '@shardwire/protocol'
import type { ServiceLog } from '../log.ts'
import type { Task } from '../offload/task.ts'
import type { CallOptions } from './call-options.ts'
import type { Connection } from './connection.ts'
import type { Forward } from './forward.ts'
import type { TraceContext } from './trace.ts'

export interface Request<Body = unknown> {
  /** Name of the route. */
  readonly route: string
  /**
   * The body: what the route's schema made of it, or its decoded value, yours to keep; for a bytes route a view that
   * holds **until the handler returns** or reaches its first `await`; ask again after it, or `keep()`. Not to be
   * written into.
   */
  readonly body: Body
  /** The same for a bytes route, as bytes; empty for other routes. */
  readonly bytes: Uint8Array
  /** What the caller sent along; undefined for most frames. */
  readonly metadata: Metadata | undefined
  /**
   * The trace that this request belongs to: of its own span where the daemon traces, else as its caller says; undefined
   * where neither does.
   */
  readonly trace: TraceContext | undefined
  readonly connection: Connection
  /** Aborted when the caller cancels, the deadline passes or the connection ends. */
  readonly signal: AbortSignal
  /** Milliseconds that are left until the deadline: the caller's or the route's own, whichever is sooner. */
  readonly deadlineMs: number
  /** Whether the caller waits for an answer (REQUEST) or not (MESSAGE). */
  readonly wantsAnswer: boolean
  /** The worker's log; each line names this connection and route. */
  readonly log: ServiceLog
  /**
   * What is left of the deadline, the signal and the trace, as options for who is asked in turn:
   * `await stock.request(3, body, request.callOptions)`.
   */
  readonly callOptions: CallOptions
  /**
   * A copy of `bytes` that is yours, for as long as you like: for what outlives the handler. Each call makes one. Small
   * ones share memory with others, as a Buffer does; `keep().slice()` is memory of its own, that may be transferred.
   */
  keep(): Uint8Array
  /**
   * Runs a task in a thread, with what is left of the deadline and the signal of this request. A Uint8Array goes there
   * as a copy, everything else by structured clone, both made at once. Rejects with what the task throws, and with
   * OVERLOADED when too many wait for a thread.
   */
  offload<TaskBody, Answer>(task: Task<TaskBody, Answer>, body: TaskBody): Promise<Awaited<Answer>>
  /** Answers with the bytes of the body as they came: `return request.forward()`. */
  forward(): Forward
}

/** A request as those see it that stand between a frame and its handler. */
export interface ServedRequest extends Request {
  /** Why nobody waits for it any more: cancelled, too late, disconnected; undefined while somebody does. */
  readonly endedBy: Error | undefined
  /** What it took on the wire: whatever became of its body, that holds as much at least. */
  readonly frameBytes: number
  /** From now on `body` is this. */
  replaceBody(value: unknown): void
  /** From now on `trace`, and what is handed on to others, is this. */
  useTrace(traceparent: string): void
}
