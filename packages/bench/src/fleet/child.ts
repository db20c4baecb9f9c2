/**
 * Owns one process of the bench as the coordinator sees it: forking it, messages to it and from it, and its end.
 * Must not know: other processes, what they are for.
 * Invariant: after `exited` resolves the process is gone. Whatever happens to the coordinator, the process ends itself
 * when the channel closes.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export interface ChildEvents<Message> {
  onMessage(index: number, message: Message): void
  /** @param how code or signal, in words */
  onExit(index: number, how: string): void
}

/** What the coordinator does with a process. */
export interface BenchProcess<Order> {
  readonly index: number
  /** Undefined when it never began. */
  readonly pid: number | undefined
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>
  /** Sends a message; to a process that is gone it is dropped, and its exit tells. */
  send(order: Order): void
  /** Closes the channel, at which the process ends. */
  release(): void
  kill(): void
}

/** A kind of process: where it begins, and how its messages are known. */
export interface ProcessKind<Message> {
  /** Folder of `main` beneath src. */
  readonly folder: string
  /** Flags for its Node. */
  readonly nodeFlags?: readonly string[]
  readonly isMessage: (value: unknown) => value is Message
}

/** From sources the first file is TypeScript and packages are found by their sources too. */
const FROM_SOURCE = import.meta.url.endsWith('.ts')

export class Child<Order extends object, Message> implements BenchProcess<Order> {
  readonly index: number
  readonly exited: Promise<void>
  readonly #child: ChildProcess

  constructor(
    { folder, nodeFlags = [], isMessage }: ProcessKind<Message>,
    index: number,
    events: ChildEvents<Message>,
  ) {
    this.index = index
    const entry = fileURLToPath(new URL(`../${folder}/main.${FROM_SOURCE ? 'ts' : 'js'}`, import.meta.url))
    const execArgv = [...process.execArgv, ...(FROM_SOURCE ? ['--conditions=source'] : []), ...nodeFlags]
    const child = fork(entry, [], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child = child
    child.on('message', (message: unknown) => {
      if (!isMessage(message)) throw new Error(`no message of a ${folder} process: ${JSON.stringify(message)}`)
      events.onMessage(index, message)
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.exited = promise
    child.once('error', (error) => {
      // Without a process id it never began, and no exit will follow.
      if (child.pid === undefined) resolve()
      events.onExit(index, error.message)
    })
    child.once('exit', (code, signal) => {
      resolve()
      events.onExit(index, signal === null ? `code ${code}` : signal)
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  send(order: Order): void {
    if (this.#child.connected) this.#child.send(order, () => {})
  }

  release(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Ends processes: by closing their channels, and by force when that is not enough after `patienceMs`. */
export async function endAll(
  children: readonly BenchProcess<never>[],
  after: (delayMs: number, task: () => void) => () => void,
  patienceMs: number,
): Promise<void> {
  for (const child of children) child.release()
  const cancel = after(patienceMs, () => {
    for (const child of children) child.kill()
  })
  await Promise.all(children.map((child) => child.exited))
  cancel()
}
