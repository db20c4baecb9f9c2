/**
 * Owns what a task sees of its request, inside of its thread.
 * Must not know: how the abort was decided, how tasks come.
 * Invariant: once `end` was called nothing of it waits any more.
 */
import { type Clock, type Metadata, ShardwireError } from '@shardwire/protocol'
import type { CallOptions } from '../service/call-options.ts'
import { parseTrace, type TraceContext } from '../service/trace.ts'
import { type Assignment, FLAG_ENDED, FLAG_RUNS } from './messages.ts'
import type { TaskContext } from './task.ts'

export class RunningTask implements TaskContext {
  readonly route: string
  readonly metadata: Metadata | undefined
  readonly #flag: Int32Array
  readonly #deadlineAtMs: number
  readonly #clock: Clock
  #abort: AbortController | undefined

  constructor({ route, metadata, flag, deadlineAtMs }: Assignment, clock: Clock) {
    this.route = route
    this.metadata = metadata
    this.#flag = flag
    this.#deadlineAtMs = deadlineAtMs
    this.#clock = clock
  }

  get isAborted(): boolean {
    return Atomics.load(this.#flag, 0) > FLAG_RUNS
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      this.#listen(this.#abort)
    }
    return this.#abort.signal
  }

  get trace(): TraceContext | undefined {
    const traceparent = this.metadata?.traceparent
    return traceparent === undefined ? undefined : parseTrace(traceparent)
  }

  get callOptions(): CallOptions {
    const { signal, metadata } = this
    const timeoutMs = Math.max(1, Math.ceil(this.remainingMs()))
    return { signal, timeoutMs, meta: { traceparent: metadata?.traceparent } }
  }

  remainingMs(): number {
    return this.#deadlineAtMs - this.#clock.nowMs()
  }

  /** The task is over: its signal is never aborted any more. */
  end(): void {
    if (this.#abort === undefined) return
    Atomics.compareExchange(this.#flag, 0, FLAG_RUNS, FLAG_ENDED)
    Atomics.notify(this.#flag, 0)
  }

  /** A wait that holds up nothing: the loop of this thread turns, if the task lets it. */
  #listen(abort: AbortController): void {
    const waiting = Atomics.waitAsync(this.#flag, 0, FLAG_RUNS)
    if (waiting.async) void waiting.value.then(() => this.#heard(abort))
    else this.#heard(abort)
  }

  #heard(abort: AbortController): void {
    const code = Atomics.load(this.#flag, 0)
    if (code > FLAG_RUNS) abort.abort(new ShardwireError(code, 'nobody waits for this task any more'))
  }
}
