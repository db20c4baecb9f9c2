/**
 * Owns a shardwire daemon that a command started for itself: its settings, the moment from which it listens, its end.
 * Must not know: what is done with it.
 * Invariant: when `stop` settles the process is gone, by force if need be. It is in a process group of its own: a
 * Ctrl-C that cuts a measurement short must not end the server first.
 */
import type { Clock } from '@shardwire/protocol'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

import { EnvironmentError } from '../exit-codes.ts'

/** Environment variables. */
export type DaemonSettings = Readonly<Record<string, string>>

export interface DaemonParts {
  /** Its entry: a file that Node runs. */
  readonly entry: string
  /** Variables of the environment outweigh these. */
  readonly settings: DaemonSettings
  /** Nothing outweighs these. */
  readonly fixed?: DaemonSettings
  /** Gets all that it says; a file of that name is written anew. */
  readonly logFile: string
  readonly clock: Clock
}

const LOOK_MS = 100
/** Fifty workers on two cores took six seconds. */
const START_MS_MAX = 120_000
const STOP_MS_MAX = 60_000
const TAIL_LINES = 5
const OURS = 'SHARDWIRE_BENCH_'

/**
 * The daemon that stands beside the bench wherever both are installed: the compiled one, from sources too, since its
 * workers are.
 */
export function ownDaemonEntry(): string {
  return fileURLToPath(new URL('../../../server/dist/main.js', import.meta.url))
}

/** What is in effect: variables that whoever called us has set outweigh ours. */
export function effectiveSettings(settings: DaemonSettings, env: NodeJS.ProcessEnv): DaemonSettings {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, env[name] ?? value]))
}

export class Daemon {
  readonly settings: DaemonSettings
  readonly #parts: DaemonParts
  readonly #child: ChildProcess
  readonly #exited = Promise.withResolvers<void>()
  #how: string | null = null
  readonly #onExit = (): void => void this.#child.kill('SIGKILL')

  /** @throws EnvironmentError when it ends, or does not listen, with the last that it said */
  static async start(parts: DaemonParts): Promise<Daemon> {
    const daemon = new Daemon(parts)
    try {
      await daemon.#listening()
    } catch (error) {
      await daemon.stop()
      throw error
    }
    return daemon
  }

  private constructor(parts: DaemonParts) {
    const { entry, logFile, settings, fixed = {} } = parts
    if (statSync(entry, { throwIfNoEntry: false }) === undefined) {
      throw new EnvironmentError('NO_DAEMON', `There is no daemon at ${entry}: name its main file with --daemon.`)
    }
    this.#parts = parts
    this.settings = { ...effectiveSettings(settings, process.env), ...fixed }
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith(OURS))
    const log = openSync(logFile, 'w')
    try {
      this.#child = spawn(process.execPath, [entry], {
        env: { ...Object.fromEntries(own), ...this.settings },
        stdio: ['ignore', log, log],
        detached: true,
      })
    } finally {
      closeSync(log)
    }
    this.#child.once('error', (error) => this.#ended(error.message))
    this.#child.once('exit', (code, signal) => this.#ended(signal ?? `code ${code}`))
    process.once('exit', this.#onExit)
  }

  async stop(): Promise<void> {
    if (this.#how === null) this.#child.kill('SIGTERM')
    const cancel = this.#parts.clock.after(STOP_MS_MAX, () => this.#child.kill('SIGKILL'))
    await this.#exited.promise
    cancel()
    process.off('exit', this.#onExit)
  }

  #ended(how: string): void {
    this.#how ??= how
    this.#exited.resolve()
  }

  async #listening(): Promise<void> {
    const { clock, logFile } = this.#parts
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const endMs = clock.nowMs() + START_MS_MAX
    const cancel = clock.every(LOOK_MS, () => {
      if (readFileSync(logFile, 'utf8').includes('"event":"listening"')) resolve()
      else if (clock.nowMs() > endMs) reject(this.#failure(`The daemon does not listen after ${START_MS_MAX / 1000} s`))
    })
    // The clock does not keep a program alive, the daemon does: when it is gone there is no further look.
    void this.#exited.promise.then(() => reject(this.#failure(`The daemon ended (${this.#how})`)))
    try {
      await promise
    } finally {
      cancel()
    }
  }

  #failure(what: string): EnvironmentError {
    const { logFile } = this.#parts
    const said = readFileSync(logFile, 'utf8').trim().split('\n').slice(-TAIL_LINES)
    return new EnvironmentError('NO_DAEMON', `${what}; ${logFile} ends with:\n${said.join('\n')}`)
  }
}
