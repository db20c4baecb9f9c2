/**
 * Owns giving memory back to the system once a burst of connections is over.
 * Must not know: what the memory was used for.
 * Invariant: at most one collection a burst, only while there is little to do and little heap to walk, so that nobody
 * waits for it. A worker that goes on working allocates, and V8 collects by itself; one that falls silent would keep
 * what the burst left for as long as it is silent.
 */
import type { BufferPool } from '@shardwire/protocol'
import type { Counters } from './counters.ts'

/** A burst that leaves fewer connections behind it leaves little memory. */
const GONE_MIN = 1000
/** Frames and connections in an interval up to which a worker has little to do. */
const EVENTS_QUIET_MAX = 1000
/** Above it a collection could take longer than a peer should wait: 150 ms with as much of it alive. */
const HEAP_BYTES_MAX = 128 * 1024 * 1024

export interface GiveBackOptions {
  readonly counters: Counters
  readonly pool: BufferPool
  /** Bytes of the heap, garbage included. */
  readonly heapBytes: () => number
  /** Collects all garbage, and gives what is free to the system. */
  readonly collect: () => void
}

export class GiveBack {
  readonly #options: GiveBackOptions
  /** Most connections seen since memory was last given back. */
  #connectionsPeak = 0
  #eventsBefore = 0

  constructor(options: GiveBackOptions) {
    this.#options = options
  }

  /** To be called once a second. */
  look(): void {
    const { counters, pool, heapBytes, collect } = this.#options
    const open = counters.connectionsOpen
    const isQuiet = this.#eventsSince(counters) <= EVENTS_QUIET_MAX
    this.#connectionsPeak = Math.max(this.#connectionsPeak, open)
    const gone = this.#connectionsPeak - open
    if (gone < GONE_MIN || gone < open || !isQuiet) return
    this.#connectionsPeak = open
    pool.dropFree()
    if (heapBytes() <= HEAP_BYTES_MAX) collect()
  }

  /** Frames that came, and connections that came or went, since it was asked last. */
  #eventsSince({ framesIn, connectionsTotal, connectionsOpen }: Counters): number {
    const closes = connectionsTotal - connectionsOpen
    const events = framesIn + connectionsTotal + closes
    const since = events - this.#eventsBefore
    this.#eventsBefore = events
    return since
  }
}
