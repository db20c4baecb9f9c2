/**
 * Owns what the primary asks of workers for an operator, and what they answer: plain data, both ways.
 * Must not know: HTTP, how it is found out.
 */
import type { CloseClass, CloseReasonName } from '../../close-reason.ts'
import type { ClosedRow, ConnectionDetails, ConnectionRow, ConnectionState } from './rows.ts'

/** Most rows of a page. */
export const PAGE_ROWS_MAX = 200

/** What connections can be sorted by. */
export const SORT_KEYS = [
  'age',
  'idle',
  'bytes-in',
  'bytes-out',
  'frames-in',
  'unsent',
  'held',
  'in-flight',
  'round-trip',
] as const

export type SortKey = (typeof SORT_KEYS)[number]

/** Where a page ended: the next one begins behind it. */
export interface Cursor {
  readonly key: number
  readonly worker: number
  readonly sequence: number
}

export interface ConnectionFilter {
  readonly worker?: number
  readonly listener?: number
  /** A network, or one address. */
  readonly address?: string
  readonly state?: ConnectionState
  /** Part of a SPIFFE ID or a subject. */
  readonly identity?: string
  /** At least so long without a byte, so many bytes unsent. */
  readonly idleMs?: number
  readonly unsentBytes?: number
}

export interface ConnectionQuery {
  readonly filter: ConnectionFilter
  readonly sort: SortKey
  /** Least first. */
  readonly ascending: boolean
  /** 1 to PAGE_ROWS_MAX. */
  readonly limit: number
  readonly after: Cursor | null
}

/** A row, and where it stands: what `Cursor` is made of. */
export interface SortedRow extends Cursor {
  /** Null where the connection ended while others were looked at: its place says all the same where a page ends. */
  readonly row: ConnectionRow | null
}

export interface WorkerPage {
  /** The first of those behind the cursor, in order. */
  readonly rows: readonly SortedRow[]
  /** Connections that the filter lets through, and all. */
  readonly matched: number
  readonly total: number
}

/** One that sends or gets most, by what it did since the last look. */
export interface Talker {
  readonly row: ConnectionRow
  /** Bytes a second, both ways together. */
  readonly bytesPerSecond: number
}

export interface Talkers {
  readonly talkers: readonly Talker[]
  /** Those with most unsent. */
  readonly slow: readonly ConnectionRow[]
}

export interface ClosedQuery {
  /** 1 to PAGE_ROWS_MAX. */
  readonly limit: number
  readonly reason?: CloseReasonName
  readonly class?: CloseClass
  /** A network, or one address. */
  readonly address?: string
}

export type Inquiry =
  | { readonly about: 'connections'; readonly query: ConnectionQuery }
  | { readonly about: 'connection'; readonly sequence: number }
  | { readonly about: 'closed'; readonly query: ClosedQuery }
  | { readonly about: 'talkers' }
  /** Ends a connection: told to leave and answered, or at once. */
  | { readonly about: 'close'; readonly sequence: number; readonly isReset: boolean }

export interface Findings {
  readonly connections: WorkerPage
  /** Null where there is none. */
  readonly connection: ConnectionDetails | null
  readonly closed: readonly ClosedRow[]
  readonly talkers: Talkers
  /** Whether it was there. */
  readonly close: boolean
}

export type Finding = {
  [About in keyof Findings]: { readonly about: About; readonly finding: Findings[About] }
}[keyof Findings]
