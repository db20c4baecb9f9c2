/**
 * Owns how a worker's process is started: its environment and V8's limits.
 * Must not know: slots, messages.
 * Invariant: it never throws. A process that the system would not start ends like any other, with the system's negative
 * error number as its code: whoever starts workers again is to try later, and the daemon to go on with those it has.
 */
import { ChildProcess, fork } from 'node:child_process'
import type { Config } from '../config/load-config.ts'
import { withoutSecretNames } from '../config/secrets.ts'
import type { Environment } from '../config/read-options.ts'
import { keepLogFromBlocking } from '../log-output.ts'

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
  try {
    const child = fork(module, { env: workerEnv, execArgv: [...process.execArgv, ...heapFlags(config)] })
    keepLogFromBlocking()
    return child
  } catch (error) {
    // Some errors of the system (EAGAIN, EMFILE) Node tells by events, others (ENOMEM) it throws.
    if (!(error instanceof Error && 'errno' in error && typeof error.errno === 'number')) throw error
    return stillborn(error.errno)
  }
}

/** A process that never was: it says so like one that ended. */
function stillborn(errno: number): ChildProcess {
  const child = new ChildProcess()
  setImmediate(() => child.emit('close', errno, null))
  return child
}

function heapFlags({ heapMb, semiSpaceMb }: Config): string[] {
  const heap = `--max-old-space-size=${heapMb}`
  return semiSpaceMb === 0 ? [heap] : [heap, `--max-semi-space-size=${semiSpaceMb}`]
}
