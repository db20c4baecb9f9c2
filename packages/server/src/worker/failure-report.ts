/**
 * Owns telling the operator what is wrong with a handler, without drowning the log when it is wrong all the time.
 * Must not know: how a failure is answered, how misuse is noticed.
 * Invariant: at most REPORTS_MAX records per event, route and interval; how many more there were is said afterwards.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import type { ReportView } from '../service/kept-views.ts'
import type { ReportFailure } from './answers.ts'

const INTERVAL_MS = 10_000
const REPORTS_MAX = 5

/** What a handler threw. */
export function createFailureReport(log: Logger, clock: Clock): ReportFailure {
  const isDue = createLimit(clock, (route, suppressed) => {
    log.error({ event: 'handler-failed', route, suppressed }, `the handler of ${route} failed ${suppressed} times more`)
  })
  return (route, connection, error) => {
    if (!isDue(route)) return
    log.error(
      { event: 'handler-failed', route, connection: connection.id, err: error },
      `the handler of ${route} failed`,
    )
  }
}

/** What was done with memory that a handler was lent. */
export function createViewReport(log: Logger, clock: Clock): ReportView {
  const isDue = createLimit(clock, (route, suppressed) => {
    const text = `route ${route}: lent bodies were misused ${suppressed} times more`
    log.error({ event: 'view-misused', route, suppressed }, text)
  })
  return (route, text, error) => {
    if (isDue(route)) log.error({ event: 'view-misused', route, ...(error && { err: error }) }, text)
  }
}

/** @returns what counts a report of a route, and says whether it is to be made */
function createLimit(clock: Clock, suppress: (route: string, count: number) => void): (route: string) => boolean {
  const counts = new Map<string, number>()
  clock.every(INTERVAL_MS, () => {
    for (const [route, count] of counts) if (count > REPORTS_MAX) suppress(route, count - REPORTS_MAX)
    counts.clear()
  })
  return (route) => {
    const count = (counts.get(route) ?? 0) + 1
    counts.set(route, count)
    return count <= REPORTS_MAX
  }
}
