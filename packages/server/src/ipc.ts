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
  | SocketTicket
  /** The socket of this sequence was given to another worker before `accepted` came. */
  | { readonly type: 'disown'; readonly sequence: number }
  /** A slot's listening socket, with its handle beside: accept from it too; answered by `listening`. */
  | { readonly type: 'listen'; readonly slot: number; readonly listener: number }
  /** Accept no more from the sockets of this slot; answered by `unlistened` with its number. */
  | { readonly type: 'unlisten'; readonly slot: number }
  /** Finish, answer `drained`, exit. */
  | { readonly type: 'drain'; readonly deadlineMs: number }

export interface SocketTicket {
  readonly type: 'socket'
  readonly sequence: number
  readonly listener: number
  readonly expiresAtMs: number
}

export type ToPrimary =
  /** @property inline whether sockets may come without waiting for each other: see `raw-channel.ts` */
  | { readonly type: 'ready'; readonly inline: boolean; readonly descriptorsFree: number }
  /** The worker cannot start, and would not the next time either. */
  | { readonly type: 'failed'; readonly message: string }
  /** The worker owns these sockets and is about to read them. */
  | { readonly type: 'accepted'; readonly sequences: readonly number[]; readonly descriptorsFree: number }
  /** The worker closed its copy without having read. */
  | { readonly type: 'refused'; readonly sequence: number; readonly descriptorsFree: number }
  | { readonly type: 'listening'; readonly slot: number; readonly listener: number }
  | { readonly type: 'unlistened'; readonly slot: number }
  /** There is room again in a worker that had little. */
  | { readonly type: 'room'; readonly descriptorsFree: number }
  | {
      readonly type: 'snapshot'
      readonly counters: Counters
      readonly refusals: readonly number[]
      readonly descriptorsFree: number
    }
  /** No connection is left; the worker exits as soon as this is sent. */
  | {
      readonly type: 'drained'
      readonly counters: Counters
      readonly refusals: readonly number[]
      readonly forced: number
    }

/** Whether a message from the channel is one of ours: what a service module sends or gets passes there too. */
export function isMessage(value: unknown): value is { readonly type: string } {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}
