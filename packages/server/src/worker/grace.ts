/**
 * Owns how long a client that was told to leave is waited for at least: GOAWAY takes its time to reach it, and what it
 * sent before takes as long to reach us.
 * Must not know: why it is to leave.
 */
import type { Connection } from './connection.ts'

/** Who has been silent is hardly sending right now. */
export const GRACE_MS = 50
/**
 * Who has sent something lately, or has just connected, may well be, and its way may be long. Clients that obey GOAWAY
 * end by themselves before that.
 */
export const ACTIVE_GRACE_MS = 1000
const LATELY_MS = 10_000

export function graceMs({ lastMessageMs }: Connection, nowMs: number): number {
  return nowMs - lastMessageMs < LATELY_MS ? ACTIVE_GRACE_MS : GRACE_MS
}
