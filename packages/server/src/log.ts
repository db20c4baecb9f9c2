/**
 * Owns how processes of the daemon write their log: one JSON object a line, or text for a person at a terminal.
 * Must not know: what is logged.
 * Invariant: lines go to standard output synchronously, so that the last words of a process that dies are not lost.
 */
import { pino, type Logger } from 'pino'
import { PinoPretty as pretty } from 'pino-pretty'

export type { Logger } from 'pino'

const STDOUT = 1

export interface LogOptions {
  readonly level: string
  /** 'auto' is pretty where standard output is a terminal. */
  readonly format: 'json' | 'pretty' | 'auto'
  /** What every record of this process carries. */
  readonly base: Readonly<Record<string, unknown>>
}

export function createLogger(options: LogOptions): Logger {
  const settings = {
    level: options.level,
    base: { pid: process.pid, ...options.base },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  if (!isPretty(options.format)) return pino(settings, pino.destination({ dest: STDOUT, sync: true }))
  return pino(settings, pretty({ sync: true, ignore: 'pid,event,role', translateTime: 'HH:MM:ss.l' }))
}

/** Whether the log is for a person. */
export function isPretty(format: LogOptions['format']): boolean {
  return format === 'pretty' || (format === 'auto' && process.stdout.isTTY === true)
}
