/**
 * Owns every process that a run starts: what it prints, its end, and that it ends with us.
 * Must not know: what the programs do.
 * Invariant: no process outlives the run: `endAll` kills what is left, and so does the end of this process, however it
 * comes but by SIGKILL.
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** How long a process that was asked to end may take. */
const STOP_LIMIT_MS = 3000
const STDERR_KEPT_CHARACTERS = 4000

export interface Ended {
  /** null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of what it wrote there. */
  readonly stderr: string
}

/** A program that did not do what it was started for; `ended` says more where it has ended. */
export class ProgramFailed extends Error {
  readonly ended: Ended | null

  constructor(name: string, ended: Ended | null, what: string) {
    const words = ended === null ? '' : `: ${ended.stderr.trim() || describeEnd(ended)}`
    super(`${name} ${what}${words}`)
    this.ended = ended
  }
}

function describeEnd({ code, signal }: Ended): string {
  return signal === null ? `exit code ${code}` : `ended by ${signal}`
}

export class Child {
  readonly name: string
  readonly pid: number
  readonly ended: Promise<Ended>
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #lines: AsyncIterator<string>

  constructor(name: string, command: readonly string[], environment: NodeJS.ProcessEnv) {
    const [program = '', ...args] = command
    this.name = name
    // A group of its own: a Ctrl-C reaches us alone, and we end what we started in our own order.
    this.#process = spawn(program, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    this.pid = this.#process.pid ?? 0
    let stderr = ''
    this.#process.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-STDERR_KEPT_CHARACTERS)
    })
    // Whoever waits for its lines learns of its end from them.
    this.#process.stdin.on('error', () => undefined)
    const { promise, resolve } = Promise.withResolvers<Ended>()
    this.#process.once('error', (cause) => resolve({ code: 1, signal: null, stderr: cause.message }))
    this.#process.once('close', (code, signal) => resolve({ code, signal, stderr }))
    this.ended = promise
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  /** The next line of its stdout. Throws ProgramFailed when it ends without one. */
  async nextLine(): Promise<string> {
    const next = await this.#lines.next()
    if (next.done !== true) return next.value
    throw new ProgramFailed(this.name, await this.ended, 'ended early')
  }

  /** Reads and forgets the rest of its stdout, so that it never blocks on a full pipe. */
  async drain(): Promise<void> {
    while ((await this.#lines.next()).done !== true);
  }

  writeLine(text: string): void {
    this.#process.stdin.write(`${text}\n`)
  }

  kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // Its whole group has gone already.
    }
  }

  /** Asks it to end, insists after a while, and waits until it has gone. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    const insist = setTimeout(() => this.kill(), STOP_LIMIT_MS)
    await this.ended
    clearTimeout(insist)
    // Workers whose primary was killed.
    this.kill()
  }
}

export class Children {
  readonly #running = new Set<Child>()
  #isOver = false

  constructor() {
    process.once('exit', () => this.endAll())
  }

  start(name: string, command: readonly string[], environment: NodeJS.ProcessEnv = process.env): Child {
    if (this.#isOver) throw new ProgramFailed(name, null, 'was not started: the run is over')
    const child = new Child(name, command, environment)
    this.#running.add(child)
    void child.ended.then(() => this.#running.delete(child))
    return child
  }

  /** Runs a program to its end. @returns its stdout; throws ProgramFailed unless it exits with 0 */
  async run(name: string, command: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<string> {
    const child = this.start(name, command, environment)
    const lines: string[] = []
    for (;;) {
      const line = await child.nextLine().catch(() => undefined)
      if (line === undefined) break
      lines.push(line)
    }
    const ended = await child.ended
    if (ended.code !== 0) throw new ProgramFailed(name, ended, 'failed')
    return lines.join('\n')
  }

  /** Kills what runs; nothing starts from now on. */
  endAll(): void {
    this.#isOver = true
    for (const child of this.#running) child.kill()
  }
}

/** Waits `ms`. Only for what cannot be waited for otherwise: memory that settles in another process. */
export async function pause(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setTimeout(resolve, ms)
  await promise
}
