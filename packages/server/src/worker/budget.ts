/**
 * Owns the worker's buffer budget: who gets a block, and who goes when there is none left.
 * Must not know: what blocks are used for.
 * Invariant: when the budget is spent the largest holder is reset, to within a factor of two, and whoever asked gets
 * its block all the same: a client that hoards never costs one that does not. What is on loan beyond the bound is what
 * the shed will give back, and a write slab that the worker takes for itself.
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

/** How many of the largest holders one walk over all connections finds: a storm must not walk for each refusal. */
const HOLDERS_FOUND_MAX = 512

export class Budget {
  readonly #options: BudgetOptions
  /** Bytes of connections that were shed and are not closed yet. */
  #owedBytes = 0
  /** The largest holders of the last walk, the largest last; nobody has come to hold more than it since. */
  #holders: Connection[] = []
  /** What the largest of them held. */
  #mostBytes = 0

  constructor(options: BudgetOptions) {
    this.#options = options
  }

  /**
   * A block of at least `bytes` for `asker`.
   * @returns undefined when it is itself the largest holder: then it has been reset
   */
  lease(asker: Connection, bytes: number): Uint8Array | undefined {
    const { pool } = this.#options
    const block = pool.lease(bytes) ?? this.#leaseSpent(asker, bytes)
    if (this.#holders.length > 0 && block !== undefined) this.#grew(asker, block)
    return block
  }

  /** A block that no connection has to answer for, as long as the worker lives. */
  leaseForWorker(bytes: number): Uint8Array {
    return this.#options.pool.leaseBeyondBound(bytes)
  }

  release(block: Uint8Array): void {
    this.#options.pool.release(block)
  }

  /** Sheds the largest holders until what the others hold is at most `bytes`, or nobody is left. */
  shedDownTo(bytes: number): void {
    while (this.#options.pool.leasedBytes - this.#owedBytes > bytes) {
      const largest = this.#largestHolder()
      if (largest === undefined) return
      this.#shed(largest)
    }
  }

  /** To be called when a connection is closed: what it gives back is owed no more. */
  closed(connection: Connection): void {
    this.#owedBytes -= connection.shedBytes
    connection.shedBytes = 0
    this.#forgetHolders()
  }

  /** The budget is spent: somebody goes. */
  #leaseSpent(asker: Connection, bytes: number): Uint8Array | undefined {
    const { pool, bytesMax } = this.#options
    if (bytes > pool.blockBytesMax) return this.#refuse(asker)
    const cost = pool.costOf(bytes)
    while (pool.leasedBytes - this.#owedBytes + cost > bytesMax) {
      const largest = this.#largestHolder()
      if (largest === undefined || largest === asker) return this.#refuse(asker)
      this.#shed(largest)
    }
    return pool.leaseBeyondBound(bytes)
  }

  #refuse(asker: Connection): undefined {
    this.#shed(asker)
    return undefined
  }

  #shed(connection: Connection): void {
    if (connection.shedBytes === 0) {
      connection.shedBytes = this.#heldBytes(connection)
      this.#owedBytes += connection.shedBytes
    }
    this.#options.shed(connection)
  }

  /** Who holds most and is not on its way out already. */
  #largestHolder(): Connection | undefined {
    for (let found = this.#holders.pop(); found !== undefined; found = this.#holders.pop()) {
      if (this.#canShed(found, this.#mostBytes / 2)) return found
    }
    this.#findHolders()
    return this.#holders.pop()
  }

  /** Walks over all connections for those that hold most: within a factor of two of the largest, which goes first. */
  #findHolders(): void {
    const { connections } = this.#options
    let largest: Connection | undefined
    this.#mostBytes = 0
    for (const connection of connections) {
      if (!this.#canShed(connection, this.#mostBytes)) continue
      largest = connection
      this.#mostBytes = this.#heldBytes(connection)
    }
    if (largest === undefined) return
    for (const connection of connections) {
      if (this.#holders.length + 1 >= HOLDERS_FOUND_MAX) break
      if (connection !== largest && this.#canShed(connection, this.#mostBytes / 2)) this.#holders.push(connection)
    }
    this.#holders.sort((a, b) => this.#heldBytes(a) - this.#heldBytes(b))
    this.#holders.push(largest)
  }

  #canShed(connection: Connection, aboveBytes: number): boolean {
    return connection.shedBytes === 0 && this.#heldBytes(connection) > aboveBytes
  }

  /** `connection` gets `block`: what the last walk found holds no longer when it is the largest now. */
  #grew(connection: Connection, block: Uint8Array): void {
    const held = this.#heldBytes(connection) + this.#options.pool.costOf(block.length)
    if (held > this.#mostBytes) this.#holders.length = 0
    else this.#forgetHolders()
  }

  /** Once there is enough for all again nobody is to be shed, and nobody to be remembered. */
  #forgetHolders(): void {
    if (this.#options.pool.leasedBytes < this.#options.bytesMax / 2) this.#holders.length = 0
  }

  #heldBytes(connection: Connection): number {
    return heldBytes(connection, this.#options.pool.blockOverheadBytes)
  }
}

/** Bytes of the blocks that a connection has, each with what it takes beside its length. */
export function heldBytes({ ring, parked }: Connection, blockOverheadBytes = 0): number {
  const inRing = ring === null ? 0 : ring.memory.length + blockOverheadBytes
  return parked === null
    ? inRing
    : parked.blocks.reduce((sum, block) => sum + block.length + blockOverheadBytes, inRing)
}
