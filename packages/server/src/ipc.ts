/**
 * Owns every message between primary and worker: the only words that the two have in common.
 * Must not know: who acts on them.
 * Invariant: messages are flat JSON; a socket travels beside its message as a raw handle.
 */
import type { Config } from './config/load-config.ts'
import type { Counters } from './worker/counters.ts'

export type ToWorker =
  /** Who the worker is and what it serves; answered by `ready` or `failed`. */
  | { readonly type: 'start'; readonly slot: number; readonly epoch: string; readonly config: Config }
  /** A socket, with its handle beside; answered by `accepted` or `refused`. Stale from `expiresAtMs` (monotonic) on. */
  | { readonly type: 'socket'; readonly sequence: number; readonly listener: number; readonly expiresAtMs: number }
  /** The socket of this sequence was given to another worker before `accepted` came. */
  | { readonly type: 'disown'; readonly sequence: number }
  /** Finish, answer `drained`, exit. */
  | { readonly type: 'drain'; readonly deadlineMs: number }

export type ToPrimary =
  | { readonly type: 'ready' }
  /** The worker cannot start, and would not the next time either. */
  | { readonly type: 'failed'; readonly message: string }
  /** The worker owns the socket and is about to read it. */
  | { readonly type: 'accepted'; readonly sequence: number }
  /** The worker closed its copy without having read. */
  | { readonly type: 'refused'; readonly sequence: number }
  | { readonly type: 'snapshot'; readonly counters: Counters }
  /** No connection is left; the worker exits as soon as this is sent. */
  | { readonly type: 'drained'; readonly counters: Counters; readonly forced: number }

/** Whether a message from the channel is one of ours: what a service module sends or gets passes there too. */
export function isMessage(value: unknown): value is { readonly type: string } {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}
