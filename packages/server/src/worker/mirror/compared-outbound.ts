/**
 * Owns seeing what the original answers, on its way out, where answers are compared.
 * Must not know: what is done with it, sockets.
 * Invariant: what leaves is the same as without it. It stands in for the way out only in a worker that compares, so
 * that the others pay nothing.
 */
import { CRC_BYTES, ID_BYTES, KIND_ERROR, KIND_RESPONSE, PREFIX_BYTES, readU32 } from '@shardwire/protocol'
import type { Budget } from '../budget.ts'
import type { Connection } from '../connection.ts'
import type { Counters } from '../counters.ts'
import { Outbound } from '../outbound.ts'
import type { Comparisons } from './comparisons.ts'

const KIND_SHIFT = 4
const KIND_MASK = 7

export class ComparedOutbound extends Outbound {
  readonly #comparisons: Comparisons

  constructor(
    budget: Budget,
    counters: Counters,
    onPending: (connection: Connection) => void,
    comparisons: Comparisons,
  ) {
    super(budget, counters, onPending)
    this.#comparisons = comparisons
  }

  override send(
    connection: Connection,
    kind: number,
    route: number,
    id: number,
    source: Uint8Array,
    start = 0,
    end = source.length,
  ): void {
    if (kind === KIND_RESPONSE || kind === KIND_ERROR) {
      this.#comparisons.originalAnswered(connection, id, kind, source, start, end)
    }
    super.send(connection, kind, route, id, source, start, end)
  }

  /** A REQUEST that is forwarded has become its RESPONSE by now; it has no metadata. */
  override forward(connection: Connection, memory: Uint8Array, start: number, end: number): void {
    const kind = ((memory[start] ?? 0) >>> KIND_SHIFT) & KIND_MASK
    if (kind === KIND_RESPONSE && connection.listener.codec === null) {
      const body = start + PREFIX_BYTES + ID_BYTES
      const id = readU32(memory, start + PREFIX_BYTES)
      this.#comparisons.originalAnswered(connection, id, kind, memory, body, end - CRC_BYTES)
    }
    super.forward(connection, memory, start, end)
  }
}
