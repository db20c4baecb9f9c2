/**
 * Owns the workers of one slot: the one that serves, its successor while one starts, and those on their way out.
 * Must not know: sockets, signals, how a process is started.
 * Invariant: at most one serves and at most one is its successor; a worker that was retired takes nothing new and ends
 * by its deadline, killed if need be; once stopped, none is started again. A worker that asks to be replaced asks once:
 * until it is, or is gone, that is not forgotten.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import type { Readiness } from './readiness.ts'
import { AFTER_DEATH, AFTER_REQUEST, RestartBackoff } from './restart-backoff.ts'
import type { Generation } from './spawn-worker.ts'
import { explainEnd } from './worker-end.ts'
import type { WorkerProcess } from './worker-process.ts'

/** What a worker gets beyond its deadline before it is killed. */
export const KILL_GRACE_MS = 2000
/** What a worker gets to load its service: a module may wait for something at its top level. */
export const START_MS_MAX = 60_000

/** How a replacement went: with the end of the worker that was replaced, or why that one serves on. */
export type Replacement =
  | { readonly ok: true; readonly left: Promise<void> }
  | { readonly ok: false; readonly why: string; readonly isEnd?: true; readonly ended?: SuccessorEnd }

type SuccessorEnd = Readonly<{ worker: number; code: number | null; signal: string | null }>

/** Nothing is wrong with who was to come: nobody is needed any more. */
const STOPS: Replacement = { ok: false, why: 'the daemon stops', isEnd: true }

export interface SlotParts {
  readonly slot: number
  readonly clock: Clock
  readonly log: Logger
  readonly readiness: Readiness
  readonly spawn: (slot: number, generation: Generation) => WorkerProcess
  /** What a worker is started with unless somebody says otherwise. */
  readonly generation: () => Generation
  /** The worker takes nothing new from now on. */
  readonly retired: (worker: WorkerProcess) => void
  /** Of a worker that ended unasked: how many connections it took along, as far as is known. */
  readonly lost: (worker: WorkerProcess) => Readonly<Record<string, number>>
}

interface Successor {
  readonly worker: WorkerProcess
  readonly why: string
  readonly done: PromiseWithResolvers<Replacement>
  readonly cancelTimeout: CancelTimer
}

interface Leaving {
  readonly why: string
  readonly sinceMs: number
  readonly left: PromiseWithResolvers<void>
  readonly cancelKill: CancelTimer
}

export class Slot {
  readonly #parts: SlotParts
  readonly #deaths = new RestartBackoff(AFTER_DEATH)
  readonly #requests = new RestartBackoff(AFTER_REQUEST)
  readonly #leaving = new Map<WorkerProcess, Leaving>()
  #current: WorkerProcess | undefined
  #successor: Successor | undefined
  #cancelRestart: CancelTimer | undefined
  #cancelStart: CancelTimer | undefined
  #hasServed = false
  #cancelRequest: CancelTimer | undefined
  /** Who asked to be replaced. */
  #request: { readonly worker: WorkerProcess; readonly why: string } | undefined
  #cancelLasted: CancelTimer | undefined
  #stopped = false

  constructor(parts: SlotParts) {
    this.#parts = parts
  }

  /** The worker that serves, or starts to. */
  get current(): WorkerProcess | undefined {
    return this.#current
  }

  /** Every process of the slot. */
  get workers(): readonly WorkerProcess[] {
    const first = this.#current === undefined ? [] : [this.#current]
    const next = this.#successor === undefined ? [] : [this.#successor.worker]
    return [...first, ...next, ...this.#leaving.keys()]
  }

  start(): void {
    const { slot, spawn, generation, clock } = this.#parts
    const worker = spawn(slot, generation())
    this.#current = worker
    this.#cancelStart = clock.after(START_MS_MAX, () => this.#startIsLong(worker))
  }

  /** Nothing is started or replaced any more. */
  stop(): void {
    this.#stopped = true
    this.#cancelRestart?.()
    this.#cancelStart?.()
    this.#cancelRequest?.()
    this.#cancelLasted?.()
    this.#successor?.cancelTimeout()
    this.#successor?.done.resolve(STOPS)
  }

  /** Starts a successor; when it serves, the worker that does now is retired. A failure is the caller's to tell. */
  async replace(why: string, generation: Generation): Promise<Replacement> {
    while (this.#isFull) await this.#room()
    return this.#stopped ? STOPS : await this.#succeed(why, generation)
  }

  /** Two processes of a slot at a time, or a slot that is replaced again and again would fill the memory. */
  get #isFull(): boolean {
    return !this.#stopped && (this.#successor !== undefined || this.#leaving.size > 0)
  }

  /** There may be room: others may wait for it too, so it has to be asked again. */
  async #room(): Promise<void> {
    await this.#successor?.done.promise
    await Promise.all([...this.#leaving.values()].map(({ left }) => left.promise))
  }

  #succeed(why: string, generation: Generation): Promise<Replacement> {
    const { slot, spawn, clock, log } = this.#parts
    this.#cancelRestart?.()
    this.#cancelRequest?.()
    const worker = spawn(slot, generation)
    const cancelTimeout = clock.after(START_MS_MAX, () => this.#startTimedOut(worker))
    const done = Promise.withResolvers<Replacement>()
    this.#successor = { worker, why, done, cancelTimeout }
    const replaced = this.#current?.pid
    log.info(
      { event: 'worker-replacing', slot, worker: replaced, successor: worker.pid, why },
      `replacing a worker: ${why}`,
    )
    return done.promise
  }

  /** A worker that serves on has asked for a successor. */
  outworn(worker: WorkerProcess, why: string): void {
    if (worker !== this.#current) return
    this.#request = { worker, why }
    // One is on its way for another reason: it is waited for whether that comes.
    if (this.#successor === undefined) this.#obeyRequest()
  }

  #obeyRequest(): void {
    if (this.#stopped || this.#request === undefined || this.#request.worker !== this.#current) return
    const { worker, why } = this.#request
    const { clock, log, slot } = this.#parts
    const waitMs = this.#requests.next(clock.nowMs() - worker.startedAtMs)
    const text = `a worker asks to be replaced: ${why}`
    log.warn({ event: 'worker-outworn', class: 'system', slot, worker: worker.pid, why, waitMs }, text)
    this.#cancelRequest?.()
    this.#cancelRequest = clock.after(waitMs, () => void this.#replaceOutworn(worker, why))
  }

  async #replaceOutworn(worker: WorkerProcess, why: string): Promise<void> {
    while (this.#isFull) await this.#room()
    // Somebody else may have seen to it, or death.
    if (worker !== this.#current || this.#stopped) return
    const outcome = await this.#succeed(why, this.#parts.generation())
    if (outcome.ok || outcome.isEnd === true) return
    const { log, slot } = this.#parts
    const text = `a new worker did not come up: ${outcome.why}`
    log.error({ event: 'successor-failed', class: 'system', slot, ...outcome.ended, why: outcome.why }, text)
  }

  /** A worker takes nothing new any more by its own decision, and ends. */
  leaves(worker: WorkerProcess, why: string, deadlineMs: number): void {
    if (worker !== this.#current) return
    this.#current = undefined
    void this.#retire(worker, why, deadlineMs)
    this.#startAgain(worker)
  }

  /** The worker accepts connections. */
  serves(worker: WorkerProcess): void {
    const successor = this.#successor
    if (successor?.worker === worker) {
      this.#successor = undefined
      successor.cancelTimeout()
      const replaced = this.#current
      this.#current = worker
      const { drainTimeoutMs } = worker.config
      const left = replaced === undefined ? undefined : this.#retire(replaced, successor.why, drainTimeoutMs)
      if (replaced !== undefined) replaced.tell({ type: 'drain', deadlineMs: drainTimeoutMs, rolling: true })
      successor.done.resolve({ ok: true, left: left ?? Promise.resolve() })
    }
    if (worker !== this.#current) return
    this.#hasServed = true
    this.#cancelStart?.()
    this.#watchLasting(worker)
  }

  ended(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const leaving = this.#leaving.get(worker)
    if (leaving !== undefined) this.#left(worker, leaving)
    else if (worker === this.#successor?.worker) this.#successorEnded(worker, this.#successor, code, signal)
    else if (worker === this.#current) this.#currentEnded(worker, code, signal)
  }

  #retire(worker: WorkerProcess, why: string, deadlineMs: number): Promise<void> {
    const { clock, log, slot, retired } = this.#parts
    const left = Promise.withResolvers<void>()
    const cancelKill = clock.after(deadlineMs + KILL_GRACE_MS, () => {
      const text = 'a worker that was replaced did not finish its drain; killed'
      log.error({ event: 'worker-killed', class: 'system', slot, worker: worker.pid, deadlineMs }, text)
      worker.kill()
    })
    this.#leaving.set(worker, { why, sinceMs: clock.nowMs(), left, cancelKill })
    retired(worker)
    return left.promise
  }

  #left(worker: WorkerProcess, { why, sinceMs, left, cancelKill }: Leaving): void {
    cancelKill()
    this.#leaving.delete(worker)
    const { log, slot, clock } = this.#parts
    const tookMs = Math.round(clock.nowMs() - sinceMs)
    const fields = { slot, worker: worker.pid, successor: this.#current?.pid, why, tookMs, ...worker.drained }
    log.info({ event: 'worker-replaced', ...fields }, 'a worker has left')
    left.resolve()
  }

  #successorEnded(worker: WorkerProcess, successor: Successor, code: number | null, signal: string | null): void {
    this.#successor = undefined
    successor.cancelTimeout()
    const why = worker.failure ?? explainEnd(code, signal)
    successor.done.resolve({ ok: false, why, ended: { worker: worker.pid, code, signal } })
    if (this.#current === undefined) this.#startAgain(worker)
    else this.#obeyRequest()
  }

  #currentEnded(worker: WorkerProcess, code: number | null, signal: string | null): void {
    this.#current = undefined
    if (this.#stopped) return
    const { log, slot, lost } = this.#parts
    const restartMs = this.#startAgain(worker)
    const why = worker.failure ?? explainEnd(code, signal)
    const fields = { slot, worker: worker.pid, code, signal, why, ...lost(worker), restartMs }
    log.error(
      { event: 'worker-exited', class: 'system', ...fields },
      `a worker ended, ${why}; its slot is started again`,
    )
  }

  /** @returns how long that takes */
  #startAgain(worker: WorkerProcess): number {
    if (this.#stopped || this.#successor !== undefined) return 0
    const { clock } = this.#parts
    this.#cancelLasted?.()
    // However long it took to fail, one that never came up has not lived.
    const waitMs = this.#deaths.next(worker.ready ? clock.nowMs() - worker.startedAtMs : 0)
    if (this.#deaths.isLooping) this.#tellLoop(waitMs)
    this.#cancelRestart?.()
    this.#cancelStart?.()
    this.#cancelRestart = clock.after(waitMs, () => this.start())
    return waitMs
  }

  #tellLoop(waitMs: number): void {
    const { log, readiness, slot } = this.#parts
    const deaths = this.#deaths.young
    readiness.set(`crash-loop-${slot}`, `slot ${slot} is in a crash loop`)
    const text =
      `the worker of slot ${slot} died ${deaths} times in a row soon after its start: mend the service, or go back ` +
      'to one that worked and reload with SIGHUP'
    log.error({ event: 'crash-loop', class: 'system', slot, deaths, restartMs: waitMs }, text)
  }

  #watchLasting(worker: WorkerProcess): void {
    const { clock, readiness, slot } = this.#parts
    this.#cancelLasted?.()
    const livedMs = clock.nowMs() - worker.startedAtMs
    this.#cancelLasted = clock.after(Math.max(0, AFTER_DEATH.lastedMs - livedMs), () => {
      this.#deaths.lasted()
      readiness.set(`crash-loop-${slot}`, undefined)
    })
  }

  /** Of the daemon's own start somebody waits for the outcome, and decides; of a worker's at night nobody does. */
  #startIsLong(worker: WorkerProcess): void {
    if (worker !== this.#current) return
    if (this.#hasServed) return this.#startTimedOut(worker)
    const { log, slot } = this.#parts
    const text = `a worker still loads its service after ${START_MS_MAX} ms: the module may wait for something`
    log.warn({ event: 'worker-starting', class: 'system', slot, worker: worker.pid }, text)
  }

  #startTimedOut(worker: WorkerProcess): void {
    const text = `not ready ${START_MS_MAX} ms after its start: its service module may wait for something`
    worker.failure ??= text
    worker.kill()
  }
}
