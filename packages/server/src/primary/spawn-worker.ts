/**
 * Owns how a worker's process is started: its environment and V8's limits.
 * Must not know: slots, messages.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { Config } from '../config/load-config.ts'
import { withoutSecretNames } from '../config/secrets.ts'
import type { Environment } from '../config/read-options.ts'

/**
 * For glibc; elsewhere they mean nothing. Without a fixed threshold malloc stops mapping large blocks once one was
 * freed, and the heap they are in then shrinks no further than to what still lives at its end. An arena for each of
 * V8's threads costs 3 MB.
 */
const MALLOC_SETTINGS = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '131072' }

/** What the workers of one reading of the environment are started with. */
export interface Generation {
  readonly config: Config
  /** With what the file of SHARDWIRE_ENV_FILE set. */
  readonly env: Environment
}

export function spawnWorker(module: string, { config, env }: Generation): ChildProcess {
  const workerEnv = { ...MALLOC_SETTINGS, ...withoutSecretNames(env) }
  return fork(module, { env: workerEnv, execArgv: [...process.execArgv, ...heapFlags(config)] })
}

function heapFlags({ heapMb, semiSpaceMb }: Config): string[] {
  const heap = `--max-old-space-size=${heapMb}`
  return semiSpaceMb === 0 ? [heap] : [heap, `--max-semi-space-size=${semiSpaceMb}`]
}
