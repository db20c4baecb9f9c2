/** Owns a worker process in memory, as far as its slot knows it: what it was told, and how it ends. */
import { ChildProcess } from 'node:child_process'
import { WorkerProcess, type WorkerObserver } from '../../src/primary/worker-process.ts'
import type { Config } from '../../src/config/load-config.ts'

/** Tells nobody anything. */
const NOBODY = new Proxy<WorkerObserver>({} as WorkerObserver, { get: () => () => undefined })

export interface FakeWorker {
  readonly process: WorkerProcess
  /** Types of the messages that it was sent. */
  readonly told: string[]
  readonly isKilled: () => boolean
}

/** @param pid a number for the log */
export function fakeWorker(slot: number, pid: number, config: Config, startedAtMs: number): FakeWorker {
  const told: string[] = []
  let killed = false
  const child = Object.assign(new ChildProcess(), {
    pid,
    connected: true,
    send: (message: { readonly type: string }) => told.push(message.type) > 0,
    kill: () => (killed = true),
  })
  const life = { slot, epoch: `life-${pid}`, config, startedAtMs }
  return { process: new WorkerProcess(child, life, NOBODY), told, isKilled: () => killed }
}
