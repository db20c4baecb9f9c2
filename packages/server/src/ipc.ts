/**
 * Owns every message between primary and worker: the only words that the two have in common.
 * Must not know: who acts on them.
 * Invariant: messages are flat JSON; a socket travels beside its message as a raw handle.
 */
import type { Finding, Inquiry } from './admin/inspect/inquiry.ts'
import type { ClosedRow } from './admin/inspect/rows.ts'
import type { Config } from './config/load-config.ts'
import type { WorkerReport } from './metrics/worker-figures.ts'
import type { ProfileToPrimary, ProfileToWorker } from './profile/profile-order.ts'
import type { TlsMaterial } from './transport/tls-context.ts'
import type { DrainReport } from './worker/drain-report.ts'

export type ToWorker =
  /** Who the worker is and what it serves; answered by `ready` or `failed`. */
  | StartMessage
  /** A socket, with its handle beside; answered by `accepted` or `refused`. Stale from `expiresAtMs` (monotonic) on. */
  | SocketTicket
  /** The socket of this sequence was given to another worker before `accepted` came. */
  | { readonly type: 'disown'; readonly sequence: number }
  /** Answers `doubt`: of these, all that were not disowned before are the worker's. */
  | { readonly type: 'settled'; readonly sequences: readonly number[] }
  /** A slot's listening socket, with its handle beside: accept from it too; answered by `listening`. */
  | { readonly type: 'listen'; readonly slot: number; readonly listener: number }
  /** Accept no more from the sockets of this slot; answered by `unlistened` with its number. */
  | { readonly type: 'unlisten'; readonly slot: number }
  /** Speak TLS with this from now on. */
  | { readonly type: 'tls'; readonly tls: TlsMaterial }
  /** What became of asks. */
  | { readonly type: 'verdicts'; readonly verdicts: readonly Verdict[] }
  /** Most connections that it may have from now on, null where there is no total; answered by `quota-taken`. */
  | { readonly type: 'quota'; readonly quota: number | null; readonly sequence: number }
  /** No worker has a place for those that wait there. */
  | { readonly type: 'full' }
  /** What is known of its connections; answered by `found` of that number. */
  | { readonly type: 'inquire'; readonly id: number; readonly inquiry: Inquiry }
  /** Of a profile. */
  | ProfileToWorker
  /** Finish, answer `drained`, exit. */
  | DrainMessage

export interface StartMessage {
  readonly type: 'start'
  readonly slot: number
  readonly epoch: string
  readonly config: Config
  /** Whether accepted sockets have the options of the configuration already. */
  readonly configured: boolean
  /** Null where no listener has TLS. Secret. */
  readonly tls: TlsMaterial | null
}

export interface DrainMessage {
  readonly type: 'drain'
  readonly deadlineMs: number
  /** Others serve on: sockets still on their way are refused, and clients may come back at once. */
  readonly rolling: boolean
}

export interface SocketTicket {
  readonly type: 'socket'
  readonly sequence: number
  readonly listener: number
  /** It begins with a PROXY header. */
  readonly proxied: boolean
  readonly expiresAtMs: number
}

/** May a client come in whose address only the worker knows? */
export interface Ask {
  /** Below 0, so that it is no ticket's; no two of one worker are the same. */
  readonly id: number
  readonly address: string
}

export interface Verdict {
  readonly id: number
  /** ADMITTED, or one of `Refusal`. */
  readonly refusal: number
}

export const ADMITTED = -1

/** How often a worker tells how it is, which is its sign of life, too: its loop turns. */
export const SNAPSHOT_INTERVAL_MS = 1000

export type ToPrimary =
  /** @property inline whether sockets may come without waiting for each other: see `raw-channel.ts` */
  | { readonly type: 'ready'; readonly inline: boolean; readonly descriptorsFree: number }
  /** The worker cannot start, and would not the next time either. */
  | { readonly type: 'failed'; readonly message: string }
  /** The worker owns these sockets and is about to read them. */
  | {
      readonly type: 'accepted'
      readonly sequences: readonly number[]
      readonly descriptorsFree: number
      /** Sockets that it has and has told of, these among them. */
      readonly open: number
    }
  /** The tickets of these ran out before their `accepted` was known to have left; answered by `settled`. */
  | { readonly type: 'doubt'; readonly sequences: readonly number[] }
  /** Connections ended, in this turn of its loop: those that have a number, and how many are left in all. */
  | { readonly type: 'gone'; readonly ids: readonly number[]; readonly open: number }
  /** Clients wait for a word; answered by `verdicts`. */
  | { readonly type: 'ask'; readonly asks: readonly Ask[] }
  /** The worker closed its copy without having read. */
  | { readonly type: 'refused'; readonly sequence: number; readonly descriptorsFree: number }
  | { readonly type: 'listening'; readonly slot: number; readonly listener: number }
  | { readonly type: 'unlistened'; readonly slot: number }
  /** There is room again in a worker that had little. */
  | { readonly type: 'room'; readonly descriptorsFree: number }
  | SnapshotMessage
  /** It goes by the quota of this number, has so many connections, and so many sockets still wait for a place. */
  | { readonly type: 'quota-taken'; readonly sequence: number; readonly open: number; readonly waiting: number }
  /** So many sockets wait there for a place, its quota is used up; answered by `quota` or `full`. */
  | { readonly type: 'want'; readonly places: number; readonly open: number }
  /** Answers `inquire`; null where that failed. */
  | { readonly type: 'found'; readonly id: number; readonly finding: Finding | null }
  /** Of a profile. */
  | ProfileToPrimary
  /** Its loop turns: once a second until it is ready, and has snapshots to send. */
  | { readonly type: 'pulse' }
  /** It is broken: takes nothing new, ends by its deadline. */
  | { readonly type: 'leaving'; readonly why: string; readonly deadlineMs: number }
  /** It serves on, but should be replaced. */
  | { readonly type: 'outworn'; readonly why: string }
  /** No connection is left; the worker exits as soon as this is sent. */
  | DrainedMessage

export interface SnapshotMessage extends WorkerReport {
  readonly type: 'snapshot'
  readonly descriptorsFree: number
  readonly open: number
}

export interface DrainedMessage extends WorkerReport {
  readonly type: 'drained'
  readonly report: DrainReport
  /** The last connections that ended there, those that did not end well first. */
  readonly closed: readonly ClosedRow[]
}

/** Whether a message from the channel is one of ours: what a service module sends or gets passes there too. */
export function isMessage(value: unknown): value is { readonly type: string } {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}
