/**
 * Owns telling the operator that a worker is overloaded, what it sheds, and that it is over.
 * Must not know: how overload is measured.
 * Invariant: one record a change of level, of which there is at most one a second.
 */
import type { Logger } from '../log.ts'
import { LEVEL_NONE, type OverloadSignals } from './overload.ts'

/** By level. */
const SHEDS = [
  'this worker is no longer overloaded',
  'this worker is overloaded: it sheds new connections',
  'this worker is overloaded: it sheds new connections and new requests',
  'this worker is overloaded: it sheds new connections, new requests and the largest holders of buffers',
] as const

export function createOverloadReport(log: Logger): (level: number, signals: OverloadSignals) => void {
  return (level, signals) => {
    const record = { event: 'overload', overload: level, ...signals }
    if (level === LEVEL_NONE) log.info(record, SHEDS[LEVEL_NONE])
    else log.warn(record, SHEDS[level])
  }
}
