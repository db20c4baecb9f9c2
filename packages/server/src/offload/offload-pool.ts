/**
 * Owns the tasks of a worker: the bounded queue before its threads, and the end of each task.
 * Must not know: routes, frames, how a thread is made.
 * Invariant: a task is settled once: by what its thread sends, by the death of that thread, or while it waits by its
 * abort. Threads that exist, those that are about to exit among them, are never more than `threadsMax`.
 */
import { CANCELLED, type Clock, OVERLOADED, ShardwireError } from '@shardwire/protocol'
import { createHistogram, DURATION_BOUNDS, type Histogram, observe } from '../metrics/histogram.ts'
import { FLAG_RUNS, type Assignment, type Outcome } from './messages.ts'
import type { Threads, ThreadsParts } from './threads.ts'

/** What a task that was aborted gets to end by itself, before its thread is ended. */
export const GRACE_MS = 200
/** How much the last task counts in the mean of how long tasks run. */
const MEAN_WEIGHT = 0.1
const MS_PER_S = 1000
/** What somebody who is refused waits at least and at most, but for chance. */
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 10_000

/** The part of `Threads` that is used here. */
export type PoolThreads = Pick<Threads, 'alive' | 'starting' | 'idle' | 'start' | 'run' | 'close'>
export type ThreadEvents = Pick<ThreadsParts, 'onChange' | 'onStartFailed'>

export interface OffloadPoolParts {
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  readonly threadsMax: number
  /** Tasks that wait for a thread. */
  readonly queueMax: number
  /** Their bodies, in bytes. */
  readonly queueBytesMax: number
  /** Makes the threads when the first task comes. */
  readonly open: (events: ThreadEvents) => Promise<PoolThreads>
}

export interface Job {
  /** Makes what goes to the thread; called within `run`, once it is sure that the job may wait. */
  readonly order: () => Order
  /** Memory that it holds while it waits. */
  readonly bytes: number
  /** Its reason is what a job that still waits is rejected with. */
  readonly signal: AbortSignal
}

/** What goes to a thread. */
export interface Order {
  readonly assignment: Omit<Assignment, 'flag'>
  /** Memory that is the thread's then, and nobody else's now. */
  readonly transfer: readonly ArrayBuffer[]
}

interface Waiting extends Order {
  readonly bytes: number
  readonly signal: AbortSignal
  readonly offeredAtMs: number
  readonly settled: PromiseWithResolvers<Outcome>
  readonly onAbort: () => void
}

/** What the pool has done so far. */
export interface OffloadCounters {
  /** Tasks that came, refused ones among them. */
  offered: number
  /** That exist now. */
  threads: number
  waiting: number
  running: number
  completed: number
  refused: number
  /** Threads ended because their task was aborted and went on. */
  killed: number
  /** Seconds that tasks waited for a thread, and that they ran, whatever their end. */
  readonly waitTime: Histogram
  readonly runTime: Histogram
}

export function createOffloadCounters(): OffloadCounters {
  return {
    offered: 0,
    threads: 0,
    waiting: 0,
    running: 0,
    completed: 0,
    refused: 0,
    killed: 0,
    waitTime: createHistogram(DURATION_BOUNDS),
    runTime: createHistogram(DURATION_BOUNDS),
  }
}

/** As the log shows them. */
export function describeOffload(counters: OffloadCounters): Record<string, unknown> {
  return Object.fromEntries(Object.entries(counters).filter(([, value]) => typeof value === 'number'))
}

export class OffloadPool {
  readonly counters = createOffloadCounters()
  readonly #parts: OffloadPoolParts
  /** In the order they came. */
  readonly #waiting = new Set<Waiting>()
  #waitingBytes = 0
  #running = 0
  #meanMs = 0
  #threads: PoolThreads | undefined
  #isOpening = false

  constructor(parts: OffloadPoolParts) {
    this.#parts = parts
  }

  /**
   * Runs a job as soon as a thread is free.
   * @throws ShardwireError OVERLOADED when too many wait
   * @returns rejects with the reason of the signal, or with what the thread died of
   */
  run(job: Job): Promise<Outcome> {
    this.counters.offered++
    this.#admit(job)
    if (job.signal.aborted) return Promise.reject(reasonOf(job.signal))
    const settled = Promise.withResolvers<Outcome>()
    const { bytes, signal } = job
    const onAbort = (): void => this.#leave(waiting, reasonOf(signal))
    const offeredAtMs = this.#parts.clock.nowMs()
    const waiting: Waiting = { ...job.order(), bytes, signal, offeredAtMs, settled, onAbort }
    signal.addEventListener('abort', waiting.onAbort, { once: true })
    this.#waiting.add(waiting)
    this.#waitingBytes += bytes
    this.counters.waiting = this.#waiting.size
    this.#pump()
    return settled.promise
  }

  /** Ends the threads; what waits or runs is rejected. */
  async close(): Promise<void> {
    for (const waiting of this.#waiting) this.#leave(waiting, new Error('the pool is closed'))
    await this.#threads?.close()
  }

  #admit({ bytes }: Job): void {
    const { threadsMax, queueMax, queueBytesMax } = this.#parts
    const ahead = this.#waiting.size
    const isFull = ahead >= queueMax + Math.max(0, threadsMax - this.#running)
    if (!isFull && (ahead === 0 || this.#waitingBytes + bytes <= queueBytesMax)) return
    this.counters.refused++
    const text = isFull
      ? `${ahead} requests wait for a thread, which is the limit`
      : `requests that wait for a thread hold ${this.#waitingBytes} bytes, the limit is ${queueBytesMax}`
    throw new ShardwireError(OVERLOADED, text, { retryAfterMs: this.#retryAfterMs(ahead) })
  }

  /** About when what waits now will have run, a quarter more or less by chance: not all come back at once. */
  #retryAfterMs(ahead: number): number {
    const { threadsMax, random } = this.#parts
    const ms = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, (ahead * this.#meanMs) / threadsMax))
    return Math.round(ms * (0.75 + random() / 2))
  }

  /** It does not wait any more, and never runs. */
  #leave(waiting: Waiting, reason: Error): void {
    if (this.#take(waiting)) waiting.settled.reject(reason)
  }

  #take(waiting: Waiting): boolean {
    if (!this.#waiting.delete(waiting)) return false
    this.#waitingBytes -= waiting.bytes
    this.counters.waiting = this.#waiting.size
    waiting.signal.removeEventListener('abort', waiting.onAbort)
    return true
  }

  /** Gives what waits to the threads that are idle, and starts threads for the rest. */
  #pump(): void {
    const threads = this.#threads
    if (threads === undefined) return this.#open()
    for (const waiting of this.#waiting) {
      if (threads.idle === 0) break
      if (this.#take(waiting)) this.#begin(waiting, threads)
    }
    let missing = threads.idle > 0 ? 0 : this.#waiting.size - threads.starting
    for (; missing > 0 && threads.alive < this.#parts.threadsMax; missing--) threads.start()
    this.counters.threads = threads.alive
  }

  #open(): void {
    if (this.#isOpening || this.#waiting.size === 0) return
    this.#isOpening = true
    const events: ThreadEvents = { onChange: () => this.#pump(), onStartFailed: (error) => this.#startFailed(error) }
    this.#parts.open(events).then(
      (threads) => {
        this.#threads = threads
        this.#pump()
      },
      (error: unknown) => {
        this.#isOpening = false
        const why = new Error('no thread can be started', { cause: error })
        for (const waiting of this.#waiting) this.#leave(waiting, why)
      },
    )
  }

  /** Whoever waited for it most is told; for the others another is started. */
  #startFailed(error: Error): void {
    const [first] = this.#waiting
    if (first !== undefined) this.#leave(first, new Error('its thread could not be started', { cause: error }))
  }

  #begin(waiting: Waiting, threads: PoolThreads): void {
    const flag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    const { clock } = this.#parts
    const beganMs = clock.nowMs()
    const running = threads.run({ ...waiting.assignment, flag }, waiting.transfer)
    this.counters.running = ++this.#running
    observe(this.counters.waitTime, DURATION_BOUNDS, (beganMs - waiting.offeredAtMs) / MS_PER_S)
    let cancelKill: (() => void) | undefined
    const onAbort = (): void => {
      Atomics.compareExchange(flag, 0, FLAG_RUNS, codeOf(waiting.signal))
      Atomics.notify(flag, 0)
      cancelKill = clock.after(GRACE_MS, () => {
        this.counters.killed++
        running.kill()
      })
    }
    waiting.signal.addEventListener('abort', onAbort, { once: true })
    const ended = (): number => {
      const tookMs = clock.nowMs() - beganMs
      observe(this.counters.runTime, DURATION_BOUNDS, tookMs / MS_PER_S)
      waiting.signal.removeEventListener('abort', onAbort)
      cancelKill?.()
      this.counters.running = --this.#running
      return tookMs
    }
    running.outcome.then(
      (outcome) => {
        const tookMs = ended()
        this.counters.completed++
        this.#meanMs += (tookMs - this.#meanMs) * (this.#meanMs === 0 ? 1 : MEAN_WEIGHT)
        waiting.settled.resolve(outcome)
      },
      (error: unknown) => {
        ended()
        waiting.settled.reject(error)
      },
    )
  }
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}

/** Why a task is aborted, as its thread is told: the code of an error. */
function codeOf({ reason }: AbortSignal): number {
  return reason instanceof ShardwireError ? reason.code : CANCELLED
}
