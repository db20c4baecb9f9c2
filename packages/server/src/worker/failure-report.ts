/**
 * Owns telling the operator what is wrong with a handler, without drowning the log when it is wrong all the time.
 * Must not know: how a failure is answered, how misuse is noticed.
 * Invariant: per event and route as many records as `report-limit.ts` allows; how many more there were is said
 * afterwards.
 */
import type { Clock } from '@shardwire/protocol'
import type { Logger } from '../log.ts'
import type { ReportView } from '../service/kept-views.ts'
import type { HookName } from '../service/hooks.ts'
import type { ReportFailure } from './answers.ts'
import { createLimit } from './report-limit.ts'
import type { ReportHook } from './worker-hooks.ts'

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

/** What a hook of the service threw. */
export function createHookReport(log: Logger, clock: Clock): ReportHook {
  const isDue = createLimit<HookName>(clock, (hook, suppressed) => {
    log.error({ event: 'hook-failed', hook, suppressed }, `${hook} of the service failed ${suppressed} times more`)
  })
  return (hook, connection, error) => {
    if (isDue(hook)) log.error({ event: 'hook-failed', hook, connection, err: error }, `${hook} of the service failed`)
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
