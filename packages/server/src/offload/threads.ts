/**
 * Owns the threads of a worker: piscina's, and the count of those that really exist.
 * Must not know: routes, queues, who waits.
 * Invariant: `alive` counts a thread from its start until it has exited. piscina forgets one as soon as it is to end,
 * though it runs on while it is inside of native code: whoever starts threads asks `alive`. It is given an assignment
 * only when a thread is idle, so that what it is told to abort is always running, and its own queue stays empty.
 */
import type { Worker } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import { type Assignment, NOTHING_YET, type Outcome } from './messages.ts'

export interface ThreadsParts {
  /** The class, loaded when it is first needed. */
  readonly piscina: typeof Piscina
  /** Path of what a thread runs. */
  readonly threadModule: string
  readonly max: number
  /** After which an idle thread ends. */
  readonly idleMs: number
  /** Most heap of a thread, in MiB; where the process has --max-old-space-size, that holds instead. */
  readonly heapMb: number
  /** A thread has become idle, or has gone. */
  readonly onChange: () => void
  /** A thread went before it was ready. */
  readonly onStartFailed: (error: Error) => void
  /** A thread failed while it had nothing to do. */
  readonly onFault: (error: Error) => void
}

/** An assignment that a thread is at. */
export interface RunningThread {
  /** Settles when the thread is done with it, or has exited. */
  readonly outcome: Promise<Outcome>
  /** Ends the thread. It takes as long as native code that it is in. */
  kill(): void
}

type TransferList = NonNullable<NonNullable<Parameters<Piscina['run']>[1]>['transferList']>

/** What piscina says of a thread. */
interface ThreadEvent {
  readonly id: number
}

/** A thread that exists. */
interface Life {
  isReady: boolean
  /** piscina has let go of it: it is about to exit. */
  isEnding: boolean
  /** Why it ends, where it is known. */
  error: Error | undefined
  readonly exited: PromiseWithResolvers<void>
}

export class Threads {
  readonly #parts: ThreadsParts
  readonly #pool: Piscina
  readonly #lives = new Map<Worker, Life>()
  /** Told later: piscina tells of a thread before it counts it, and of an exit before the task hears of it. */
  readonly #changed = (): void => queueMicrotask(this.#parts.onChange)
  /** The last that piscina let go of. */
  #let: Life | undefined
  /** Threads with an assignment. */
  #busy = 0
  #isClosed = false

  constructor(parts: ThreadsParts) {
    const { piscina: Class, threadModule, max, idleMs, heapMb, onFault } = parts
    this.#parts = parts
    this.#pool = new Class({
      filename: threadModule,
      name: 'run',
      minThreads: 0,
      maxThreads: max,
      idleTimeout: idleMs,
      // A thread that waits on shared memory runs no timer of the module it has loaded, and no callback.
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
      recordTiming: false,
    })
    // Nobody listening, these would end the process.
    this.#pool.on('error', (error: Error) => onFault(error))
    this.#pool.on('workerCreate', ({ id }: ThreadEvent) => this.#ready(id))
    this.#pool.on('workerDestroy', ({ id }: ThreadEvent) => this.#ending(id))
  }

  /** Threads that exist: that start, are idle, work or end. */
  get alive(): number {
    return this.#lives.size
  }

  /** Threads that will be idle without anybody's doing. */
  get starting(): number {
    let living = 0
    for (const { isEnding } of this.#lives.values()) if (!isEnding) living++
    return Math.max(0, living - this.idle - this.#busy)
  }

  /** Threads that take an assignment at once. */
  get idle(): number {
    return this.#pool.idleThreads
  }

  /** Starts one; `onChange` tells when it is idle. To be called while `alive` is below the limit, and none is idle. */
  start(): void {
    // What it is given is nothing to do: only this makes piscina start one.
    this.#pool.run(NOTHING_YET).then(this.#changed, this.#changed)
    this.#meet()
  }

  /** Gives an assignment to an idle thread. @param transfer memory that is not ours any more afterwards */
  run(assignment: Assignment, transfer: readonly ArrayBuffer[]): RunningThread {
    const abort = new AbortController()
    const { signal } = abort
    // Its type is made of those of `postMessage`, and meets the wrong one.
    const transferList = [...transfer] as unknown as TransferList
    const ran = this.#pool.run(assignment, { transferList, signal }) as Promise<Outcome>
    this.#meet()
    this.#busy++
    let ending: Life | undefined
    let isDone = false
    const end = async (): Promise<Outcome> => {
      try {
        return await ran
      } finally {
        isDone = true
        if (ending === undefined) this.#busy--
        // Until then it takes up a core, and the place of another.
        else await ending.exited.promise
        this.#changed()
      }
    }
    const outcome = end()
    const kill = (): void => {
      if (isDone) return
      this.#let = undefined
      abort.abort()
      ending = this.#let
      if (ending !== undefined) this.#busy--
    }
    return { outcome, kill }
  }

  /** Ends all threads. @returns when they have exited */
  async close(): Promise<void> {
    this.#isClosed = true
    const exits = [...this.#lives.values()].map(({ exited }) => exited.promise)
    await this.#pool.destroy()
    await Promise.all(exits)
  }

  /** Notes the threads that piscina has started. */
  #meet(): void {
    for (const worker of this.#pool.threads) {
      if (this.#lives.has(worker)) continue
      const life: Life = { isReady: false, isEnding: false, error: undefined, exited: Promise.withResolvers<void>() }
      this.#lives.set(worker, life)
      worker.on('error', (error: Error) => (life.error = error))
      worker.once('exit', (code) => this.#exited(worker, life, code))
    }
  }

  #ready(id: number): void {
    const life = this.#find(id)
    if (life !== undefined) life.isReady = true
    this.#changed()
  }

  #ending(id: number): void {
    const life = this.#find(id)
    if (life === undefined) return
    life.isEnding = true
    this.#let = life
  }

  #find(id: number): Life | undefined {
    for (const [worker, life] of this.#lives) if (worker.threadId === id) return life
    return undefined
  }

  #exited(worker: Worker, life: Life, code: number): void {
    this.#lives.delete(worker)
    life.exited.resolve()
    if (!life.isReady && !this.#isClosed) {
      this.#parts.onStartFailed(life.error ?? new Error(`a thread exited with ${code} before it was ready`))
    }
    this.#changed()
  }
}
