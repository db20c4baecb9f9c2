/**
 * How much of one turn of the loop a connection can take, whatever the sizes of its frames: reads follow one another.
 */
import { encodeFrame } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { route } from '../../src/service/route.ts'
import { READ_SLAB_BYTES } from '../../src/worker/read-path.ts'
import { TURN_BYTES_MAX } from '../../src/worker/turn-budget.ts'
import { fakeShard, type FakePeer, message, request } from './fake-shard.ts'

const MIB = 1_048_576

/** The same shard, with a route that counts its calls. */
function countingShard(): { readonly connect: () => FakePeer; readonly calls: () => number } {
  let calls = 0
  const shard = fakeShard(
    { SHARDWIRE_MAX_BUFFER_BYTES: `${64 * MIB}` },
    { count: route(1, { body: 'bytes' }, () => void calls++) },
  )
  return { connect: shard.connect, calls: () => calls }
}

/** Bytes that are read in one turn of frames with a body of `bodyBytes` that follow one another without end. */
function bytesInOneTurn(peer: FakePeer, bodyBytes: number): number {
  const frame = encodeFrame(message(1, new Uint8Array(bodyBytes)))
  for (let read = 0; ;) {
    for (let at = 0; at < frame.length;) {
      if (!peer.handle.reading) return read
      const end = Math.min(frame.length, at + 4096)
      peer.handle.arrive(frame.subarray(at, end))
      read += end - at
      // Without a bound a fault would show as a test that does not end.
      if (read > 16 * MIB) return read
      at = end
    }
  }
}

describe('one connection in a turn', () => {
  it.each([64, 4096, READ_SLAB_BYTES - 10, 300_000, MIB])(
    'reads little more than its share of frames with %i bytes',
    async (bodyBytes) => {
      const { connect, calls } = countingShard()
      const peer = connect()
      const read = bytesInOneTurn(peer, bodyBytes)
      expect(read).toBeGreaterThan(TURN_BYTES_MAX)
      expect(read).toBeLessThanOrEqual(TURN_BYTES_MAX + READ_SLAB_BYTES)
      await new Promise(setImmediate)
      expect(peer.handle.reading).toBe(true)
      expect(calls()).toBe(Math.floor(read / (bodyBytes + 10)))
    },
  )

  it('is over after a batch whose only frame was slow to serve, when that filled the read', async () => {
    let isSlow = true
    const { connect, clock } = fakeShard(
      {},
      { slow: route(1, { body: 'bytes' }, () => void (isSlow && clock.hold(5))) },
    )
    const peer = connect()
    peer.send(message(1, new Uint8Array(READ_SLAB_BYTES - 10)))
    expect(peer.handle.reading).toBe(false)
    await new Promise(setImmediate)
    expect(peer.handle.reading).toBe(true)
    isSlow = false
    peer.send(message(1, new Uint8Array(READ_SLAB_BYTES - 10)))
    expect(peer.handle.reading).toBe(true)
  })
})

describe('the end of the peer’s side, which a paused documented socket tells nevertheless', () => {
  const REST = 4

  /** A connection of which all frames but the first wait for the next turn. */
  function heldPeer(...rest: readonly Uint8Array[]): ReturnType<typeof fakeShard> & { readonly peer: FakePeer } {
    const shard = fakeShard({}, { slow: route(1, { body: 'bytes' }, ({ bytes }) => (shard.clock.hold(5), bytes)) })
    const peer = shard.connect()
    const frames = Array.from({ length: 1 + REST }, (_, index) => encodeFrame(request(1, index + 1)))
    peer.handle.arrive(Buffer.concat([...frames, ...rest]))
    return { ...shard, peer }
  }

  it('waits until what came before it has been served', async () => {
    const { peer, closes } = heldPeer()
    const before = peer.answers()
    expect(before.length).toBeLessThan(1 + REST)
    peer.handle.arriveEnd()
    expect(peer.handle.log).not.toContain('shutdown')
    for (let turn = 0; turn < REST + 1; turn++) await new Promise(setImmediate)
    expect([...before, ...peer.answers()]).toEqual(['2 1 1', '2 1 2', '2 1 3', '2 1 4', '2 1 5'])
    peer.handle.finLeaves()
    peer.handle.closes()
    expect(closes()).toEqual({ PEER_ENDED: 1 })
  })

  it('is TRUNCATED when a cut frame is left then, and not before', async () => {
    const { peer, closes } = heldPeer(encodeFrame(request(1, 9)).subarray(0, 7))
    peer.handle.arriveEnd()
    for (let turn = 0; turn < REST + 1; turn++) await new Promise(setImmediate)
    expect(peer.answers()).toHaveLength(1 + REST)
    peer.handle.finLeaves()
    peer.handle.closes()
    expect(closes()).toEqual({ TRUNCATED: 1 })
  })
})
