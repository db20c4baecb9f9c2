/**
 * Owns running the hooks that stand in no connection's way: its end, and the beginning and the end of the worker.
 * Must not know: when those are.
 * Invariant: what a hook throws is told, and ends nothing but, in onStart, the start. The end waits for what runs, no
 * longer than it is given.
 */
import type { Clock } from '@shardwire/protocol'
import type { CloseReasonName } from '../close-reason.ts'
import type { Connection } from '../service/connection.ts'
import type { HookName, ServiceHooks, ServiceWorker } from '../service/hooks.ts'
import { isPromise } from '../service/promise.ts'

/** Where a fault of a hook is told. @param connection id of the one that it was about */
export type ReportHook = (hook: HookName, connection: string | undefined, error: unknown) => void

export interface WorkerHooksParts {
  readonly hooks: ServiceHooks
  readonly worker: ServiceWorker
  readonly clock: Clock
  readonly report: ReportHook
}

export class WorkerHooks {
  /** Those of the service. */
  readonly service: ServiceHooks
  readonly report: ReportHook
  readonly #worker: ServiceWorker
  readonly #clock: Clock
  readonly #running = new Set<Promise<void>>()

  constructor({ hooks, worker, clock, report }: WorkerHooksParts) {
    this.service = hooks
    this.report = report
    this.#worker = worker
    this.#clock = clock
  }

  /** Rejects with what onStart throws. */
  async start(): Promise<void> {
    await this.service.onStart?.(this.#worker)
  }

  /** A connection has ended. */
  disconnected(connection: Connection, reason: CloseReasonName): void {
    const { onDisconnect } = this.service
    if (onDisconnect === undefined) return
    try {
      const result: unknown = onDisconnect(connection, { reason })
      if (isPromise(result)) this.#follow(connection, Promise.resolve(result))
    } catch (error) {
      this.report('onDisconnect', connection.id, error)
    }
  }

  /** Waits for every onDisconnect, then runs onStop; never rejects. @param timeoutMs for all of it */
  async stop(timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<true>()
    const cancel = this.#clock.after(timeoutMs, () => late.resolve(true))
    const inTime = async (hook: HookName, work: Promise<unknown>): Promise<void> => {
      const isLate = await Promise.race([work.then(() => false), late.promise])
      if (isLate) this.report(hook, undefined, new Error(`it was not done ${timeoutMs} ms after the last connection`))
    }
    await inTime('onDisconnect', Promise.all(this.#running))
    await inTime('onStop', this.#stopped())
    cancel()
  }

  async #stopped(): Promise<void> {
    try {
      await this.service.onStop?.(this.#worker)
    } catch (error) {
      this.report('onStop', undefined, error)
    }
  }

  #follow({ id }: Connection, result: Promise<unknown>): void {
    const done = result
      .then(
        () => undefined,
        (error: unknown) => this.report('onDisconnect', id, error),
      )
      .finally(() => this.#running.delete(done))
    this.#running.add(done)
  }
}
