/**
 * Owns the end of the daemon: no more accepts, a drain of every worker, the report.
 * Must not know: signals, why it ends.
 * Invariant: it happens once. `stopped` resolves once, when no worker and no listening socket is left.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import { namedRefusals } from '../refusal.ts'
import { describeDrain } from '../worker/drain-report.ts'
import type { Entrance } from './entrance.ts'
import type { Handoff } from './handoff.ts'
import { KILL_GRACE_MS } from './slot.ts'
import type { Supervisor } from './supervisor.ts'
import type { Totals } from './totals.ts'

/** What sockets on their way get to arrive when the daemon stops. */
const HANDOFF_GRACE_MS = 1000

export interface ShutdownParts {
  readonly clock: Clock
  readonly log: Logger
  readonly entrance: Entrance
  readonly handoff: Handoff
  readonly supervisor: () => Supervisor
  readonly totals: Totals
  /** Sockets that were closed unserved, by reason. */
  readonly refusals: () => readonly number[]
}

export class Shutdown {
  readonly #parts: ShutdownParts
  readonly #stopped = Promise.withResolvers<void>()
  readonly stopped: Promise<void> = this.#stopped.promise
  #hasBegun = false
  /** Nobody accepts any more, and workers have been told. */
  #isDraining = false
  #beganMs = 0

  constructor(parts: ShutdownParts) {
    this.#parts = parts
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** To be called once. */
  async begin(reason: string, deadlineMs: number): Promise<void> {
    const { clock, log, entrance, handoff } = this.#parts
    const supervisor = this.#parts.supervisor()
    this.#hasBegun = true
    this.#beganMs = clock.nowMs()
    const text = `${reason}: draining; a second signal, a second or more later, ends at once`
    log.info({ event: 'draining', reason, deadlineMs }, text)
    supervisor.stop()
    await entrance.close()
    // A worker that was told to drain might be gone before a socket on its way to it is served.
    await Promise.race([handoff.idle(), new Promise<void>((resolve) => clock.after(HANDOFF_GRACE_MS, resolve))])
    for (const worker of supervisor.workers) worker.tell({ type: 'drain', deadlineMs, rolling: false })
    const cancel = clock.after(deadlineMs + KILL_GRACE_MS, () => this.#killAll())
    this.#isDraining = true
    this.workerGone()
    await this.stopped
    cancel()
  }

  /** To be called when a worker is gone. The last may go before anybody was told to: then sockets may still come. */
  workerGone(): void {
    if (this.#isDraining && this.#parts.supervisor().workers.length === 0) this.#finish()
  }

  #finish(): void {
    const { clock, log, handoff, totals } = this.#parts
    handoff.refuseAll()
    const refusals = this.#parts.refusals()
    log.info(
      {
        event: 'stopped',
        tookMs: Math.round(clock.nowMs() - this.#beganMs),
        refused: refusals.reduce((sum, count) => sum + count, 0),
        refusals: namedRefusals(refusals),
        ...totals.describe(),
      },
      `stopped: ${describeDrain(totals.drained)}`,
    )
    this.#stopped.resolve()
  }

  #killAll(): void {
    for (const worker of this.#parts.supervisor().workers) {
      this.#parts.log.error(
        { event: 'worker-killed', class: 'system', slot: worker.slot, worker: worker.pid },
        'a worker did not finish its drain; killed',
      )
      worker.kill()
    }
  }
}
