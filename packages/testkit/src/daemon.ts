/**
 * Owns a shardwire daemon as a process of its own, started for one test and gone after it.
 * Must not know: how the daemon works; it is asked through its command line, environment, log and signals only.
 * Invariant: the daemon's process group never outlives this process, however this process ends: a guard process holds
 * the other end of a pipe to it and kills the group when that pipe breaks.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Stream } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { withinLimit } from './time-limit.ts'

/** One line of the daemon's log. */
export type LogRecord = Readonly<Record<string, unknown>>

export interface DaemonExit {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface DaemonAddress {
  readonly address: string
  readonly port: number
}

export interface DaemonWorker {
  readonly slot: number
  readonly pid: number
}

export interface DaemonOptions {
  /** The program to run instead of the daemon's build: a path to a JavaScript file. */
  readonly main?: string
  readonly args?: readonly string[]
  /** Flags for node itself. */
  readonly execArgv?: readonly string[]
  readonly cwd?: string
  /** Handles or streams that it gets as descriptors 3 and on. */
  readonly inherited?: readonly (Stream | 'ignore')[]
  /** Most files that it and its workers may each have open. */
  readonly descriptorLimit?: number
  /** The test is about handlers that misuse what they are lent: else `stop` rejects when one did. */
  readonly misusesViews?: true
}

const DAEMON_MAIN = fileURLToPath(new URL('../../server/dist/main.js', import.meta.url))
const DEFAULT_ENVIRONMENT = {
  SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0',
  SHARDWIRE_ADMIN: 'off',
  // Misuse of lent memory shows in every test, not only in those about it.
  SHARDWIRE_DEBUG_VIEWS: 'true',
  SHARDWIRE_LOG_FORMAT: 'json',
  SHARDWIRE_WORKERS: '2',
}
/** Its name is the limit; the arguments are the command. */
const LIMIT_SCRIPT = 'ulimit -n "$0" && exec "$@"'
/** `read` returns when the pipe breaks. A terminal's signals are for the test process, which breaks it by dying. */
const GUARD_SCRIPT = `trap '' INT TERM HUP; read _; kill -s KILL -- "-$1"`

export class Daemon {
  /** All log records so far. */
  readonly records: LogRecord[] = []
  /** Lines of stdout that were no JSON. */
  readonly otherLines: string[] = []
  /** Settles when the daemon itself is gone. */
  readonly exited: Promise<DaemonExit>
  readonly #process: ChildProcess
  readonly #guard: ChildProcess
  readonly #watchers = new Set<() => void>()
  readonly #misusesViews: boolean
  #stderr = ''
  #exit: DaemonExit | undefined

  constructor(environment: Readonly<Record<string, string>>, options: DaemonOptions) {
    const { execArgv = [], main = DAEMON_MAIN, args = ['serve'], cwd, descriptorLimit, inherited = [] } = options
    const command = [process.execPath, ...execArgv, main, ...args]
    const [program = '', ...rest] =
      descriptorLimit === undefined ? command : ['/bin/sh', '-c', LIMIT_SCRIPT, String(descriptorLimit), ...command]
    const child = spawn(program, rest, {
      env: { ...cleanEnvironment(), ...DEFAULT_ENVIRONMENT, ...settingsUnderTest(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe', ...inherited],
      detached: true,
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.#process = child
    this.#misusesViews = options.misusesViews === true
    this.#guard = guardGroup(this.pid)
    this.exited = this.#watchExit()
    const { stdout, stderr } = child
    if (stdout === null || stderr === null) throw new Error('the daemon has no output')
    createInterface({ input: stdout }).on('line', (line) => {
      this.#addLine(line)
    })
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
  }

  get pid(): number {
    const { pid } = this.#process
    if (pid === undefined) throw new Error('the daemon did not start')
    return pid
  }

  /** All that came on stderr so far. */
  get stderr(): string {
    return this.#stderr
  }

  /** Where it listens, in the order of its configuration. Throws before it does. */
  get addresses(): readonly DaemonAddress[] {
    return this.#listening('addresses', isAddress)
  }

  /** Port of the first address. */
  get port(): number {
    const [first] = this.addresses
    if (first === undefined) throw new Error('the daemon listens on no address')
    return first.port
  }

  /** `http://host:port` of its admin server. Throws where it has none: tests have none unless they say so. */
  get admin(): string {
    const admin = this.records.find(isListening)?.['admin']
    if (typeof admin !== 'string') throw new Error(`the daemon has no admin server\n${this.describe()}`)
    return admin
  }

  /** The workers that it started with. */
  get workers(): readonly DaemonWorker[] {
    return this.#listening('workers', isWorker)
  }

  /** The first record, past or future, that `predicate` accepts. Rejects when the daemon is gone before one comes. */
  async waitFor(predicate: (record: LogRecord) => boolean): Promise<LogRecord> {
    const found = Promise.withResolvers<LogRecord>()
    let seen = 0
    const check = (): void => {
      for (; seen < this.records.length; seen++) {
        const record = this.records[seen]
        if (record !== undefined && predicate(record)) found.resolve(record)
      }
      if (this.#exit !== undefined) found.reject(new Error(`no such record before the end\n${this.describe()}`))
    }
    this.#watchers.add(check)
    check()
    return await withinLimit(found.promise, () => `no such record\n${this.describe()}`).finally(() => {
      this.#watchers.delete(check)
    })
  }

  /** Sends a signal to the daemon's first process or, as a terminal would, to its whole group. */
  signal(name: NodeJS.Signals, options: { readonly group?: boolean } = {}): void {
    if (options.group !== true) this.#process.kill(name)
    else signalGroup(this.pid, name)
  }

  /**
   * SIGTERM. @returns the exit code. Rejects when a signal ended it, or nothing did within the limit, or a handler
   * misused what it was lent.
   */
  async stop(): Promise<number> {
    this.signal('SIGTERM')
    const { code, signal } = await withinLimit(this.exited, () => `no exit after SIGTERM\n${this.describe()}`)
    if (code === null) throw new Error(`ended by ${signal ?? 'nothing'} instead of an exit code\n${this.describe()}`)
    if (!this.#misusesViews && this.records.some(({ event }) => event === 'view-misused')) {
      throw new Error(`a handler misused what it was lent\n${this.describe()}`)
    }
    return code
  }

  /** What a person needs to see when a test about it fails. */
  describe(): string {
    const state = this.#exit === undefined ? 'running' : `exited with ${this.#exit.code ?? this.#exit.signal ?? '?'}`
    const log = this.records.map((record) => JSON.stringify(record))
    return [`daemon ${this.pid} ${state}`, ...log, ...this.otherLines, this.#stderr].join('\n')
  }

  /** Kills what is left of its group, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    signalGroup(this.pid, 'SIGKILL')
    await this.exited
    this.#guard.kill('SIGKILL')
  }

  async #watchExit(): Promise<DaemonExit> {
    // `close`, not `exit`: by then every line that it wrote has been read.
    const [code, signal] = (await once(this.#process, 'close')) as [number | null, NodeJS.Signals | null]
    this.#exit = { code, signal }
    for (const check of this.#watchers) check()
    return this.#exit
  }

  #addLine(line: string): void {
    const record = parseRecord(line)
    if (record === undefined) this.otherLines.push(line)
    else this.records.push(record)
    for (const check of this.#watchers) check()
  }

  #listening<T>(key: string, isItem: (value: unknown) => value is T): T[] {
    const record = this.records.find(isListening)
    if (record === undefined) throw new Error(`the daemon does not listen\n${this.describe()}`)
    const list = record[key]
    if (!Array.isArray(list)) throw new Error(`no ${key} in ${JSON.stringify(record)}`)
    return list.filter(isItem)
  }
}

/**
 * Starts the daemon's build and waits until it listens: on a free port of 127.0.0.1 with two workers, unless
 * `environment` says otherwise. Variables named SHARDWIRE_* of this process are not handed on.
 */
export async function startDaemon(
  environment: Readonly<Record<string, string>> = {},
  options: DaemonOptions = {},
): Promise<Daemon> {
  const daemon = new Daemon(environment, options)
  try {
    await daemon.waitFor(isListening)
    return daemon
  } catch (error) {
    await daemon[Symbol.asyncDispose]()
    throw error
  }
}

function isListening(record: LogRecord): boolean {
  return record['event'] === 'listening'
}

function isAddress(value: unknown): value is DaemonAddress {
  return typeof value === 'object' && value !== null && 'port' in value && typeof value.port === 'number'
}

function isWorker(value: unknown): value is DaemonWorker {
  return typeof value === 'object' && value !== null && 'pid' in value && typeof value.pid === 'number'
}

function parseRecord(line: string): LogRecord | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as LogRecord
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The suite runs once on each way of driving and of accepting sockets; the later runs name their way here. */
function settingsUnderTest(): Record<string, string> {
  const transport = process.env['TEST_DAEMON_TRANSPORT']
  const accept = process.env['TEST_DAEMON_ACCEPT']
  const workers = process.env['TEST_DAEMON_WORKERS']
  return {
    ...(transport === undefined ? {} : { SHARDWIRE_TRANSPORT: transport }),
    ...(accept === undefined ? {} : { SHARDWIRE_ACCEPT: accept }),
    ...(workers === undefined ? {} : { SHARDWIRE_WORKERS: workers }),
  }
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SHARDWIRE_')))
}

function guardGroup(leader: number): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'guard', String(leader)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.unref()
  return guard
}

function signalGroup(leader: number, name: NodeJS.Signals): void {
  try {
    process.kill(-leader, name)
  } catch (error) {
    // Nobody is left in the group: that is what a signal to it was for.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
