/**
 * Owns what SIGHUP does: reading the environment again, judging it, and one reload at a time.
 * Must not know: signals, how workers are replaced.
 * Invariant: whatever is wrong is said, all of it, and nothing has changed then. Asked again during a reload, one more
 * follows, which reads what is there by then.
 */
import type { Clock } from '@shardwire/protocol'
import { changesBetween } from './config/changes.ts'
import { formatProblems } from './config/format.ts'
import { type Config, type LoadedConfig, loadConfig } from './config/load-config.ts'
import type { Machine } from './config/machine.ts'
import type { Problem } from './config/problem.ts'
import type { Environment, ReadFile } from './config/read-options.ts'
import type { Logger } from './log.ts'
import { StartError } from './primary/entrance.ts'
import type { Primary } from './primary/primary.ts'

export interface ReloadsOptions {
  readonly env: Environment
  /** As it was at the start: defaults that follow from it must not look like changes. */
  readonly machine: Machine
  readonly readFile: ReadFile
  /** What of a configuration this system can do. */
  readonly possible: (config: Config) => Config
  readonly clock: Clock
  readonly log: Logger
  readonly primary: Primary
  /** What whoever mended something is to do: `send SIGHUP again`. */
  readonly again: string
}

/** How reloads went, and whether one is under way. */
export interface ReloadState {
  done: number
  /** Some slots kept the worker that they had. */
  failed: number
  /** Nothing was begun. */
  refused: number
  /** Seconds since 1970; 0 before there was one. */
  lastDoneAtSeconds: number
  isRunning: boolean
  /** Of the last one; null before there was one. */
  lastOutcome: 'done' | 'failed' | 'refused' | null
  /** Why it was refused. */
  lastProblems: readonly string[]
}

const MS_PER_S = 1000

export class Reloads {
  readonly state: ReloadState = {
    done: 0,
    failed: 0,
    refused: 0,
    lastDoneAtSeconds: 0,
    isRunning: false,
    lastOutcome: null,
    lastProblems: [],
  }
  readonly #options: ReloadsOptions
  #isWanted = false

  constructor(options: ReloadsOptions) {
    this.#options = options
  }

  /** Reads everything again and replaces the workers; in the middle of a reload: once more after it. */
  async request(reason: string): Promise<void> {
    const { log, primary } = this.#options
    if (primary.isStopping) {
      log.info({ event: 'reload-ignored', reason }, `${reason}: not reloaded, the daemon is stopping`)
      return
    }
    this.#isWanted = true
    if (this.state.isRunning || !primary.hasStarted) {
      const text = `${reason}: ${this.state.isRunning ? 'a reload is under way' : 'still starting'}; one more follows`
      log.info({ event: 'reload-queued', reason }, text)
      return
    }
    await this.#run()
  }

  /** To be called once the daemon has started: what was asked for meanwhile is done. */
  async started(): Promise<void> {
    if (this.#isWanted) await this.#run()
  }

  async #run(): Promise<void> {
    this.state.isRunning = true
    try {
      while (this.#isWanted && !this.#options.primary.isStopping) {
        this.#isWanted = false
        await this.#reload()
      }
    } finally {
      this.state.isRunning = false
    }
  }

  async #reload(): Promise<void> {
    const { env, machine, readFile, possible, primary, again } = this.#options
    const loaded: LoadedConfig = loadConfig(env, machine, readFile)
    if (!loaded.ok) return this.#refuse([...loaded.problems, ...this.#fixed(loaded)])
    const config = possible(loaded.config)
    const { names, problems } = changesBetween(primary.config, config)
    if (problems.length > 0) return this.#refuse(problems)
    try {
      const isDone = await primary.reload({ config, env: loaded.env }, names, again)
      this.#ended(isDone ? 'done' : 'failed', [])
      if (isDone) this.state.lastDoneAtSeconds = this.#options.clock.wallMs() / MS_PER_S
    } catch (error) {
      if (!(error instanceof StartError)) throw error
      this.#tellRefusal([error.message], error.message)
    }
    return undefined
  }

  /** What needs a restart of what is right: so that whoever mends the rest is not refused once more. */
  #fixed({ attempt, sound }: Extract<LoadedConfig, { ok: false }>): Problem[] {
    const { possible, primary } = this.#options
    return changesBetween(primary.config, possible(attempt)).problems.filter(({ name }) => sound.has(name))
  }

  #ended(outcome: 'done' | 'failed' | 'refused', problems: readonly string[]): void {
    this.state[outcome]++
    this.state.lastOutcome = outcome
    this.state.lastProblems = problems
  }

  #refuse(problems: readonly Problem[]): void {
    this.#tellRefusal(
      problems.map(({ message, expected }) => `${message}; expected: ${expected}`),
      formatProblems(problems),
    )
  }

  #tellRefusal(problems: readonly string[], text: string): void {
    this.#ended('refused', problems)
    const words = `reload refused, nothing has changed: ${text}\nMend it and ${this.#options.again}`
    this.#options.log.error({ event: 'reload-refused', class: 'system', problems }, words)
  }
}
