/**
 * Owns watching what runs behind a middleware, sync or not.
 * Must not know: what is done with what is seen.
 * Invariant: what comes back is what `next` gave; no promise is made where it gave none.
 */
import { errorName, HANDLER_FAILED, ShardwireError } from '@shardwire/protocol'
import type { Clock } from '@shardwire/protocol'
import type { Next } from '../service/middleware.ts'
import { isPromise } from '../service/promise.ts'

/** How it went. */
export interface Outcome {
  /** From the frame's coming to the answer's being there, in milliseconds. */
  readonly durationMs: number
  /** Name of the error that the caller gets; undefined where it gets an answer. */
  readonly error: string | undefined
}

/** Runs the rest, and tells how it went once it is over. */
export function observe(next: Next, clock: Clock, done: (outcome: Outcome) => void): unknown {
  const startedMs = clock.nowMs()
  const tell = (error: string | undefined): void => done({ durationMs: clock.nowMs() - startedMs, error })
  const failed = (error: unknown): never => {
    tell(error instanceof ShardwireError ? error.name : errorName(HANDLER_FAILED))
    throw error
  }
  let result: unknown
  try {
    result = next()
  } catch (error) {
    return failed(error)
  }
  if (!isPromise(result)) {
    tell(undefined)
    return result
  }
  return Promise.resolve(result).then((value) => {
    tell(undefined)
    return value
  }, failed)
}
