/**
 * Owns the worker's buffer budget: who gets a block, and who goes when there is none left.
 * Must not know: what blocks are used for.
 * Invariant: when the budget is spent the largest holder is reset, to within a factor of two, and whoever asked gets
 * its block all the same: a client that hoards never costs one that does not. Every block is somebody's: what is
 * lent is added to what its holder has, and taken off when it comes back, also from one that was shed and is not
 * closed yet. So at any moment, and not only when all sockets are gone, what connections hold that were not shed is
 * at most the bound less the reserve, and the reserve is the worker's.
 */
import type { BufferPool } from '@shardwire/protocol'
import type { Connection } from './connection.ts'

export interface BudgetOptions {
  /** Its bound is that of the budget. */
  readonly pool: BufferPool
  /** Of the bound: one block of so many bytes is the worker's whenever it asks for it. */
  readonly reserveBytes: number
  readonly connections: ReadonlySet<Connection>
  /** Resets a connection; its blocks come back when it is closed, or before. */
  readonly shed: (connection: Connection) => void
}

/** How many of the largest holders one walk over all connections finds: a storm must not walk for each refusal. */
const HOLDERS_FOUND_MAX = 512

export class Budget {
  readonly #options: BudgetOptions
  /** What the reserve counts against the bound, in bytes. */
  readonly #reserveCost: number
  /** Of the reserve: what is not on loan. */
  #reservedBytes: number
  /** Bytes of connections that were shed and are not closed yet. */
  #owedBytes = 0
  /** The largest holders of the last walk, the largest last; nobody has come to hold more than it since. */
  #holders: Connection[] = []
  /** What the largest of them held. */
  #mostBytes = 0

  constructor(options: BudgetOptions) {
    this.#options = options
    this.#reserveCost = this.#reservedBytes = options.pool.costOf(options.reserveBytes)
  }

  /** Bytes that will come back from connections that were shed. */
  get owedBytes(): number {
    return this.#owedBytes
  }

  /**
   * A block of at least `bytes` for `asker`.
   * @returns undefined when it is itself the largest holder: then it has been reset, now or before
   */
  lease(asker: Connection, bytes: number): Uint8Array | undefined {
    if (asker.isShed) return undefined
    const block = this.#leaseFree(bytes) ?? this.#leaseSpent(asker, bytes)
    if (block !== undefined) this.#charge(asker, this.#options.pool.costOf(block.length))
    return block
  }

  /** Takes back a block that `holder` was lent. */
  release(holder: Connection, block: Uint8Array): void {
    const { pool } = this.#options
    const cost = pool.costOf(block.length)
    pool.release(block)
    holder.lentBytes -= cost
    if (holder.isShed) this.#owedBytes -= cost
  }

  /** The block that is the worker's, to be given back before it asks for it again. No connection answers for it. */
  leaseReserve(): Uint8Array {
    const { pool, reserveBytes } = this.#options
    if (this.#reservedBytes === 0) throw new Error('the reserve of the buffer budget is on loan already')
    this.#reservedBytes = 0
    return pool.leaseBeyondBound(reserveBytes)
  }

  /** The worker's block stays with `holder`, who answers for it from now on. @returns another one for the worker */
  swapReserve(holder: Connection): Uint8Array {
    const { pool, reserveBytes } = this.#options
    const other = this.lease(holder, reserveBytes)
    if (other !== undefined) return other
    // It was reset rather than given so much: what stays with it is owed.
    this.#charge(holder, this.#reserveCost)
    return pool.leaseBeyondBound(reserveBytes)
  }

  releaseReserve(block: Uint8Array): void {
    this.#options.pool.release(block)
    this.#reservedBytes = this.#reserveCost
  }

  /** Sheds the largest holders until what the others hold is at most `bytes`, or nobody is left. */
  shedDownTo(bytes: number): void {
    while (this.#options.pool.leasedBytes - this.#owedBytes > bytes) {
      const largest = this.#largestHolder()
      if (largest === undefined) return
      this.#shed(largest)
    }
  }

  /** To be called when a connection is closed and has given everything back. Once there is enough nobody is to go. */
  closed(): void {
    this.#forgetHolders()
  }

  #leaseFree(bytes: number): Uint8Array | undefined {
    const { pool } = this.#options
    if (bytes > pool.blockBytesMax) return undefined
    if (pool.leasedBytes + this.#reservedBytes + pool.costOf(bytes) > pool.bytesMax) return undefined
    return pool.lease(bytes)
  }

  /** The budget is spent: somebody goes. */
  #leaseSpent(asker: Connection, bytes: number): Uint8Array | undefined {
    const { pool } = this.#options
    if (bytes > pool.blockBytesMax) return this.#refuse(asker)
    const cost = pool.costOf(bytes)
    while (pool.leasedBytes - this.#owedBytes + this.#reservedBytes + cost > pool.bytesMax) {
      const largest = this.#largestHolder()
      if (largest === undefined || largest === asker) return this.#refuse(asker)
      this.#shed(largest)
    }
    return pool.leaseBeyondBound(bytes)
  }

  #charge(holder: Connection, cost: number): void {
    holder.lentBytes += cost
    if (holder.isShed) this.#owedBytes += cost
    else if (this.#holders.length > 0) this.#grew(holder)
  }

  #refuse(asker: Connection): undefined {
    this.#shed(asker)
    return undefined
  }

  #shed(connection: Connection): void {
    if (connection.isShed) return
    connection.isShed = true
    this.#owedBytes += connection.lentBytes
    this.#options.shed(connection)
  }

  /** Who holds most and is not on its way out already. */
  #largestHolder(): Connection | undefined {
    for (let found = this.#holders.pop(); found !== undefined; found = this.#holders.pop()) {
      if (canShed(found, this.#mostBytes / 2)) return found
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
      if (!canShed(connection, this.#mostBytes)) continue
      largest = connection
      this.#mostBytes = connection.lentBytes
    }
    if (largest === undefined) return
    for (const connection of connections) {
      if (this.#holders.length + 1 >= HOLDERS_FOUND_MAX) break
      if (connection !== largest && canShed(connection, this.#mostBytes / 2)) this.#holders.push(connection)
    }
    this.#holders.sort((a, b) => a.lentBytes - b.lentBytes)
    this.#holders.push(largest)
  }

  /** What the last walk found holds no longer when `connection` is the largest now. */
  #grew(connection: Connection): void {
    if (connection.lentBytes > this.#mostBytes) this.#holders.length = 0
    else this.#forgetHolders()
  }

  /** Once there is enough for all again nobody is to be shed, and nobody to be remembered. */
  #forgetHolders(): void {
    const { pool } = this.#options
    if (pool.leasedBytes < pool.bytesMax / 2) this.#holders.length = 0
  }
}

function canShed({ isShed, lentBytes }: Connection, aboveBytes: number): boolean {
  return !isShed && lentBytes > aboveBytes
}

/** Bytes of the blocks that a connection has, those of the worker's own slab among them. */
export function heldBytes({ ring, parked }: Connection): number {
  const inRing = ring === null ? 0 : ring.memory.length
  return parked === null ? inRing : parked.blocks.reduce((sum, block) => sum + block.length, inRing)
}
