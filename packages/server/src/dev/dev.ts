/**
 * Owns `shardwire dev`: the daemon as a child of this process, told to reload when a file of its service changes.
 * Must not know: how the daemon reloads.
 * Invariant: the daemon is the same that `serve` runs, with other defaults; a signal for this process is one for it,
 * and its end is this one's, but for a start that failed: then the next change starts it again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../clock.ts'
import { OPTIONS } from '../config/options.ts'
import { EXIT_CONFIG, EXIT_START } from '../serve.ts'
import { FileWatch } from './file-watch.ts'
import { ModuleList } from './module-list.ts'
import { devArgument } from './set-by-dev.ts'

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))
const PRELOAD = new URL('./modules-main.js', import.meta.url).href
/** A terminal signals the daemon, too: twice within a second counts as once there. */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** What holds where the environment says nothing: one worker to look at, its log for people, mistakes told. */
const DEFAULTS: Readonly<Record<string, string>> = {
  [OPTIONS.workers.name]: '1',
  [OPTIONS.logFormat.name]: 'pretty',
  [OPTIONS.debugViews.name]: 'true',
  // A change is wanted now, not when the last handler is done.
  [OPTIONS.drainTimeoutMs.name]: '2000',
}

/** Runs the daemon with this service until it is told to stop. @returns the exit code */
export async function dev(path: string, writeError: (text: string) => void): Promise<number> {
  if (!existsSync(path)) {
    writeError(`shardwire dev: there is no ${resolve(path)}; expected the module of a service, such as ./service.ts\n`)
    return EXIT_CONFIG
  }
  const session = new DevSession(path, writeError)
  try {
    return await session.run()
  } finally {
    session.close()
  }
}

class DevSession {
  readonly #path: string
  readonly #write: (text: string) => void
  readonly #files: FileWatch
  readonly #modules: ModuleList
  readonly #end = Promise.withResolvers<number>()
  readonly #signals: readonly (() => void)[]
  #daemon: ChildProcess | undefined
  /** Something has changed since the daemon began to start: if that fails, it may be what has been mended. */
  #isOutdated = false

  constructor(path: string, write: (text: string) => void) {
    this.#path = path
    this.#write = write
    this.#files = new FileWatch({ clock: systemClock, onChange: (files) => this.#changed(files) })
    this.#files.add(resolve(path))
    this.#modules = new ModuleList((file) => this.#files.add(file))
    this.#signals = this.#obey()
  }

  async run(): Promise<number> {
    this.#start()
    return await this.#end.promise
  }

  close(): void {
    for (const off of this.#signals) off()
    this.#files.close()
    this.#modules.close()
  }

  #start(): void {
    const set = Object.entries(process.env).filter(([, value]) => value !== undefined && value.trim() !== '')
    const env = { ...DEFAULTS, ...Object.fromEntries(set), [OPTIONS.service.name]: this.#path }
    const isSet = new Set(set.map(([name]) => name))
    const own = [...Object.keys(DEFAULTS).filter((name) => !isSet.has(name)), OPTIONS.service.name]
    const args = [...process.execArgv, '--import', this.#modules.preload(PRELOAD), MAIN, 'serve', devArgument(own)]
    const daemon = spawn(process.execPath, args, { stdio: 'inherit', env })
    this.#daemon = daemon
    this.#isOutdated = false
    daemon.once('error', (error) => {
      this.#write(`shardwire dev: the daemon cannot be started: ${error.message}\n`)
      this.#end.resolve(EXIT_START)
    })
    daemon.once('close', (code, signal) => this.#ended(code, signal))
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#daemon = undefined
    // It was so young that it did not know yet what SIGHUP means.
    if (signal === 'SIGHUP' || (code === EXIT_START && this.#isOutdated)) this.#start()
    else if (code === EXIT_START)
      this.#write(`shardwire dev: waiting for a change of ${basename(this.#path)} to try again\n`)
    else this.#end.resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
  }

  #changed(seen: readonly string[]): void {
    const files = seen.filter((file) => file === resolve(this.#path) || this.#modules.isUsed(file))
    if (files.length === 0) return
    this.#modules.begin()
    const names = files.map((file) => relative(process.cwd(), file)).join(', ')
    this.#write(`shardwire dev: ${names} changed\n`)
    if (this.#daemon === undefined) return this.#start()
    this.#isOutdated = true
    this.#daemon.kill('SIGHUP')
  }

  #obey(): readonly (() => void)[] {
    return FORWARDED.map((name) => {
      const heard = (): void => this.#forward(name)
      process.on(name, heard)
      return () => process.off(name, heard)
    })
  }

  /** While it waits for a change, nothing is left to be told. */
  #forward(name: NodeJS.Signals): void {
    if (this.#daemon === undefined) this.#end.resolve(0)
    else this.#daemon.kill(name)
  }
}
