/**
 * Owns whether the daemon should be sent new connections, and why not.
 * Must not know: who asks.
 * Invariant: ready is having no reason against it; each change is one line of the log, but for the start, which has
 * lines of its own.
 */
import type { Logger } from '../log.ts'

const STARTING = 'starting'
const STOPPING = 'draining'

export class Readiness {
  readonly #log: Logger
  /** Told of each change, the start among them. */
  onChange: (() => void) | undefined
  readonly #reasons = new Map<string, string>([[STARTING, 'the daemon is starting']])

  constructor(log: Logger) {
    this.#log = log
  }

  get isReady(): boolean {
    return this.#reasons.size === 0
  }

  /** The daemon is on its way out. */
  get isStopping(): boolean {
    return this.#reasons.has(STOPPING)
  }

  /** Why not, for people. */
  get reasons(): readonly string[] {
    return [...this.#reasons.values()]
  }

  /** The daemon has started. */
  started(): void {
    this.#reasons.delete(STARTING)
    this.onChange?.()
  }

  /** The daemon stops. */
  stopping(): void {
    this.set(STOPPING, 'the daemon is stopping')
  }

  /** @param key of the reason @param why for people; undefined when it is no more */
  set(key: string, why: string | undefined): void {
    const wasReady = this.isReady
    const isNew = why !== undefined && !this.#reasons.has(key)
    if (why === undefined) this.#reasons.delete(key)
    else this.#reasons.set(key, why)
    if (this.isReady && !wasReady) this.#log.info({ event: 'readiness', ready: true }, 'ready for connections')
    else if (isNew) {
      const { reasons } = this
      this.#log.warn({ event: 'readiness', ready: false, reasons }, `not ready: ${reasons.join('; ')}`)
    }
    if (isNew || this.isReady !== wasReady) this.onChange?.()
  }
}
