/**
 * Owns the connections of a worker that ended last: why, and what came last.
 * Must not know: how a connection ends.
 * Invariant: as many as HISTORY_SIZE are kept, whatever comes, in memory that is taken once. A peer's address costs a
 * call of the system, so only so many a second are asked for it, when they come and when they go: a storm of
 * connections is no dearer for being remembered.
 */
import { closeReasonName } from '../../close-reason.ts'
import type { CloseNote, Connection } from '../../worker/connection.ts'
import { type FrameTrail, headersOf, TRAIL_WORDS } from './frame-trail.ts'
import { PEER_WORDS, PeerBook, peerOf } from './peer-book.ts'
import { type ClosedRow, peerText } from './rows.ts'

export const HISTORY_SIZE = 512
const PEERS_PER_S = 200
const MS_PER_S = 1000

/** Of one entry: opened, closed, bytes in, bytes out. */
const TIMES = 4
/** Of one entry: sequence, listener, reason, frames; then its trail, and its peer. */
const FACTS = 4
const PEER_AT = FACTS + TRAIL_WORDS
const WORDS = PEER_AT + PEER_WORDS

export interface ClosedHistoryParts {
  readonly trail: FrameTrail
  /** As of the last tick. */
  readonly nowMs: () => number
  readonly wallMs: () => number
}

export class ClosedHistory {
  readonly #parts: ClosedHistoryParts
  readonly #times = new Float64Array(HISTORY_SIZE * TIMES)
  readonly #words = new Int32Array(HISTORY_SIZE * WORDS)
  readonly #peers = new PeerBook()
  readonly #notes: (CloseNote | null)[] = Array.from({ length: HISTORY_SIZE }, () => null)
  #count = 0
  #secondBeganMs = -Infinity
  #peersAsked = 0

  constructor(parts: ClosedHistoryParts) {
    this.#parts = parts
  }

  /** It has come: one that is reset will have no address any more. */
  opened(connection: Connection): void {
    if (this.#mayAsk()) this.#peers.remember(connection.trail, connection.remoteAddress, connection.remotePort)
    else this.#peers.forget(connection.trail)
  }

  /** Its reason was decided: now its socket may have an address still. */
  decided(connection: Connection, detail: string | undefined): void {
    if (connection.closeNote !== null || (detail === undefined && !this.#mayAsk())) return
    connection.closeNote = { peer: peerText(connection), detail }
  }

  /** It is gone. */
  closed(connection: Connection): void {
    const place = this.#count++ % HISTORY_SIZE
    const times = this.#times
    const words = this.#words
    times[place * TIMES] = connection.openedAtMs
    times[place * TIMES + 1] = this.#parts.nowMs()
    times[place * TIMES + 2] = connection.bytesIn
    times[place * TIMES + 3] = connection.transport.takenBytes
    const at = place * WORDS
    words[at] = connection.sequence
    words[at + 1] = connection.listener.index
    words[at + 2] = connection.closeReason
    words[at + 3] = connection.framesIn
    this.#parts.trail.copy(connection.trail, words, at + FACTS)
    this.#peers.copy(connection.trail, words, at + PEER_AT)
    this.#notes[place] = connection.closeNote
  }

  /** @param epoch of this worker @returns newest first */
  rows(epoch: string, slot: number): ClosedRow[] {
    const known = Math.min(this.#count, HISTORY_SIZE)
    return Array.from({ length: known }, (_, age) => this.#row((this.#count - 1 - age) % HISTORY_SIZE, epoch, slot))
  }

  #row(place: number, epoch: string, slot: number): ClosedRow {
    const [opened = 0, closed = 0, bytesIn = 0, bytesOut = 0] = this.#times.subarray(place * TIMES)
    const [sequence = 0, listener = 0, reason = 0, framesIn = 0] = this.#words.subarray(place * WORDS)
    const { nowMs, wallMs } = this.#parts
    const note = this.#notes[place]
    return {
      id: `${epoch}-${sequence.toString(36)}`,
      worker: slot,
      listener,
      peer: note?.peer ?? peerOf(this.#words, place * WORDS + PEER_AT) ?? null,
      reason: closeReasonName(reason),
      detail: note?.detail ?? null,
      closedAt: Math.round(wallMs() - (nowMs() - closed)),
      livedMs: Math.round(closed - opened),
      bytesIn,
      bytesOut,
      framesIn,
      lastFrames: headersOf(this.#words, place * WORDS + FACTS, framesIn),
    }
  }

  #mayAsk(): boolean {
    const nowMs = this.#parts.nowMs()
    if (nowMs - this.#secondBeganMs >= MS_PER_S) {
      this.#secondBeganMs = nowMs
      this.#peersAsked = 0
    }
    return this.#peersAsked++ < PEERS_PER_S
  }
}
