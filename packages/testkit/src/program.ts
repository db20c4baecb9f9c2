/**
 * Owns a program as a process of its own, for a test that uses it as a person would: what it prints is read line by
 * line, what it is told goes to its standard input.
 * Must not know: what the program does.
 * Invariant: disposing leaves no process behind.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { eventually } from './eventually.ts'
import { withinLimit } from './time-limit.ts'

export class Program implements AsyncDisposable {
  /** What it has printed, to standard output and standard error. */
  readonly lines: string[] = []
  readonly #process: ChildProcess
  readonly #exited: Promise<unknown>

  /**
   * Runs a file by the Node that runs the test.
   * @param environment beside that of the test
   */
  constructor(file: URL, args: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) {
    this.#process = spawn(process.execPath, [file.pathname, ...args], { env: { ...process.env, ...environment } })
    this.#exited = once(this.#process, 'close')
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.lines.push(line))
    }
  }

  say(line: string): void {
    this.#process.stdin?.write(`${line}\n`)
  }

  /** Waits until it has printed `line`. */
  async printed(line: string): Promise<void> {
    await eventually(
      () => this.lines.includes(line),
      () => `${JSON.stringify(line)} was to be printed; there is ${JSON.stringify(this.lines)}`,
    )
  }

  /** Waits for its end. @returns all that it printed */
  async ended(): Promise<readonly string[]> {
    await withinLimit(this.#exited, () => `it did not end; it has printed ${JSON.stringify(this.lines)}`)
    return this.lines
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }
}
