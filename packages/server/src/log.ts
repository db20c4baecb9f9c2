/**
 * Owns how processes of the daemon write their log: one JSON object a line, or text for a person at a terminal.
 * Must not know: what is logged, what becomes of lines that cannot be written.
 * Invariant: lines go to standard output synchronously, so that the last words of a process that dies are not lost.
 */
import type { Clock } from '@shardwire/protocol'
import { pino, type BaseLogger, type Bindings, type Logger } from 'pino'
import { PinoPretty as pretty } from 'pino-pretty'
import { logOutput } from './log-output.ts'

export type { Logger } from 'pino'

/** What a service writes its log with; a pino logger is one. */
export type ServiceLog = Pick<BaseLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  /** The same, with `bindings` in each line. */
  child(bindings: Bindings): ServiceLog
}

export interface LogOptions {
  readonly clock: Clock
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
  const output = logOutput(options.clock)
  const log = isPretty(options.format)
    ? pino(settings, pretty({ destination: output.asStream(), ignore: 'pid,event,role', translateTime: 'HH:MM:ss.l' }))
    : pino(settings, output.destination)
  output.onLost((lines) => {
    const text = `${lines} lines of the log were lost: standard output took none for a while; look at what reads it`
    log.warn({ event: 'log-lost', class: 'system', lines }, text)
  })
  return log
}

/** Whether the log is for a person. */
export function isPretty(format: LogOptions['format']): boolean {
  return format === 'pretty' || (format === 'auto' && process.stdout.isTTY === true)
}
