/**
 * Owns telling the operator that sockets are refused, without a line for each.
 * Must not know: who refuses them.
 * Invariant: at most one record an interval, with what came since the last; none while nothing is refused.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import { createRefusals, namedRefusals } from '../refusal.ts'

const INTERVAL_MS = 1000

export class RefusalReport {
  readonly #clock: Clock
  readonly #log: Logger
  #told: readonly number[] = createRefusals()
  #toldAtMs = -Infinity

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  /** @param refusals so far, by reason */
  look(refusals: readonly number[]): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#toldAtMs < INTERVAL_MS) return
    const since = refusals.map((count, code) => count - (this.#told[code] ?? 0))
    if (since.every((count) => count === 0)) return
    this.#told = [...refusals]
    this.#toldAtMs = nowMs
    this.#log.warn({ event: 'refused', since: namedRefusals(since) }, 'connections were closed without being served')
  }
}
