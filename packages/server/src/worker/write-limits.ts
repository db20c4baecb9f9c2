/**
 * Owns what follows when bytes of a connection cannot be sent at once: pausing its reading, and its end when there is
 * no memory for them.
 * Must not know: what the bytes are.
 * Invariant: a connection whose unsent bytes are above the mark is not read from: its peer pays, nobody else.
 */
import { CloseReason } from '../close-reason.ts'
import type { Closing } from './closing.ts'
import { type Connection, HOLD_WRITE, STATE_ENDING } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import type { OutboundHooks } from './outbound.ts'

export class WriteLimits implements OutboundHooks {
  readonly #writeBufferBytes: number
  #deadlines: Deadlines | undefined
  #closing: Closing | undefined

  /** @param writeBufferBytes unsent bytes of one connection at which its reading pauses */
  constructor(writeBufferBytes: number) {
    this.#writeBufferBytes = writeBufferBytes
  }

  /** Outbound is made before those that act for it. */
  connect(deadlines: Deadlines, closing: Closing): void {
    this.#deadlines = deadlines
    this.#closing = closing
  }

  onPending(connection: Connection): void {
    const aboveMark = connection.transport.unsentBytes >= this.#writeBufferBytes
    this.#deadlines?.unsent(connection, aboveMark)
    if (!aboveMark || connection.state > STATE_ENDING || (connection.hold & HOLD_WRITE) !== 0) return
    connection.hold |= HOLD_WRITE
    connection.transport.pause()
  }

  onNoMemory(connection: Connection): void {
    this.#closing?.reset(connection, CloseReason.BUFFER_LIMIT)
  }
}
