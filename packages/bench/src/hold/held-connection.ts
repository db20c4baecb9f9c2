/**
 * Owns one idle connection: as little as can be.
 * Must not know: how many there are, what is done with them.
 * Invariant: it keeps a buffer only while a message is cut. There are a million of these: every field counts.
 */
import type { Wire, WireEvents } from '../socket/wire.ts'

export const CONNECTING = 0
/** Connected as far as the kernel goes; its first question is under way. */
export const ASKED = 1
export const UP = 2
/** We are closing it. */
export const LEAVING = 3
export const DOWN = 4

export interface HeldEvents {
  onHeldUp(connection: HeldConnection): void
  onHeldRead(connection: HeldConnection, bytes: number): void
  onHeldDown(connection: HeldConnection, code: string | null): void
}

export class HeldConnection implements WireEvents {
  /** For the decoder: 0, or the error code that broke the stream. */
  brokenCode = 0
  state = CONNECTING
  /** The sweep that it has not answered yet; 0 for none. */
  sweep = 0
  /** When it was dialed, or was asked last, in microseconds. */
  sinceUs: number
  readonly index: number
  /** The beginning of a message that a read cut. */
  begun: Uint8Array | null = null
  wire: Wire | null = null
  readonly #events: HeldEvents

  constructor(index: number, sinceUs: number, events: HeldEvents) {
    this.index = index
    this.sinceUs = sinceUs
    this.#events = events
  }

  onUp(): void {
    this.#events.onHeldUp(this)
  }

  onRead(bytes: number): void {
    this.#events.onHeldRead(this, bytes)
  }

  onDrained(): void {}

  onDown(code: string | null): void {
    this.#events.onHeldDown(this, code)
  }
}
