/**
 * Owns the way of one task from a request to the pool, and of what comes of it back.
 * Must not know: threads, connections, whether a route or a handler asks.
 * Invariant: memory that a request was lent never leaves this thread: bytes go as a copy of exactly their size, and
 * what a handler gives as it is at that moment, for a view in it shows other bytes once a thread is free.
 */
import { type Clock, ShardwireError } from '@shardwire/protocol'
import type { ServedRequest } from '../service/request.ts'
import type { Assignment, Outcome } from './messages.ts'
import type { OffloadPool, Order } from './offload-pool.ts'
import { endFailed, endWith } from '../trace/end-with.ts'
import type { Tracer } from '../trace/tracer.ts'
import { locate, type Task, type TaskPlace } from './task.ts'

/** What of a request goes with a task. */
type Caller = Pick<ServedRequest, 'route' | 'metadata' | 'signal' | 'deadlineMs' | 'frameBytes'>

export interface TaskCallerParts {
  readonly pool: OffloadPool
  readonly clock: Clock
  /** Undefined where nothing is traced. */
  readonly tracer?: Tracer | undefined
}

export class TaskCaller {
  readonly #pool: OffloadPool
  readonly #clock: Clock
  readonly #tracer: Tracer | undefined
  readonly #places = new WeakMap<Task, Promise<TaskPlace>>()

  constructor({ pool, clock, tracer }: TaskCallerParts) {
    this.#pool = pool
    this.#clock = clock
    this.#tracer = tracer
  }

  /** Runs the task of a route. @throws ShardwireError OVERLOADED, before anything was copied */
  run(caller: Caller, place: TaskPlace, body: unknown, answer: Assignment['answer']): Promise<unknown> {
    return this.#run(caller, place, answer, body, () => ownCopy(body))
  }

  /** Runs a task for a handler. Rejects with what it throws, with OVERLOADED, or where no thread can find it. */
  async call(caller: Caller, task: Task, body: unknown): Promise<unknown> {
    const { route, metadata, signal, deadlineMs, frameBytes } = caller
    const own = body instanceof Uint8Array ? ownCopy(body) : structuredClone(body)
    const place = await this.#placeOf(task)
    return await this.#run({ route, metadata, signal, deadlineMs, frameBytes }, place, 'either', own, () => own)
  }

  #run(
    { route, metadata, signal, deadlineMs, frameBytes }: Caller,
    place: TaskPlace,
    answer: Assignment['answer'],
    body: unknown,
    copy: () => unknown,
  ): Promise<unknown> {
    const { name } = place
    const attributes = (): Record<string, string> => ({ 'code.function.name': name, 'shardwire.route': route })
    const parent = metadata?.traceparent
    const span = this.#tracer?.begin({ name: `task ${name}`, kind: 'internal', parent, attributes })
    const own = span === undefined ? metadata : { rest: {}, ...metadata, traceparent: span.traceparent }
    const deadlineAtMs = this.#clock.nowMs() + deadlineMs
    const common = { ...place, route, metadata: own, answer, deadlineAtMs }
    // Twice: whoever waits has a copy besides, as any asynchronous handler does. The size of a value would take writing
    // it out to know, so that of its frame stands for it: one that a handler made larger is bounded by their number.
    const bytes = 2 * (body instanceof Uint8Array ? body.length : frameBytes)
    try {
      const running = answerOf(route, this.#pool.run({ order: () => orderOf(common, copy()), bytes, signal }))
      if (span !== undefined) endWith(span, running)
      return running
    } catch (error) {
      if (span !== undefined) endFailed(span, error)
      throw error
    }
  }

  async #placeOf(task: Task): Promise<TaskPlace> {
    const known = this.#places.get(task) ?? locate(task)
    this.#places.set(task, known)
    return await known
  }
}

/** A copy, and now: when a thread is free other bytes may stand there. Its memory is that of nothing else. */
function ownCopy(body: unknown): unknown {
  return body instanceof Uint8Array ? new Uint8Array(body) : body
}

/** @param body bytes that nobody else has */
function orderOf(common: Omit<Assignment, 'body' | 'flag'>, body: unknown): Order {
  const transfer = body instanceof Uint8Array && body.buffer instanceof ArrayBuffer ? [body.buffer] : []
  return { assignment: { ...common, body }, transfer }
}

async function answerOf(route: string, running: Promise<Outcome>): Promise<unknown> {
  const outcome = await running
  switch (outcome.type) {
    case 'bytes':
    case 'value':
      return outcome.value
    case 'refused': {
      const { code, message, retryAfterMs, details } = outcome
      throw new ShardwireError(code, message, { retryAfterMs, details })
    }
    case 'failed':
      throw failureOf(route, outcome)
  }
}

/** As it was in the thread, for the log. */
function failureOf(route: string, { name, message, stack }: Extract<Outcome, { type: 'failed' }>): Error {
  const error = new Error(message)
  error.name = name
  error.stack = stack ?? `${name}: ${message}\n    in the task of ${route}`
  return error
}
