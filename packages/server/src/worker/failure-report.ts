/**
 * Owns telling the operator that a handler failed, without drowning the log when one fails all the time.
 * Must not know: how the failure is answered.
 * Invariant: at most REPORTS_MAX records per route and interval; how many more there were is said afterwards.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import type { ReportFailure } from './answers.ts'

const INTERVAL_MS = 10_000
const REPORTS_MAX = 5

export function createFailureReport(log: Logger, clock: Clock): ReportFailure {
  const counts = new Map<string, number>()
  clock.every(INTERVAL_MS, () => {
    for (const [route, count] of counts) reportSuppressed(log, route, count - REPORTS_MAX)
    counts.clear()
  })
  return (route, connection, error) => {
    const count = (counts.get(route) ?? 0) + 1
    counts.set(route, count)
    if (count > REPORTS_MAX) return
    log.error(
      { event: 'handler-failed', route, connection: connection.id, err: error },
      `the handler of ${route} failed`,
    )
  }
}

function reportSuppressed(log: Logger, route: string, suppressed: number): void {
  if (suppressed <= 0) return
  log.error({ event: 'handler-failed', route, suppressed }, `the handler of ${route} failed ${suppressed} times more`)
}
