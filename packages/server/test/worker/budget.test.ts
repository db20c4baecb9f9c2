import { BufferPool, RingBuffer } from '@shardwire/protocol'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Budget, heldBytes } from '../../src/worker/budget.ts'
import type { Connection } from '../../src/worker/connection.ts'
import { connect } from './fake-transport.ts'

const KIB = 1024
const BYTES_MAX = 64 * KIB

let pool: BufferPool
let connections: Set<Connection>
/** Those that were shed, in order. */
let shed: Connection[]
let budget: Budget
beforeEach(() => {
  pool = new BufferPool({ bytesMax: BYTES_MAX, blockBytesMin: KIB, blockBytesMax: 32 * KIB, freeBytesMax: BYTES_MAX })
  connections = new Set()
  shed = []
  budget = new Budget({ pool, bytesMax: BYTES_MAX, connections, shed: (connection) => shed.push(connection) })
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
  for (let held = 0; held < bytes; held += 8 * KIB) blocks.push(budget.leaseForWorker(8 * KIB))
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
  budget.closed(connection)
  for (const block of connection.parked?.blocks ?? []) budget.release(block)
  connection.parked = null
  if (connection.ring !== null) budget.release(connection.ring.memory)
  connection.ring = null
  connections.delete(connection)
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
    const reader = joined()
    reader.ring = new RingBuffer(budget.leaseForWorker(32 * KIB))
    holder(8 * KIB)
    expect(budget.lease(joined(), KIB)).toHaveLength(KIB)
    expect(shed).toEqual([reader])
  })

  it('costs the asker when nobody holds anything', () => {
    budget.leaseForWorker(32 * KIB)
    budget.leaseForWorker(32 * KIB)
    const asker = joined()
    expect(budget.lease(asker, KIB)).toBeUndefined()
    expect(shed).toEqual([asker])
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
    const { shedBytes } = asker
    budget.lease(asker, 8 * KIB)
    expect(asker.shedBytes).toBe(shedBytes)
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
    expect(large.shedBytes).toBe(0)
    if (block !== undefined) budget.release(block)
    close(other)
    expect(pool.leasedBytes).toBe(0)
    // Nothing is owed: the whole bound, and not a byte more, can be lent without shedding.
    const next = joined()
    expect([budget.lease(next, 32 * KIB), budget.lease(next, 32 * KIB)]).not.toContain(undefined)
    expect(shed).toEqual([large])
    expect(budget.lease(next, KIB)).toBeUndefined()
  })
})
