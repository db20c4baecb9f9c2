/**
 * Owns how processes of the daemon write their log: one JSON object a line, or text for a person at a terminal.
 * Must not know: what is logged.
 * Invariant: lines go to standard output synchronously, so that the last words of a process that dies are not lost;
 * that they cannot be written ends nothing, and what waits for it is bounded.
 */
import { pino, type BaseLogger, type Bindings, type Logger } from 'pino'
import { PinoPretty as pretty } from 'pino-pretty'

export type { Logger } from 'pino'

/** What a service writes its log with; a pino logger is one. */
export type ServiceLog = Pick<BaseLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  /** The same, with `bindings` in each line. */
  child(bindings: Bindings): ServiceLog
}

const STDOUT = 1
/** Characters that wait while they cannot be written; more are lost. */
const UNWRITTEN_LENGTH_MAX = 1024 * 1024

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
  const destination = pino.destination({ dest: STDOUT, sync: true, maxLength: UNWRITTEN_LENGTH_MAX })
  // A disk that is full costs lines, never the daemon; those that still fit into the bound come when there is room.
  destination.on('error', () => undefined)
  if (!isPretty(options.format)) return pino(settings, destination)
  return pino(settings, pretty({ destination, ignore: 'pid,event,role', translateTime: 'HH:MM:ss.l' }))
}

/** Whether the log is for a person. */
export function isPretty(format: LogOptions['format']): boolean {
  return format === 'pretty' || (format === 'auto' && process.stdout.isTTY === true)
}
