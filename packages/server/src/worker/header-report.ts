/**
 * Owns telling the operator what a trusted proxy sent instead of a PROXY header.
 * Must not know: how headers are read.
 * Invariant: the same fault is told a few times in an interval, then counted.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import { createLimit } from './report-limit.ts'

export function createHeaderReport(log: Logger, clock: Clock): (fault: string) => void {
  const event = 'bad-proxy-header'
  const isDue = createLimit<string>(clock, (fault, suppressed) => {
    log.warn(
      { event, fault, suppressed },
      `${suppressed} more connections of trusted proxies were closed: each ${fault}`,
    )
  })
  return (fault) => {
    if (isDue(fault)) log.warn({ event, fault }, `a connection of a trusted proxy was closed: it ${fault}`)
  }
}
