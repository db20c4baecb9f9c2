import { BufferPool, encodeFrame, KIND_ERROR, KIND_MESSAGE, KIND_RESPONSE } from '@shardwire/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { Budget, heldBytes } from '../../src/worker/budget.ts'
import { type Connection, STATE_CLOSED } from '../../src/worker/connection.ts'
import { type Counters, createCounters } from '../../src/worker/counters.ts'
import { Outbound, WRITE_SLAB_BYTES } from '../../src/worker/outbound.ts'
import { connect, type FakeConnection } from './fake-transport.ts'

const BYTES_MAX = 16 * WRITE_SLAB_BYTES
const BLOCK_BYTES_MAX = 8 * WRITE_SLAB_BYTES

let pool: BufferPool
let counters: Counters
let connections: Set<Connection>
let shed: Connection[]
let pending: Connection[]
let budget: Budget
let outbound: Outbound
beforeEach(() => {
  // Poisoned, so that a block that goes back too early shows in what is sent.
  const blocks = { blockBytesMin: 4096, blockBytesMax: BLOCK_BYTES_MAX }
  pool = new BufferPool({ bytesMax: BYTES_MAX + WRITE_SLAB_BYTES, ...blocks, freeBytesMax: BYTES_MAX, poison: true })
  counters = createCounters()
  connections = new Set()
  shed = []
  pending = []
  budget = new Budget({ pool, reserveBytes: WRITE_SLAB_BYTES, connections, shed: cutOff })
  outbound = new Outbound(budget, counters, (connection) => pending.push(connection))
})

function cutOff(connection: Connection): void {
  shed.push(connection)
  connection.transport.reset()
}

function joined(): FakeConnection {
  const connection = connect()
  connections.add(connection)
  return connection
}

function respond(connection: Connection, id: number, body: Uint8Array): void {
  outbound.send(connection, KIND_RESPONSE, 1, id, body)
}

function responses(count: number, body: Uint8Array, first = 1): Buffer {
  const frame = (_: unknown, index: number): Uint8Array =>
    encodeFrame({ kind: KIND_RESPONSE, route: 1, id: first + index, body })
  return Buffer.concat(Array.from({ length: count }, frame))
}

function echoes(count: number, fill: number, bodyBytes = 100): Buffer {
  const frame = encodeFrame({ kind: KIND_MESSAGE, route: 1, body: new Uint8Array(bodyBytes).fill(fill) })
  return Buffer.concat(Array.from({ length: count }, () => frame))
}

/** Forwards the frames of `memory` one by one, as dispatch does. */
function forwardEach(connection: Connection, memory: Buffer, frameBytes: number): void {
  for (let at = 0; at < memory.length; at += frameBytes) outbound.forward(connection, memory, at, at + frameBytes)
}

/** Spends what the budget has left, in the name of one connection. */
function spend(connection: Connection): void {
  connection.parked = { blocks: [], tailBytes: 0 }
  while (pool.leasedBytes < BYTES_MAX) {
    const block = budget.lease(connection, 4096)
    if (block !== undefined) connection.parked.blocks.push(block)
  }
}

/** The socket is gone. */
function close(connection: Connection): void {
  connection.state = STATE_CLOSED
  outbound.reclaim(connection)
  connections.delete(connection)
}

const SMALL = Buffer.from('answer')

describe('a batch', () => {
  it('of answers leaves in one write, in order', () => {
    const connection = joined()
    for (let id = 1; id <= 100; id++) respond(connection, id, SMALL)
    expect(connection.transport.writes).toBe(0)
    outbound.flush()
    expect(connection.transport.taken).toEqual(responses(100, SMALL))
    expect([connection.transport.writes, counters.writes]).toEqual([1, 1])
    expect(counters.bytesOut).toBe(connection.transport.takenBytes)
  })

  it('of forwarded frames leaves in one write, copied from where they stand', () => {
    const connection = joined()
    const memory = echoes(50, 7)
    forwardEach(connection, memory, 110)
    outbound.flush()
    expect(connection.transport.taken).toEqual(memory)
    expect(connection.transport.writes).toBe(1)
  })

  it('of both keeps the order in which they were answered, in one write', () => {
    const connection = joined()
    const memory = echoes(3, 7)
    outbound.forward(connection, memory, 0, 110)
    respond(connection, 1, SMALL)
    outbound.forward(connection, memory, 110, 220)
    outbound.sendEncoded(connection, echoes(1, 9))
    outbound.forward(connection, memory, 220, 330)
    outbound.flush()
    const [echo, encoded] = [echoes(1, 7), echoes(1, 9)]
    expect(connection.transport.taken).toEqual(Buffer.concat([echo, responses(1, SMALL), echo, encoded, echo]))
    expect(connection.transport.writes).toBe(1)
  })

  it('that is larger than the slab leaves in as few writes as slabs, with no frame between two of them lost', () => {
    const connection = joined()
    const body = new Uint8Array(1000).fill(3)
    for (let id = 1; id <= 300; id++) respond(connection, id, body)
    outbound.flush()
    expect(connection.transport.taken).toEqual(responses(300, body))
    expect(connection.transport.writes).toBeLessThanOrEqual(Math.ceil((300 * 1020) / (WRITE_SLAB_BYTES - 1020)))
  })

  it('that has nothing in it is no write', () => {
    outbound.flush()
    expect(counters.writes).toBe(0)
  })
})

describe('a run of forwarded frames', () => {
  it('is never sent to another connection that is served next', () => {
    const [one, other] = [joined(), joined()]
    const memory = echoes(4, 1)
    forwardEach(one, memory, 110)
    // As if the next read had landed in the same slab, right behind.
    const same = Buffer.from(memory)
    outbound.forward(other, same, 0, 110)
    outbound.flush()
    expect(one.transport.taken).toEqual(memory)
    expect(other.transport.taken).toEqual(same.subarray(0, 110))
  })

  it('is not joined with the next frame of the same place when that is another connection', () => {
    const [one, other] = [joined(), joined()]
    const memory = Buffer.concat([echoes(1, 1), echoes(1, 2)])
    outbound.forward(one, memory, 0, 110)
    outbound.forward(other, memory, 110, 220)
    outbound.flush()
    expect(one.transport.taken).toEqual(echoes(1, 1))
    expect(other.transport.taken).toEqual(echoes(1, 2))
  })

  it('larger than the slab that the budget refuses is dropped with its connection, not sent to the next', () => {
    const [greedy, next] = [joined(), joined()]
    spend(greedy)
    greedy.transport.room = 0
    const memory = echoes(1, 1, 2 * WRITE_SLAB_BYTES)
    outbound.forward(greedy, memory, 0, memory.length)
    const mine = echoes(1, 2)
    outbound.forward(next, mine, 0, mine.length)
    outbound.flush()
    expect(shed).toEqual([greedy])
    expect(greedy.transport.taken).toHaveLength(0)
    expect(next.transport.taken).toEqual(mine)
  })

  it('refused in the middle of a batch: what the batch still answers goes nowhere, the next batch to its owner', () => {
    const [greedy, next] = [joined(), joined()]
    spend(greedy)
    respond(greedy, 1, SMALL)
    const memory = echoes(1, 1, 2 * WRITE_SLAB_BYTES)
    outbound.forward(greedy, memory, 0, memory.length)
    respond(greedy, 2, SMALL)
    outbound.forward(greedy, memory, 0, memory.length)
    respond(next, 3, SMALL)
    outbound.flush()
    expect(next.transport.taken).toEqual(responses(1, SMALL, 3))
    expect(greedy.transport.taken.includes(memory.subarray(0, 50))).toBe(false)
  })
})

describe('answers behind a write that has not finished', () => {
  it('are copied behind it: the slab stays, and every byte comes in order once the peer reads', () => {
    const slow = joined()
    slow.transport.room = 10
    for (let id = 1; id <= 50; id++) {
      respond(slow, id, SMALL)
      outbound.flush()
    }
    const other = joined()
    for (let id = 1; id <= 500; id++) respond(other, id, SMALL)
    outbound.flush()
    slow.transport.take()
    expect(slow.transport.taken).toEqual(responses(50, SMALL))
    expect(other.transport.taken).toEqual(responses(500, SMALL))
  })

  it('make a peer that does not read hold about as much as is unsent, however small they are', () => {
    const slow = joined()
    slow.transport.room = 0
    const frame = echoes(1, 5, 1)
    for (let count = 0; count < 50_000; count++) {
      outbound.forward(slow, frame, 0, frame.length)
      outbound.flush()
    }
    const { unsentBytes } = slow.transport
    expect(unsentBytes).toBe(50_000 * frame.length)
    // The slab it began with, and a tail of the smallest size at the end.
    expect(heldBytes(slow)).toBeLessThanOrEqual(unsentBytes + WRITE_SLAB_BYTES + 16_384)
    expect(shed).toEqual([])
  })

  it('are told as pending, each write of them; what left at once is not', () => {
    const [slow, quick] = [joined(), joined()]
    slow.transport.room = 0
    for (const connection of [slow, quick, slow]) respond(connection, 1, SMALL)
    outbound.flush()
    expect(pending).toEqual([slow, slow])
  })

  it('that the budget refuses cost the connection that hoards, while another is answered', () => {
    const [slow, innocent] = [joined(), joined()]
    slow.transport.room = 0
    const body = new Uint8Array(10_000)
    for (let id = 1; shed.length === 0; id++) {
      respond(slow, id, body)
      respond(innocent, id, SMALL)
      outbound.flush()
    }
    expect(shed).toEqual([slow])
    expect(heldBytes(innocent)).toBe(0)
    respond(innocent, 1, SMALL)
    outbound.flush()
    expect(innocent.transport.ended).toBeUndefined()
    close(slow)
    // The worker's own slab is not the pool's.
    expect([pool.leasedBlocks, pool.leasedBytes]).toEqual([0, 0])
  })
})

describe('an answer larger than the slab', () => {
  const LARGE = new Uint8Array(3 * WRITE_SLAB_BYTES).fill(9)

  it('leaves behind what was answered before, its block given back at once where the kernel takes it', () => {
    const connection = joined()
    respond(connection, 1, SMALL)
    respond(connection, 2, LARGE)
    respond(connection, 3, SMALL)
    outbound.flush()
    const expected = Buffer.concat([responses(1, SMALL), responses(1, LARGE, 2), responses(1, SMALL, 3)])
    expect(Buffer.compare(connection.transport.taken, expected)).toBe(0)
    expect(pool.leasedBlocks).toBe(0)
  })

  it('is held until it has left, and what follows comes behind it', () => {
    const connection = joined()
    connection.transport.room = 1000
    respond(connection, 1, LARGE)
    respond(connection, 2, SMALL)
    outbound.flush()
    connection.transport.take()
    const expected = Buffer.concat([responses(1, LARGE), responses(1, SMALL, 2)])
    expect(Buffer.compare(connection.transport.taken, expected)).toBe(0)
    outbound.reclaim(connection)
    expect(pool.leasedBlocks).toBe(0)
  })

  it('that no block can hold costs its connection alone', () => {
    const [connection, other] = [joined(), joined()]
    respond(connection, 1, new Uint8Array(BLOCK_BYTES_MAX))
    respond(other, 1, SMALL)
    outbound.flush()
    expect(shed).toEqual([connection])
    expect(other.transport.taken).toEqual(responses(1, SMALL))
  })

  it('forwarded: copied before the memory that it stands in is read into again', () => {
    const connection = joined()
    connection.transport.room = 100
    const memory = echoes(1, 4, 2 * WRITE_SLAB_BYTES)
    const expected = Buffer.from(memory)
    outbound.forward(connection, memory, 0, memory.length)
    outbound.flush()
    memory.fill(0xff)
    connection.transport.take()
    expect(Buffer.compare(connection.transport.taken, expected)).toBe(0)
  })
})

describe('nothing is sent', () => {
  it.each([
    ['after FIN', (connection: FakeConnection) => connection.transport.end()],
    ['after a reset', (connection: FakeConnection) => connection.transport.reset()],
    ['to a closed connection', (connection: FakeConnection) => (connection.state = STATE_CLOSED)],
  ])('%s: neither an answer, nor a large one, nor a run', (_, end) => {
    const connection = joined()
    end(connection)
    respond(connection, 1, SMALL)
    outbound.send(connection, KIND_ERROR, 1, 2, new Uint8Array(2 * WRITE_SLAB_BYTES))
    outbound.forward(connection, echoes(1, 1), 0, 110)
    outbound.sendEncoded(connection, echoes(1, 2))
    outbound.flush()
    expect([connection.transport.writes, counters.bytesOut]).toEqual([0, 0])
    expect(pool.leasedBlocks).toBe(0)
  })

  it('of what a batch had gathered when its connection was reset, and no other pays for it', () => {
    const [broken, hoarder, next] = [joined(), joined(), joined()]
    broken.transport.room = 0
    respond(broken, 1, new Uint8Array(WRITE_SLAB_BYTES / 2))
    outbound.flush()
    spend(hoarder)
    // More than what is free behind the pending write: it would need a block.
    respond(broken, 2, new Uint8Array(WRITE_SLAB_BYTES / 2))
    broken.transport.reset()
    respond(next, 3, SMALL)
    outbound.flush()
    expect(next.transport.taken).toEqual(responses(1, SMALL, 3))
    expect(shed).toEqual([])
  })
})

describe('what is parked', () => {
  it('is given back once, and the memory is not touched before', () => {
    const connection = joined()
    connection.transport.room = 0
    for (let id = 1; id <= 200; id++) {
      respond(connection, id, new Uint8Array(1000).fill(id))
      outbound.flush()
    }
    expect(pool.leasedBlocks).toBeGreaterThan(2)
    connection.transport.take()
    outbound.reclaim(connection)
    outbound.reclaim(connection)
    expect([pool.leasedBlocks, connection.parked]).toEqual([0, null])
    const bodies = Array.from({ length: 200 }, (_, index) =>
      responses(1, new Uint8Array(1000).fill(index + 1), index + 1),
    )
    expect(Buffer.compare(connection.transport.taken, Buffer.concat(bodies))).toBe(0)
  })

  it('after it was given back the next answers begin in the slab again', () => {
    const connection = joined()
    connection.transport.room = 0
    respond(connection, 1, SMALL)
    outbound.flush()
    connection.transport.take()
    outbound.reclaim(connection)
    respond(connection, 2, SMALL)
    outbound.flush()
    expect(connection.transport.taken).toEqual(responses(2, SMALL))
    expect([pool.leasedBlocks, connection.parked]).toEqual([0, null])
  })

  it("stays its connection's while others are answered from blocks, which go back in whatever order they come", () => {
    const peers = [joined(), joined(), joined()]
    for (const [index, peer] of peers.entries()) {
      peer.transport.room = 0
      respond(peer, index + 1, new Uint8Array(5000).fill(index + 1))
      outbound.flush()
    }
    const quick = joined()
    respond(quick, 9, SMALL)
    outbound.flush()
    expect(quick.transport.taken).toEqual(responses(1, SMALL, 9))
    for (const index of [1, 0, 2]) {
      const peer = peers[index] ?? expect.fail('no such peer')
      peer.transport.take()
      outbound.reclaim(peer)
      expect(peer.transport.taken).toEqual(responses(1, new Uint8Array(5000).fill(index + 1), index + 1))
      respond(quick, 10 + index, SMALL)
      outbound.flush()
    }
    expect(quick.transport.taken.length).toBe(4 * responses(1, SMALL).length)
    expect([pool.leasedBlocks, pool.leasedBytes]).toEqual([0, 0])
  })

  it('comes back in the middle of a batch without disturbing what that has gathered', () => {
    const [slow, quick] = [joined(), joined()]
    slow.transport.room = 0
    respond(slow, 1, SMALL)
    outbound.flush()
    respond(quick, 2, SMALL)
    slow.transport.take()
    outbound.reclaim(slow)
    respond(quick, 3, SMALL)
    outbound.flush()
    expect(quick.transport.taken).toEqual(responses(2, SMALL, 2))
    expect(pool.leasedBlocks).toBe(0)
  })
})
