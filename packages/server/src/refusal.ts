/**
 * Owns why an accepted socket was closed without having been served: one number to count by, one name for log, metric
 * and test, and what its client is told.
 * Must not know: sockets.
 * Invariant: a socket that is refused is counted under exactly one of these; a number is never reused.
 */
import {
  DRAINING,
  encodeErrorBody,
  encodeFrame,
  KIND_ERROR,
  OVERLOADED,
  PERMISSION_DENIED,
  ShardwireError,
  TOO_MANY_CONNECTIONS,
} from '@shardwire/protocol'
import type { CloseClass } from './close-reason.ts'
import { errorText } from './codec/json/error-text.ts'

export const REFUSALS = [
  /** SHARDWIRE_HANDOFF_QUEUE sockets were on their way already. */
  'QUEUE_FULL',
  /** No worker took it, or the primary did not answer for it, within SHARDWIRE_HANDSHAKE_TIMEOUT_MS. */
  'TOO_OLD',
  /** The primary, or every worker that could have had it, is at its limit of open files. */
  'NO_DESCRIPTORS',
  /** The daemon ended while it was on its way. */
  'STOPPING',
  /** SHARDWIRE_MAX_CONNECTIONS are open. */
  'MAX_CONNECTIONS',
  /** Its address has SHARDWIRE_MAX_CONNECTIONS_PER_IP open. */
  'PER_ADDRESS',
  /** More than SHARDWIRE_CONNECTION_RATE came. */
  'RATE',
  /** SHARDWIRE_DENY has its address, or SHARDWIRE_ALLOW has not. */
  'DENIED',
  /** Every worker that could have had it sheds connections. */
  'OVERLOADED',
  /** A trusted proxy sent something else than the PROXY header that is expected. */
  'BAD_PROXY_HEADER',
  /** The PROXY header was not there within SHARDWIRE_HANDSHAKE_TIMEOUT_MS. */
  'PROXY_TIMEOUT',
  /** It had gone before its address was known. */
  'PEER_GONE',
] as const

export type RefusalName = (typeof REFUSALS)[number]

/** Numbers by name: `Refusal.QUEUE_FULL`. */
export const Refusal = Object.freeze(Object.fromEntries(REFUSALS.map((name, code) => [name, code]))) as Readonly<
  Record<RefusalName, number>
>

/** What the client is told: an ERROR of this code, and when to come back. */
export interface Notice {
  readonly code: number
  readonly text: string
  /** The least and the most, in milliseconds: each client is told its own. Undefined where no time would help. */
  readonly retryAfterMs?: readonly [number, number]
  /** Whether a descriptor may be kept for a moment, so that a client that is just sending gets to read it. */
  readonly lingers: boolean
}

export interface RefusalRow {
  /** Who is to look: see `close-reason.ts`. */
  readonly class: CloseClass
  /** Undefined where the socket closes without a word. */
  readonly notice?: Notice
}

const full = (text: string): Notice => {
  return { code: TOO_MANY_CONNECTIONS, text, retryAfterMs: [1000, 5000], lingers: true }
}
const busy = (text: string): Notice => ({ code: OVERLOADED, text, retryAfterMs: [500, 2000], lingers: true })

/** A proxy that speaks wrongly is told nothing: whether it would understand an ERROR nobody knows. */
export const REFUSAL_ROWS: Readonly<Record<RefusalName, RefusalRow>> = {
  QUEUE_FULL: { class: 'limit', notice: busy('too many connections are waiting to be served') },
  TOO_OLD: { class: 'system', notice: busy('no worker could serve this connection in time') },
  NO_DESCRIPTORS: { class: 'limit', notice: { ...full('this server can open no more connections'), lingers: false } },
  STOPPING: {
    class: 'normal',
    notice: { code: DRAINING, text: 'this server is stopping', retryAfterMs: [500, 2500], lingers: true },
  },
  MAX_CONNECTIONS: { class: 'limit', notice: full('this server has as many connections as it may') },
  PER_ADDRESS: { class: 'limit', notice: full('this address has as many connections as it may') },
  RATE: { class: 'limit', notice: { ...full('too many connections come at once'), retryAfterMs: [1000, 3000] } },
  DENIED: {
    class: 'limit',
    notice: { code: PERMISSION_DENIED, text: 'this address may not connect here', lingers: true },
  },
  OVERLOADED: { class: 'system', notice: { ...busy('this server has too much to do'), retryAfterMs: [1000, 5000] } },
  BAD_PROXY_HEADER: { class: 'protocol' },
  PROXY_TIMEOUT: { class: 'protocol' },
  PEER_GONE: { class: 'transient' },
}

const VERSIONS = 16

/** How a refusal is said: as an ERROR frame, as an object of JSON, or not at all. */
export type NoticeForm = 'frame' | 'json' | 'none'

/**
 * ERRORs that say so, which differ in retryAfterMs only: encoded beforehand, so that a refusal costs less than an
 * answer, and those refused do not come back all at once. None where nothing is said.
 */
export function noticesOf({ notice }: RefusalRow, form: NoticeForm): readonly Uint8Array[] {
  if (notice === undefined || form === 'none') return []
  if (notice.retryAfterMs === undefined) return [noticeOf(notice, {}, form)]
  const [least, most] = notice.retryAfterMs
  return Array.from({ length: VERSIONS }, (_, index) => {
    return noticeOf(notice, { retryAfterMs: least + Math.round(((most - least) * index) / (VERSIONS - 1)) }, form)
  })
}

function noticeOf({ code, text }: Notice, extras: { readonly retryAfterMs?: number }, form: NoticeForm): Uint8Array {
  const error = new ShardwireError(code, text, extras)
  if (form === 'json') return Buffer.from(`{"error":${errorText(error)}}\n`)
  return encodeFrame({ kind: KIND_ERROR, route: 0, id: 0, body: encodeErrorBody(error) })
}

export function createRefusals(): number[] {
  return REFUSALS.map(() => 0)
}

/** Adds `more` to `sum`, reason by reason. */
export function addRefusals(sum: number[], more: readonly number[]): void {
  for (const [code, count] of more.entries()) sum[code] = (sum[code] ?? 0) + count
}

/** The reasons that occurred, by name. */
export function namedRefusals(refusals: readonly number[]): Partial<Record<RefusalName, number>> {
  return Object.fromEntries(REFUSALS.map((name, code) => [name, refusals[code] ?? 0] as const).filter(([, n]) => n > 0))
}
