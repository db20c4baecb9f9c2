/**
 * Owns how processes of the daemon write their log: one JSON object a line, or text for a person at a terminal.
 * Must not know: what is logged, what becomes of lines that cannot be written.
 * Invariant: lines go to standard output synchronously, so that the last words of a process that dies are not lost.
 */
import { createRequire } from 'node:module'
import type { Clock } from '@shardwire/protocol'
import { pino, type BaseLogger, type Bindings, type DestinationStream, type LogFn, type Logger } from 'pino'
import type { PrettyOptions } from 'pino-pretty'
import { type LogOutput, logOutput } from './log-output.ts'

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
    ? pino({ ...settings, hooks: { logMethod: withoutEcho } }, prettyDestination(output))
    : pino(settings, output.destination)
  output.onLost((lines) => {
    const text = `${lines} lines of the log were lost: standard output took none for a while; look at what reads it`
    log.warn({ event: 'log-lost', class: 'system', lines }, text)
  })
  return log
}

/** For a person: a reason that the text says in full is not said again beside it, with its breaks escaped. */
function withoutEcho(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [fields, text] = args as [unknown, unknown]
  if (typeof text === 'string' && typeof fields === 'object' && fields !== null && 'why' in fields) {
    const { why, ...others } = fields
    if (typeof why === 'string' && text.includes(why)) return method.call(this, others, text)
  }
  return method.apply(this, args)
}

/** Loaded where a person reads: it is a quarter of what a worker takes to start, and most logs go to machines. */
function prettyDestination(output: LogOutput): DestinationStream {
  const pretty = createRequire(import.meta.url)('pino-pretty') as (options: PrettyOptions) => DestinationStream
  return pretty({ destination: output.asStream(), ignore: 'pid,event,role', translateTime: 'HH:MM:ss.l' })
}

/** Whether the log is for a person. */
export function isPretty(format: LogOptions['format']): boolean {
  return format === 'pretty' || (format === 'auto' && process.stdout.isTTY === true)
}
