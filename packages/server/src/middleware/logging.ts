/**
 * Owns a line in the log for each request that was served.
 * Must not know: how the log is written.
 */
import type { Clock } from '@shardwire/protocol'
import { systemClock } from '../clock.ts'
import type { Middleware } from '../service/middleware.ts'
import { observe } from './observe.ts'

export interface LoggingOptions {
  /** Level of the lines; 'info'. Those below SHARDWIRE_LOG_LEVEL are not written. */
  readonly level?: 'trace' | 'debug' | 'info' | undefined
  readonly clock?: Clock | undefined
}

/**
 * Logs each request with its duration: event `request-served`, or `request-failed` with the name of the error that the
 * caller got.
 */
export function logging({ level = 'info', clock = systemClock }: LoggingOptions = {}): Middleware {
  return ({ log }, next) =>
    observe(next, clock, ({ durationMs, error }) => {
      const ms = Math.round(durationMs * 1000) / 1000
      if (error === undefined) log[level]({ event: 'request-served', ms }, 'served')
      else log[level]({ event: 'request-failed', ms, error }, `failed: ${error}`)
    })
}
