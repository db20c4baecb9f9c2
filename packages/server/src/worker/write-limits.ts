/**
 * Owns what follows when bytes of a connection cannot be sent at once: its reading pauses.
 * Must not know: what the bytes are.
 * Invariant: a connection whose unsent bytes are above the mark is not read from: its peer pays, nobody else.
 */
import { type Connection, HOLD_WRITE, STATE_ENDING } from './connection.ts'
import type { Deadlines } from './deadlines.ts'

/** To be called when a write left bytes pending. @param writeBufferBytes unsent bytes at which reading pauses */
export function limitUnsent(connection: Connection, writeBufferBytes: number, deadlines: Deadlines): void {
  const aboveMark = connection.transport.unsentBytes >= writeBufferBytes
  deadlines.unsent(connection, aboveMark)
  if (aboveMark) pauseUntilSent(connection)
}

/** Reads nothing more of a connection that has bytes unsent until all of them have left. */
export function pauseUntilSent(connection: Connection): void {
  if (connection.state > STATE_ENDING || (connection.hold & HOLD_WRITE) !== 0) return
  connection.hold |= HOLD_WRITE
  connection.transport.pause()
}
