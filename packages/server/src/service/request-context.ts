/**
 * Owns a request as the worker has it: a frame, its route, and what is made of them when the handler asks.
 * Must not know: sockets, how answers are sent.
 * Invariant: the worker reuses one context for every frame whose handler returns at once; one whose handler returned a
 * promise stays with it, and the worker takes a fresh one. What nobody asks for is not made.
 */
import { copyBytes, type Metadata, viewOf } from '@shardwire/protocol'
import type { ServiceLog } from '../log.ts'
import type { Task } from '../offload/task.ts'
import type { TaskCaller } from '../offload/task-caller.ts'
import type { CallOptions } from './call-options.ts'
import type { Connection } from './connection.ts'
import { FORWARD, type Forward } from './forward.ts'
import type { ServedRequest } from './request.ts'
import { parseTrace, type TraceContext } from './trace.ts'

/** What a context needs to know of the route that it is for. */
export interface ServedRoute {
  readonly timeoutMs: number | undefined
}

/** What contexts of a worker have in common. */
export interface RequestScope<Internal> {
  /** What the service sees of a connection. */
  readonly connectionOf: (connection: Internal) => Connection
  readonly requestTimeoutMs: number
  /** What runs tasks in threads; undefined where there are none. */
  readonly tasks?: TaskCaller | undefined
  /** The time itself, not the last tick's. */
  readonly exactNowMs: () => number
}

/** How much too early the system's timers may fire. */
const TIMER_EARLY_MS = 1

const NO_BYTES: Uint8Array = new Uint8Array(0)
const NO_ROUTE: ServedRoute = { timeoutMs: undefined }

/** @typeParam Internal what the worker knows a connection as */
export class RequestContext<Internal = unknown> implements ServedRequest {
  route = ''
  metadata: Metadata | undefined = undefined
  wantsAnswer = false
  // Private: whoever returns or logs the whole request must not send the memory that all bodies stand in.
  #value: unknown = undefined
  #memory = NO_BYTES
  #start = 0
  #end = 0
  #frameBytes = 0
  readonly #scope: RequestScope<Internal>
  #peer: Internal | undefined = undefined
  #served = NO_ROUTE
  /** Whether the body is opaque bytes. */
  #isBytes = false
  /** When the deadline passes, on the monotonic clock; 0 while nobody has asked. */
  #dueAtMs = 0
  /** The memory that `keepBody` took the body out of. */
  #left: ArrayBufferLike | undefined = undefined
  #abort: AbortController | undefined = undefined
  #abortReason: Error | undefined = undefined

  constructor(scope: RequestScope<Internal>) {
    this.#scope = scope
  }

  /** A frame came from `peer`. */
  begin(
    peer: Internal,
    served: ServedRoute,
    route: string,
    wantsAnswer: boolean,
    metadata: Metadata | undefined,
  ): void {
    // Frames of one connection follow one another, and a reference to a young object costs a call to store.
    if (this.#peer !== peer) this.#peer = peer
    this.#served = served
    this.#dueAtMs = 0
    this.route = route
    this.wantsAnswer = wantsAnswer
    this.metadata = metadata
  }

  /** Its body stands at memory[start, end). @param frameBytes of all that came */
  place(memory: Uint8Array, start: number, end: number, isBytes: boolean, frameBytes = end - start): void {
    this.#frameBytes = frameBytes
    if (this.#memory !== memory) this.#memory = memory
    this.#start = start
    this.#end = end
    this.#isBytes = isBytes
  }

  /** Decoded body of a msgpack route. */
  get value(): unknown {
    return this.#value
  }
  set value(value: unknown) {
    this.#value = value
  }
  /** Where the body stands as it came: memory[start, end). */
  get memory(): Uint8Array {
    return this.#memory
  }
  get start(): number {
    return this.#start
  }
  get end(): number {
    return this.#end
  }

  get connection(): Connection {
    if (this.#peer === undefined) throw new Error('a request without a connection')
    return this.#scope.connectionOf(this.#peer)
  }

  get body(): unknown {
    return this.#isBytes ? this.bytes : this.#value
  }

  get bytes(): Uint8Array {
    // A plain Uint8Array: `slice` of a Buffer is no copy, and whoever reads the type takes it for one.
    return this.#isBytes ? viewOf(this.#memory, this.#start, this.#end) : NO_BYTES
  }

  get trace(): TraceContext | undefined {
    const traceparent = this.metadata?.traceparent
    return traceparent === undefined ? undefined : parseTrace(traceparent)
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason)
    return this.#abort.signal
  }

  get deadlineMs(): number {
    return Math.max(0, this.dueAtMs - this.#scope.exactNowMs())
  }

  get log(): ServiceLog {
    const { route, trace } = this
    const about = trace === undefined ? { route } : { route, trace_id: trace.traceId, span_id: trace.parentId }
    return this.connection.log.child(about)
  }

  get callOptions(): CallOptions {
    const { signal, deadlineMs, metadata } = this
    return { signal, timeoutMs: Math.max(1, Math.ceil(deadlineMs)), meta: { traceparent: metadata?.traceparent } }
  }

  async offload<TaskBody, Answer>(task: Task<TaskBody, Answer>, body: TaskBody): Promise<Awaited<Answer>> {
    const { tasks } = this.#scope
    if (tasks === undefined) throw new Error(`route ${this.route} asks for a task, and nothing here has threads`)
    // What comes back is what the task returned, cloned.
    return (await tasks.call(this, task, body)) as Awaited<Answer>
  }

  /** When the deadline passes: counted from when this is asked first, at the latest when the handler has returned. */
  get dueAtMs(): number {
    if (this.#dueAtMs === 0) {
      const own = this.#served.timeoutMs ?? this.#scope.requestTimeoutMs
      this.#dueAtMs = this.#scope.exactNowMs() + Math.min(own, this.metadata?.deadlineMs ?? own)
    }
    return this.#dueAtMs
  }

  /** Whether the deadline has passed, also where the wheel has not come to it yet, and by timers that are early. */
  get isLate(): boolean {
    return this.#scope.exactNowMs() >= this.dueAtMs - TIMER_EARLY_MS
  }

  keep(): Uint8Array {
    if (!this.#isBytes) return NO_BYTES
    const bytes = this.#end - this.#start
    // From Node's pool: memory of its own takes ten times as long to allocate as a small body to copy.
    const own = Buffer.allocUnsafe(bytes)
    copyBytes(this.#memory, this.#start, this.#end, own, 0)
    return viewOf(own, 0, bytes)
  }

  forward(): Forward {
    return FORWARD
  }

  replaceBody(value: unknown): void {
    this.#value = value
  }

  useTrace(traceparent: string): void {
    this.metadata = { rest: {}, ...this.metadata, traceparent }
  }

  /** Gives an asynchronous handler a copy of its body: the memory it stands in is about to be read into again. */
  keepBody(): void {
    this.#left = this.#memory.buffer
    this.#memory = Uint8Array.prototype.slice.call(this.#memory, this.#start, this.#end)
    this.#end -= this.#start
    this.#start = 0
  }

  /**
   * Whether an asynchronous handler's answer is a view that it took before its first `await`: other bytes may stand
   * there by now. A view of arrived bytes never begins at 0, and only of those is `buffer` asked: for small arrays that
   * is slow.
   */
  isStale(answer: unknown): boolean {
    if (this.#left === undefined || !(answer instanceof Uint8Array)) return false
    return answer.byteOffset > 0 && answer.buffer === this.#left
  }

  get frameBytes(): number {
    return this.#frameBytes
  }

  get endedBy(): Error | undefined {
    return this.#abortReason
  }

  /** Tells the handler that nobody waits any more: now, or when it asks for the signal. */
  abort(reason: Error): void {
    this.#abortReason = reason
    this.#abort?.abort(reason)
  }

  /** Whether a handler asked for the signal: a context that did is not reused. */
  get signalTaken(): boolean {
    return this.#abort !== undefined
  }
}
