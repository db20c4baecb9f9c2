/**
 * Owns what nobody caught: exceptions, and promises that rejected with nobody to hear it.
 * Must not know: what becomes of the worker.
 * Invariant: the first exception is told once; neither ends the process by itself. Each is counted, and told in the log
 * as often as `report-limit.ts` allows.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import type { Counters } from './counters.ts'
import { createLimit } from './report-limit.ts'

export interface FaultsParts {
  readonly log: Logger
  readonly clock: Clock
  readonly counters: Pick<Counters, 'uncaughtExceptions' | 'strayRejections'>
  /** What this worker does about the first exception, for the log. */
  readonly onException: () => void
  /** The same for the first rejection. */
  readonly onRejection: () => void
}

const EXCEPTION_TEXT =
  'an exception that nobody caught, in a callback of the service or in this server: what it left behind nobody ' +
  'knows, so this worker takes nothing new, drains for a second and is replaced. Catch it where the stack says'
const REJECTION_TEXT =
  'a promise that nobody awaits was rejected: work of the service was lost half way, so this worker is drained and ' +
  'replaced. Await it, or catch it, where the stack says'

type Kind = 'uncaught-exception' | 'stray-rejection'

export class Faults {
  readonly #parts: FaultsParts
  readonly #isDue: (kind: Kind) => boolean

  constructor(parts: FaultsParts) {
    const { log, clock } = parts
    this.#parts = parts
    this.#isDue = createLimit(clock, (kind: Kind, suppressed) => {
      log.error({ event: kind, class: 'system', suppressed }, `${suppressed} more of these`)
    })
  }

  exception(error: unknown): void {
    const { counters, onException } = this.#parts
    this.#tell('uncaught-exception', error, EXCEPTION_TEXT)
    if (counters.uncaughtExceptions++ === 0) onException()
  }

  rejection(reason: unknown): void {
    const { counters, onRejection } = this.#parts
    this.#tell('stray-rejection', reason, REJECTION_TEXT)
    if (counters.strayRejections++ === 0) onRejection()
  }

  #tell(kind: Kind, thrown: unknown, text: string): void {
    if (!this.#isDue(kind)) return
    const err = thrown instanceof Error ? thrown : new Error(`thrown, and no Error: ${describe(thrown)}`)
    this.#parts.log.error({ event: kind, class: 'system', err }, text)
  }
}

function describe(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return typeof thrown
  }
}
