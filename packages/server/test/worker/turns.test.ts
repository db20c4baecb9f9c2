/**
 * How much of one turn of the loop a connection can take, whatever the sizes of its frames: reads follow one another.
 */
import { encodeFrame } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { route } from '../../src/service/service.ts'
import { READ_SLAB_BYTES } from '../../src/worker/read-path.ts'
import { TURN_BYTES_MAX } from '../../src/worker/turn-budget.ts'
import { fakeShard, type FakePeer, message } from './fake-shard.ts'

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
