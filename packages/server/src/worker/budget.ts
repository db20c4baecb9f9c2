/**
 * Owns the worker's buffer budget: who gets a block, and who goes when there is none left.
 * Must not know: what blocks are used for.
 * Invariant: when the budget is spent the largest holder is reset, and whoever asked gets its block all the same: a
 * client that hoards never costs one that does not. What is on loan beyond the bound is less than what the shed will
 * give back.
 */
import type { BufferPool } from '@shardwire/protocol'
import type { Connection } from './connection.ts'

export interface BudgetOptions {
  readonly pool: BufferPool
  /** The bound of the pool. */
  readonly bytesMax: number
  readonly connections: ReadonlySet<Connection>
  /** Resets a connection; its blocks come back when it is closed. */
  readonly shed: (connection: Connection) => void
}

export class Budget {
  readonly #options: BudgetOptions
  /** Bytes of connections that were shed and are not closed yet. */
  #owedBytes = 0

  constructor(options: BudgetOptions) {
    this.#options = options
  }

  /**
   * A block of at least `bytes` for `asker`.
   * @returns undefined when it is itself the largest holder: then it has been reset
   */
  lease(asker: Connection, bytes: number): Uint8Array | undefined {
    const { pool, bytesMax } = this.#options
    const block = pool.lease(bytes)
    if (block !== undefined) return block
    if (bytes <= pool.blockBytesMax) {
      if (pool.leasedBytes - this.#owedBytes + bytes <= bytesMax) return pool.leaseBeyondBound(bytes)
      const largest = this.#largestHolder()
      if (largest !== undefined && largest !== asker) {
        this.#shed(largest)
        return pool.leaseBeyondBound(bytes)
      }
    }
    this.#shed(asker)
    return undefined
  }

  /** A block that no connection has to answer for, as long as the worker lives. */
  leaseForWorker(bytes: number): Uint8Array {
    return this.#options.pool.leaseBeyondBound(bytes)
  }

  release(block: Uint8Array): void {
    this.#options.pool.release(block)
  }

  /** To be called when a connection is closed: what it gives back is owed no more. */
  closed(connection: Connection): void {
    this.#owedBytes -= connection.shedBytes
    connection.shedBytes = 0
  }

  #shed(connection: Connection): void {
    if (connection.shedBytes === 0) {
      connection.shedBytes = heldBytes(connection)
      this.#owedBytes += connection.shedBytes
    }
    this.#options.shed(connection)
  }

  /** Who holds most and is not on its way out already. A walk over all: the budget is spent, and this is rare. */
  #largestHolder(): Connection | undefined {
    let largest: Connection | undefined
    let most = 0
    for (const connection of this.#options.connections) {
      const held = connection.shedBytes > 0 ? 0 : heldBytes(connection)
      if (held <= most) continue
      most = held
      largest = connection
    }
    return largest
  }
}

/** Bytes of the blocks that a connection has. */
export function heldBytes({ ring, parked }: Connection): number {
  const inRing = ring === null ? 0 : ring.memory.length
  return parked === null ? inRing : parked.blocks.reduce((sum, block) => sum + block.length, inRing)
}
