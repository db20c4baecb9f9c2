/**
 * Owns telling systemd how the daemon is: ready, reloading, stopping, alive.
 * Must not know: what any of these means for connections.
 * Invariant: without NOTIFY_SOCKET nothing is ever started. Node has no datagrams of Unix sockets, so each word is a
 * `systemd-notify` of its own, started and never waited for: that it is missing, slow or fails costs a line of the log.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { Environment } from './config/read-options.ts'
import type { Logger } from './log.ts'

/** How the daemon is. */
export interface Readiness {
  readonly isReady: boolean
  readonly isStopping: boolean
  readonly reasons: readonly string[]
}

/** Starts `systemd-notify` with these arguments. @param onFailed with why it could not, or did not succeed */
export type Notify = (args: readonly string[], onFailed: (why: string) => void) => void

export interface ServiceManagerParts {
  readonly env: Environment
  readonly pid: number
  readonly clock: Clock
  readonly log: Logger
  readonly notify: Notify
}

const US_PER_MS = 1000
/** Of the time that systemd waits: one word may come late, or be lost. */
const WATCHDOG_PART = 3
const WATCHDOG_MS_MIN = 100
/** What the end takes beyond the drain. */
const STOP_SPARE_MS = 5000

export class ServiceManager {
  readonly #parts: ServiceManagerParts
  readonly #isThere: boolean
  #cancelWatchdog: CancelTimer | undefined
  #hasFailed = false
  #hasStarted = false
  #isStopping = false

  constructor(parts: ServiceManagerParts) {
    this.#parts = parts
    this.#isThere = (parts.env['NOTIFY_SOCKET'] ?? '') !== ''
  }

  /** What is so has changed. @param drainMs what a drain takes at most */
  look({ isReady, isStopping, reasons }: Readiness, drainMs: number): void {
    if (isStopping) this.#stopping(drainMs)
    else if (isReady || this.#hasStarted) this.#started(isReady ? 'ready' : `not ready: ${reasons.join('; ')}`)
  }

  /** From the first moment on at which it is ready it says that it lives. */
  #started(status: string): void {
    if (this.#hasStarted) return this.#tell(`STATUS=${status}`)
    this.#hasStarted = true
    this.#tell('READY=1', `STATUS=${status}`)
    const { clock } = this.#parts
    const everyMs = this.#watchdogMs()
    if (everyMs !== undefined) this.#cancelWatchdog ??= clock.every(everyMs, () => this.#tell('WATCHDOG=1'))
  }

  /** The unit's own time to stop is as long as a drain, whatever the unit says. */
  #stopping(drainMs: number): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#tell('STOPPING=1', 'STATUS=draining', `EXTEND_TIMEOUT_USEC=${(drainMs + STOP_SPARE_MS) * US_PER_MS}`)
  }

  /** The process ends. */
  close(): void {
    this.#cancelWatchdog?.()
    this.#cancelWatchdog = undefined
  }

  /** How often it is to be told; undefined where it is not, or this is about another process. */
  #watchdogMs(): number | undefined {
    const { env, pid } = this.#parts
    const limitUs = Number(env['WATCHDOG_USEC'] ?? '')
    const about = env['WATCHDOG_PID'] ?? ''
    if (!this.#isThere || !(limitUs > 0) || (about !== '' && about !== String(pid))) return undefined
    return Math.max(WATCHDOG_MS_MIN, Math.floor(limitUs / US_PER_MS / WATCHDOG_PART))
  }

  #tell(...words: readonly string[]): void {
    if (!this.#isThere) return
    this.#parts.notify(words, (why) => {
      if (this.#hasFailed) return
      this.#hasFailed = true
      const text = `systemd is not told how the daemon is: systemd-notify ${why}`
      this.#parts.log.warn({ event: 'notify-failed', class: 'system' }, text)
    })
  }
}

/** Starts the program that systemd comes with. */
export const systemdNotify: Notify = (args, onFailed) => {
  let child: ChildProcess
  try {
    child = spawn('systemd-notify', args, { stdio: 'ignore' })
  } catch (error) {
    // Out of processes, or of descriptors.
    return onFailed(`could not be started: ${error instanceof Error ? error.message : String(error)}`)
  }
  child.once('error', (error) => onFailed(`could not be started: ${error.message}`))
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) onFailed(`exits with ${code}`)
  })
  child.unref()
}
