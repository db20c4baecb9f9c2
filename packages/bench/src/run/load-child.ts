/**
 * Owns one load process as the coordinator sees it: forking it, messages to it and from it, and its end.
 * Must not know: other load processes, the course of a run.
 * Invariant: after `exited` resolves the process is gone. Whatever happens to the coordinator, the process ends itself
 * when the channel closes.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

import { isLoadMessage } from '../messages.ts'
import type { CoordinatorMessage, LoadMessage } from '../messages.ts'

export interface LoadChildEvents {
  onMessage(index: number, message: LoadMessage): void
  /** @param how code or signal, in words */
  onExit(index: number, how: string): void
}

/** From sources the first file is TypeScript and packages are found by their sources too. */
const FROM_SOURCE = import.meta.url.endsWith('.ts')
const ENTRY = fileURLToPath(new URL(`../load/main.${FROM_SOURCE ? 'ts' : 'js'}`, import.meta.url))

/** What the coordinator does with a load process. */
export interface LoadProcess {
  readonly index: number
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>
  send(message: CoordinatorMessage): void
  release(): void
  kill(): void
}

export class LoadChild implements LoadProcess {
  readonly index: number
  readonly exited: Promise<void>
  readonly #child: ChildProcess

  constructor(index: number, events: LoadChildEvents) {
    this.index = index
    const execArgv = FROM_SOURCE ? [...process.execArgv, '--conditions=source'] : process.execArgv
    const child = fork(ENTRY, [], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child = child
    child.on('message', (message: unknown) => {
      if (!isLoadMessage(message)) throw new Error(`no message of a load process: ${JSON.stringify(message)}`)
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

  /** Sends a message; to a process that is gone it is dropped, and its exit tells. */
  send(message: CoordinatorMessage): void {
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  /** Closes the channel, at which the process ends. */
  release(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
