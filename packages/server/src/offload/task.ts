/**
 * Owns what a task is: a function that knows the module it can be found in, so that a thread can load it there.
 * Must not know: threads, routes. Threads load this with every task, so it imports nothing that costs memory.
 * Invariant: a task can be called like the function that it was made of, which it leaves as it is.
 */
import type { Metadata } from '@shardwire/protocol'
import type { CallOptions } from '../service/call-options.ts'
import type { TraceContext } from '../service/trace.ts'

/** What a task is told besides the body. */
export interface TaskContext {
  /** Name of the route. */
  readonly route: string
  /** What the caller sent along; undefined for most frames. */
  readonly metadata: Metadata | undefined
  /** The trace that this task belongs to: of its own span where the daemon traces, else as the caller said. */
  readonly trace: TraceContext | undefined
  /** What is left of the deadline, the signal and the trace, as options for who is asked in turn. */
  readonly callOptions: CallOptions
  /**
   * Aborted when the caller cancels, the deadline passes or the connection ends. A task that awaits hears of it; one
   * that computes does not come to hear of anything: it asks `isAborted`.
   */
  readonly signal: AbortSignal
  /** The same as a question, for a loop that computes: a read of shared memory, a few nanoseconds. */
  readonly isAborted: boolean
  /** Milliseconds until the deadline, below 0 behind it. */
  remainingMs(): number
}

const TASK: unique symbol = Symbol.for('shardwire.task')

interface TaskOrigin {
  readonly [TASK]: { readonly module: string }
}

/** What runs in a thread: it takes the body of a route, and returns the answer or a promise of it. */
export type TaskFunction<Body, Answer> = (body: Body, context: TaskContext) => Answer

/** A function of a module, marked so that a thread can find it. */
export type Task<Body = never, Answer = unknown> = TaskFunction<Body, Answer> & TaskOrigin

/**
 * Marks a function for `offload`. It must be an export of its module, and what it uses comes from there or from what
 * that imports: a thread loads the module anew, and shares no memory with the worker.
 *
 * ```ts
 * export const digest = defineTask(import.meta, (body: Uint8Array) => scryptSync(body, '', 32))
 * ```
 *
 * @param origin `import.meta` of the module that exports it
 */
export function defineTask<Body, Answer>(
  origin: { readonly url: string },
  run: TaskFunction<Body, Answer>,
): Task<Body, Answer> {
  // A CommonJS build has no `import.meta`; what stands in its place there is undefined.
  const url: unknown = Reflect.get(Object(origin), 'url')
  if (typeof url !== 'string') throw new TypeError('defineTask(import.meta, …): the first argument has no url')
  if (typeof run !== 'function')
    throw new TypeError(`defineTask(import.meta, …): expected a function, got ${typeof run}`)
  const task: TaskFunction<Body, Answer> = (body, context) => run(body, context)
  return Object.defineProperty(task, TASK, { value: { module: url } }) as Task<Body, Answer>
}

/** Whether a value came from `defineTask`, of this or another copy of this package. */
export function isTask(value: unknown): value is Task {
  return typeof value === 'function' && TASK in value
}

/** Where a thread finds a task. */
export interface TaskPlace {
  /** URL of a module. */
  readonly module: string
  /** Name of its export. */
  readonly name: string
}

/** Where a task is. @throws Error that says what is wrong with its module */
export async function locate(task: Task): Promise<TaskPlace> {
  const { module } = task[TASK]
  // The module is loaded already: its own code made the task.
  const exported = Object.entries((await import(module)) as Record<string, unknown>)
  const name = exported.find(([, value]) => value === task)?.[0]
  if (name !== undefined) return { module, name }
  throw new Error(`its task is no export of ${module}: write \`export const\` before it, and give that very function`)
}
