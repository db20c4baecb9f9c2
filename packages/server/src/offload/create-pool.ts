/**
 * Owns making the pool of a worker: piscina, our thread's module and the configuration put together.
 * Must not know: routes.
 * Invariant: nothing is loaded and no thread is started before the first task comes.
 */
import { fileURLToPath } from 'node:url'
import type { Clock } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import type { Logger } from '../log.ts'
import { OffloadPool } from './offload-pool.ts'
import { Threads } from './threads.ts'

/** After which an idle thread ends. */
const IDLE_MS = 10_000
/** Of what all buffers of the worker may take, the part that bodies of waiting requests may. */
const QUEUE_BYTES_PART = 0.25

export interface PoolOptions {
  readonly config: Config
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  readonly log: Logger
}

export function createPool({ config, clock, random, log }: PoolOptions): OffloadPool {
  const { offloadThreads: max, offloadQueue: queueMax, maxBufferBytes, heapMb } = config
  const onFault = (error: Error): void => {
    const text = 'a thread failed while it had nothing to do: look for what a task leaves behind when it returns'
    log.error({ event: 'thread-failed', class: 'system', err: error }, text)
  }
  return new OffloadPool({
    clock,
    random,
    threadsMax: max,
    queueMax,
    queueBytesMax: maxBufferBytes * QUEUE_BYTES_PART,
    open: async (events) => {
      const { Piscina: piscina } = await import('piscina')
      return new Threads({ piscina, threadModule: threadModule(), max, idleMs: IDLE_MS, heapMb, onFault, ...events })
    },
  })
}

/** Beside this file, in the form that this file has: TypeScript in the source, JavaScript in the build. */
export function threadModule(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return fileURLToPath(new URL(`./thread-main.${extension}`, import.meta.url))
}
