/** Owns every message between a worker and its threads. Plain data: they are cloned or transferred. */
import type { Metadata } from '@shardwire/protocol'
import type { TaskPlace } from './task.ts'

/** Values of `Assignment.flag[0]`. */
export const FLAG_RUNS = 0
/** The task has ended: whoever waits for it to be aborted waits no more. From 1 on it is aborted: an error's code. */
export const FLAG_ENDED = -1

/** One task for a thread. */
export interface Assignment extends TaskPlace {
  readonly route: string
  readonly metadata: Metadata | undefined
  /** The body: bytes in memory of their own, which is transferred, or a value, which is cloned. */
  readonly body: unknown
  /** What the answer must be; of a task that a handler asks for, whatever it is. */
  readonly answer: 'bytes' | 'msgpack' | 'either'
  /** On the machine-wide monotonic clock. */
  readonly deadlineAtMs: number
  /** Shared: the worker writes why the task is aborted. */
  readonly flag: Int32Array
}

/** To a thread that is to start and has nothing to do yet. */
export const NOTHING_YET = null

/** What became of an assignment; where none comes, the thread has died. */
export type Outcome =
  /** Of a route that answers bytes: in memory of their own, which is transferred. */
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'value'; readonly value: unknown }
  /** The task threw a ShardwireError: it chose what its caller is told. */
  | {
      readonly type: 'refused'
      readonly code: number
      readonly message: string
      readonly retryAfterMs: number | undefined
      readonly details: unknown
    }
  /** The task failed; for the log. */
  | { readonly type: 'failed'; readonly name: string; readonly message: string; readonly stack: string | undefined }
