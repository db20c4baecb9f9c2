/**
 * Owns what the daemon as a whole can be said to do: whether it has started, serves, and takes new connections.
 * Must not know: sockets, what becomes of a worker.
 * Invariant: it has started once every slot is served by a worker of its own; that is told once.
 */
import type { Entrance } from './entrance.ts'
import type { Readiness } from './readiness.ts'
import type { Supervisor } from './supervisor.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface ServingParts {
  readonly entrance: Entrance
  readonly readiness: Readiness
  readonly supervisor: () => Supervisor
  /** How many slots there are. */
  readonly slots: number
}

export class Serving {
  readonly #parts: ServingParts
  readonly #started = Promise.withResolvers<void>()
  /** Resolves when all slots are served; rejects when that cannot be. */
  readonly started: Promise<void> = this.#started.promise

  constructor(parts: ServingParts) {
    this.#parts = parts
  }

  /** It cannot start. */
  failed(error: Error): void {
    this.#started.reject(error)
  }

  /** To be called when a worker may have begun to serve. */
  checkServes(worker: WorkerProcess): void {
    const { entrance, slots } = this.#parts
    const supervisor = this.#parts.supervisor()
    if (!worker.ready || worker.isLeaving || !entrance.isServedBy(worker)) return
    supervisor.serves(worker)
    const { current } = supervisor
    const isReady = current.length === slots && current.every(({ ready }) => ready)
    if (isReady && entrance.isServed) this.#started.resolve()
  }

  /** To be called when there are more or fewer workers than before. */
  checkServing(): void {
    const serves = this.#parts.supervisor().current.some(({ ready }) => ready)
    this.#parts.readiness.set('no-worker', serves ? undefined : 'no worker serves')
  }

  /** To be called now and then: when all shed connections a new one would be refused. */
  checkOverload(): void {
    const serving = this.#parts.supervisor().current.filter(({ ready }) => ready)
    const sheds = serving.length > 0 && serving.every(({ shedsConnections }) => shedsConnections)
    const text = sheds ? 'every worker is overloaded and sheds new connections' : undefined
    this.#parts.readiness.set('overloaded', text)
  }
}
