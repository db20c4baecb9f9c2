import { BufferPool, RingBuffer } from '@shardwire/protocol'
import { type Random, withSeed } from '@shardwire/testkit'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Budget, heldBytes } from '../../src/worker/budget.ts'
import type { Connection } from '../../src/worker/connection.ts'
import { connect } from './fake-transport.ts'

const KIB = 1024
/** What connections may have. */
const BYTES_MAX = 64 * KIB
const RESERVE_BYTES = 8 * KIB

let pool: BufferPool
let connections: Set<Connection>
/** Those that were shed, in order. */
let shed: Connection[]
let budget: Budget
beforeEach(() => {
  const bytesMax = BYTES_MAX + RESERVE_BYTES
  pool = new BufferPool({ bytesMax, blockBytesMin: KIB, blockBytesMax: 32 * KIB, freeBytesMax: BYTES_MAX })
  connections = new Set()
  shed = []
  budget = new Budget({ pool, reserveBytes: RESERVE_BYTES, connections, shed: (connection) => shed.push(connection) })
})

function joined(): Connection {
  const connection = connect()
  connections.add(connection)
  return connection
}

/** A connection that holds `bytes` in blocks of 8 KiB that a write reads from. */
function holder(bytes: number): Connection {
  const connection = joined()
  const blocks: Uint8Array[] = []
  for (let held = 0; held < bytes; held += 8 * KIB) {
    const block = budget.lease(connection, 8 * KIB)
    if (block !== undefined) blocks.push(block)
  }
  connection.parked = { blocks, tailBytes: 8 * KIB }
  return connection
}

/** A connection with a ring of `bytes`, which it asks the budget for. */
function ringOf(bytes: number): Connection {
  const connection = joined()
  const block = budget.lease(connection, bytes)
  if (block !== undefined) connection.ring = new RingBuffer(block)
  return connection
}

/** Who was shed for it. */
function shedBy(asker: Connection): Connection {
  const victim = shed.at(-1)
  if (victim === undefined || victim === asker) throw new Error('nobody else was shed')
  return victim
}

/** What a connection that was shed gives back when its socket is gone. */
function close(connection: Connection): void {
  for (const block of connection.parked?.blocks ?? []) budget.release(connection, block)
  connection.parked = null
  if (connection.ring !== null) budget.release(connection, connection.ring.memory)
  connection.ring = null
  connections.delete(connection)
  budget.closed()
}

describe('a budget that is not spent', () => {
  it('lends, and sheds nobody', () => {
    const asker = joined()
    expect(budget.lease(asker, 5000)).toHaveLength(8 * KIB)
    expect(shed).toEqual([])
  })
})

describe('a budget that is spent', () => {
  it('costs the largest holder its connection, and the asker gets its block', () => {
    const small = holder(16 * KIB)
    const large = holder(40 * KIB)
    const asker = holder(8 * KIB)
    expect(budget.lease(asker, 8 * KIB)).toHaveLength(8 * KIB)
    expect(shed).toEqual([large])
    expect(heldBytes(small)).toBe(16 * KIB)
  })

  it('costs the asker, and nobody else, when it is itself the largest holder', () => {
    holder(24 * KIB)
    const asker = holder(40 * KIB)
    expect(budget.lease(asker, 8 * KIB)).toBeUndefined()
    expect(shed).toEqual([asker])
  })

  it('counts rings as well as unsent blocks', () => {
    holder(24 * KIB)
    const reader = ringOf(32 * KIB)
    holder(8 * KIB)
    expect(budget.lease(joined(), KIB)).toHaveLength(KIB)
    expect(shed).toEqual([reader])
  })

  it('costs the asker when nobody that could go holds anything', () => {
    for (const hoard of [ringOf(32 * KIB), ringOf(32 * KIB)]) connections.delete(hoard)
    const asker = joined()
    expect(budget.lease(asker, KIB)).toBeUndefined()
    expect(shed).toEqual([asker])
  })

  it('has its reserve all the same, for one and not for two', () => {
    ringOf(32 * KIB)
    ringOf(32 * KIB)
    const block = budget.leaseReserve()
    expect([block.length, shed, pool.leasedBytes]).toEqual([RESERVE_BYTES, [], BYTES_MAX + RESERVE_BYTES])
    expect(() => budget.leaseReserve()).toThrow('on loan already')
    budget.releaseReserve(block)
    expect(budget.leaseReserve()).toHaveLength(RESERVE_BYTES)
  })

  it('keeps its reserve from connections while the worker has no use for it', () => {
    const small = ringOf(32 * KIB)
    ringOf(16 * KIB)
    ringOf(16 * KIB)
    ringOf(KIB)
    expect(shed).toEqual([small])
  })

  it('costs the asker alone when it wants more than any block has', () => {
    holder(8 * KIB)
    const asker = joined()
    expect(budget.lease(asker, 32 * KIB + 1)).toBeUndefined()
    expect(shed).toEqual([asker])
  })
})

describe('a storm of refusals', () => {
  it('sheds no more holders than what is asked for needs', () => {
    const hoards = [holder(32 * KIB), holder(24 * KIB), holder(8 * KIB)]
    // All in one turn of the loop, before any of the sockets is gone.
    for (let asked = 0; asked < 32 * KIB; asked += KIB) expect(budget.lease(joined(), KIB)).toBeDefined()
    expect(shed).toEqual([hoards[0]])
    expect(budget.lease(joined(), KIB)).toBeDefined()
    expect(shed).toEqual([hoards[0], hoards[1]])
  })

  it('lends never more beyond the bound than those on their way out will give back', () => {
    for (let count = 0; count < 4; count++) holder(16 * KIB)
    for (let asked = 0; asked < 20; asked++) {
      budget.lease(joined(), KIB)
      const owed = shed.reduce((sum, connection) => sum + heldBytes(connection), 0)
      expect(pool.leasedBytes - owed).toBeLessThanOrEqual(BYTES_MAX)
    }
  })

  it('sheds as many as it takes when none of them holds as much as is asked for', () => {
    for (let count = 0; count < 8; count++) holder(8 * KIB)
    const asker = joined()
    expect(budget.lease(asker, 32 * KIB)).toBeDefined()
    expect(shed).toHaveLength(4)
    const owed = shed.reduce((sum, connection) => sum + heldBytes(connection), 0)
    expect(pool.leasedBytes - owed).toBeLessThanOrEqual(BYTES_MAX)
  })

  it('sheds a connection once, also when it asks again before its socket is gone', () => {
    holder(24 * KIB)
    const asker = holder(40 * KIB)
    budget.lease(asker, 8 * KIB)
    expect(budget.lease(asker, 8 * KIB)).toBeUndefined()
    expect([shed, budget.owedBytes]).toEqual([[asker], 40 * KIB])
  })
})

describe('a storm of equal holders', () => {
  it('walks over the connections once for hundreds of refusals, and holds the bound all the way', () => {
    const { length } = Array.from({ length: BYTES_MAX / KIB }, () => ringOf(KIB))
    let visited = 0
    vi.spyOn(connections, Symbol.iterator).mockImplementation(function* walk(): SetIterator<Connection> {
      for (const connection of connections.values()) {
        visited++
        yield connection
      }
      return undefined
    })
    for (let asked = 0; asked < 100 * length; asked++) {
      ringOf(KIB)
      const victim = shed.at(-1)
      if (victim !== undefined && connections.has(victim)) close(victim)
      expect(pool.leasedBytes).toBe(BYTES_MAX)
    }
    expect([shed.length, connections.size]).toEqual([100 * length, length])
    // Each walk finds all of them: two passes for as many refusals as there are holders.
    expect(visited / shed.length).toBeLessThan(4)
  })

  it('sheds one that came to hold more since the last walk before those that were found then', () => {
    for (let count = 0; count < BYTES_MAX / KIB; count++) ringOf(KIB)
    close(shedBy(ringOf(KIB)))
    for (const each of [...connections].slice(0, 8)) close(each)
    const large = ringOf(8 * KIB)
    ringOf(KIB)
    expect(shed.at(-1)).toBe(large)
  })
})

describe('what was owed', () => {
  it('is owed no more when the socket is gone: the bound holds as before', () => {
    const large = holder(40 * KIB)
    const other = holder(24 * KIB)
    const asker = joined()
    const block = budget.lease(asker, 8 * KIB)
    close(large)
    expect(pool.leasedBytes).toBe(32 * KIB)
    expect([large.lentBytes, budget.owedBytes]).toEqual([0, 0])
    if (block !== undefined) budget.release(asker, block)
    close(other)
    expect(pool.leasedBytes).toBe(0)
    // Nothing is owed: the whole bound, and not a byte more, can be lent without shedding.
    const next = joined()
    expect([budget.lease(next, 32 * KIB), budget.lease(next, 32 * KIB)]).not.toContain(undefined)
    expect(shed).toEqual([large])
    expect(budget.lease(next, KIB)).toBeUndefined()
  })
})

describe('what one that was shed gives back before its socket is gone', () => {
  it('is owed no more from then on: nobody is lent it a second time', () => {
    const large = ringOf(32 * KIB)
    large.parked = { blocks: [], tailBytes: 0 }
    for (let count = 0; count < 3; count++) ringOf(10 * KIB)
    const asker = joined()
    expect(budget.lease(asker, 16 * KIB)).toHaveLength(16 * KIB)
    expect([shed, budget.owedBytes]).toEqual([[large], 32 * KIB])
    // Its bytes have been dispatched, in the read that it was shed in.
    if (large.ring !== null) budget.release(large, large.ring.memory)
    large.ring = null
    expect(budget.owedBytes).toBe(0)
    for (let asked = 0; asked < 64; asked++) budget.lease(joined(), KIB)
    expect(pool.leasedBytes - budget.owedBytes).toBeLessThanOrEqual(BYTES_MAX)
    close(large)
    expect(pool.leasedBytes - budget.owedBytes).toBeLessThanOrEqual(BYTES_MAX)
  })
})

/** What connections have that were not shed. */
function lentBytes(): number {
  let bytes = 0
  for (const connection of connections) if (!connection.isShed) bytes += connection.lentBytes
  return bytes
}

/** All that a worker may do to its budget, in any order. */
class Life {
  readonly #random: Random
  /** The worker's block, while its own slab is with a connection; null while it has that. */
  #slab: Uint8Array | null = null

  constructor(random: Random) {
    this.#random = random
  }

  step(): void {
    const all = [...connections]
    const connection = all[this.#random.integer(0, all.length)] ?? joined()
    switch (this.#random.integer(0, 7)) {
      case 0:
      case 1:
      case 2:
        this.#park(connection)
        break
      case 3:
        this.#ring(connection)
        break
      case 4:
        // All of it was sent, or dispatched: also of one that was shed, in the callback that it was shed in.
        this.#giveBack(connection)
        break
      case 5:
        this.#swap(connection)
        break
      case 6:
        this.#goHome()
        break
      default:
        if (connection.isShed || this.#random.integer(0, 7) === 0) close(connection)
    }
  }

  end(): void {
    for (const connection of [...connections]) close(connection)
    this.#goHome()
  }

  #park(connection: Connection): void {
    const block = budget.lease(connection, this.#random.integer(1, 40 * KIB))
    if (block === undefined) return
    // Written at once, or still read from.
    if (this.#random.integer(0, 3) === 0) budget.release(connection, block)
    else (connection.parked ??= { blocks: [], tailBytes: 0 }).blocks.push(block)
  }

  #ring(connection: Connection): void {
    const { ring } = connection
    const block = budget.lease(connection, this.#random.integer(1, 32 * KIB))
    if (block === undefined) return
    if (ring !== null) budget.release(connection, ring.memory)
    connection.ring = new RingBuffer(block)
  }

  #giveBack(connection: Connection): void {
    if (this.#random.integer(0, 1) === 0) {
      for (const block of connection.parked?.blocks ?? []) budget.release(connection, block)
      connection.parked = null
    } else if (connection.ring !== null) {
      budget.release(connection, connection.ring.memory)
      connection.ring = null
    }
  }

  #swap(connection: Connection): void {
    if (this.#slab === null) this.#slab = budget.leaseReserve()
    else if (!connection.isShed) {
      const { blocks } = (connection.parked ??= { blocks: [], tailBytes: 0 })
      blocks.push(this.#slab)
      this.#slab = budget.swapReserve(connection)
    }
  }

  #goHome(): void {
    if (this.#slab !== null) budget.releaseReserve(this.#slab)
    this.#slab = null
  }
}

describe('a budget, whatever its worker does', () => {
  it('holds its bound at every moment, owes what the shed have, and ends at nothing', async () => {
    await withSeed('buffer budget', (random) => {
      const life = new Life(random)
      for (let steps = 0; steps < 20_000; steps++) {
        life.step()
        let owed = 0
        for (const { isShed, lentBytes: lent } of connections) if (isShed) owed += lent
        expect(budget.owedBytes).toBe(owed)
        expect(lentBytes()).toBeLessThanOrEqual(BYTES_MAX)
        expect(pool.leasedBytes - owed).toBeLessThanOrEqual(pool.bytesMax)
      }
      expect(shed.length).toBeGreaterThan(100)
      life.end()
      expect([pool.leasedBytes, pool.leasedBlocks, budget.owedBytes]).toEqual([0, 0, 0])
    })
  })
})
