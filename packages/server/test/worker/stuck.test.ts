/** Owns the tests of what connections hold that are stuck in the middle of a frame, and of what is left of them. */
import { encodeFrame, KIND_MESSAGE } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { route } from '../../src/service/route.ts'
import { WRITE_SLAB_BYTES } from '../../src/worker/outbound.ts'
import { type FakePeer, type FakeShard, fakeShard, request } from './fake-shard.ts'

const ROUTE_ECHO = 1
const ROUTE_NEVER = 2
const MIB = 1024 * 1024
const COUNT = 15_000
/** A smallest ring, and what having it takes. */
const STUCK_BYTES = 512 + 320
const TICK_MS = 20

const FRAME_1_KB = encodeFrame({ kind: KIND_MESSAGE, route: ROUTE_ECHO, body: new Uint8Array(1024) })
const FRAME_1_MB = encodeFrame({ kind: KIND_MESSAGE, route: ROUTE_ECHO, body: new Uint8Array(MIB) })

function shardOf(environment: Readonly<Record<string, string>>): FakeShard {
  return fakeShard(
    { SHARDWIRE_DEBUG_VIEWS: 'false', ...environment },
    {
      echo: route(ROUTE_ECHO, { body: 'bytes' }, (asked) => asked.forward()),
      never: route(ROUTE_NEVER, { timeoutMs: 60_000 }, () => new Promise(() => undefined)),
    },
  )
}

/** Opens `count` connections that send `bytes` each; the sockets of those that are shed close at once. */
function stick({ connect }: FakeShard, count: number, bytes: Uint8Array): FakePeer[] {
  const peers: FakePeer[] = []
  let shedBefore = 0
  for (let index = 0; index < count; index++) {
    const peer = connect()
    peers.push(peer)
    peer.handle.arrive(bytes)
    while (peers[shedBefore]?.ended === 'reset') peers[shedBefore++]?.handle.closes()
  }
  for (const peer of peers.slice(shedBefore)) if (peer.ended === 'reset') peer.handle.closes()
  return peers
}

function leave(peers: readonly FakePeer[]): void {
  for (const [index, { connection, handle }] of peers.entries()) {
    if (connection.transport.owner === undefined) continue
    if (index % 2 === 0) handle.arriveReset()
    else {
      handle.arriveEnd()
      handle.finLeaves()
    }
    handle.closes()
  }
}

describe.each([
  ['behind its third byte', FRAME_1_KB.subarray(0, 3), STUCK_BYTES],
  ['behind its header', FRAME_1_KB.subarray(0, 16), STUCK_BYTES],
  ['behind 200 bytes of 1 MB', FRAME_1_MB.subarray(0, 200), STUCK_BYTES],
  ['behind 3000 bytes of 1 MB', FRAME_1_MB.subarray(0, 3000), 8192 + 320],
])('15 000 connections that are stuck in a frame, %s', (_, bytes, eachBytes) => {
  it('hold one small block each while the bound allows it, and nothing once they are gone', () => {
    const worker = shardOf({ SHARDWIRE_MAX_BUFFER_BYTES: String(256 * MIB) })
    for (let wave = 0; wave < 2; wave++) {
      const peers = stick(worker, COUNT, bytes)
      expect(worker.shard.pool.leasedBytes).toBe(COUNT * eachBytes)
      leave(peers)
      expect([worker.shard.pool.leasedBytes, worker.shard.pool.leasedBlocks]).toEqual([0, 0])
      expect(worker.shard.pool.freeBytes).toBeLessThanOrEqual(16 * MIB)
    }
    expect(worker.closes()).toEqual({ PEER_RESET: COUNT, TRUNCATED: COUNT })
  })

  it('hold the bound and no more where it is small: so many stay as it has room for, and the rest is shed', () => {
    const worker = shardOf({ SHARDWIRE_MAX_BUFFER_BYTES: String(2 * MIB) })
    const { pool } = worker.shard
    // All but the reserve, which is the worker's.
    const room = Math.floor((pool.bytesMax - pool.costOf(WRITE_SLAB_BYTES)) / eachBytes)
    const peers = stick(worker, COUNT, bytes)
    expect(worker.shard.pool.leasedBytes).toBe(room * eachBytes)
    expect(worker.shard.connections.size).toBe(room)
    expect(worker.closes()).toEqual({ BUFFER_LIMIT: COUNT - room })
    leave(peers)
    expect([worker.shard.pool.leasedBytes, worker.shard.pool.leasedBlocks]).toEqual([0, 0])
  })
})

describe('one wheel', () => {
  it('serves every deadline of a worker: one timer, and none when the last connection is gone', () => {
    const worker = shardOf({ SHARDWIRE_HEARTBEAT_MS: '30000', SHARDWIRE_IDLE_TIMEOUT_MS: '60000' })
    expect(worker.clock.pendingTimers).toBe(0)
    const peers = stick(worker, 500, FRAME_1_KB.subarray(0, 3))
    const waiting = worker.connect()
    waiting.send(...Array.from({ length: 100 }, (_, id) => request(ROUTE_NEVER, id + 1)))
    const slow = worker.connect()
    slow.handle.room = 100
    slow.handle.arrive(FRAME_1_KB)
    expect(slow.handle.pendingWrites).toBe(1)
    expect(worker.shard.counters.callsInFlight).toBe(100)
    expect(worker.clock.pendingTimers).toBe(1)
    waiting.handle.arriveReset()
    slow.handle.arriveReset()
    waiting.handle.closes()
    slow.handle.closes()
    leave(peers)
    worker.clock.advance(TICK_MS)
    expect(worker.clock.pendingTimers).toBe(0)
  })
})
