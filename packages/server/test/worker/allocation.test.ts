/** Owns the tests of what a frame costs in a steady state: no memory, and no write of its own. */
import { encodeFrame, type Frame, KIND_CONTROL, KIND_MESSAGE, KIND_REQUEST, OPCODE_PING } from '@shardwire/protocol'
import { getHeapStatistics } from 'node:v8'
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../src/worker/connection.ts'
import { heldBytes } from '../../src/worker/budget.ts'
import type { Forward } from '../../src/service/forward.ts'
import { type Handler, route } from '../../src/service/route.ts'
import type { Shard } from '../../src/worker/shard.ts'
import { FakeHandle } from '../transport/fake-handle.ts'
import { fakeShard } from './fake-shard.ts'

const ROUTE = 1
const BODY = new Uint8Array(64).fill(7)
const FRAMES_PER_READ = 1500
/** Reads of a block: 120 000 frames over both connections. */
const READS = 40
/** Blocks until the steady state is there at the latest: code that is not compiled yet boxes its numbers. */
const BLOCKS_MAX = 30
const BLOCKS_OF_CONTROL = 5
/**
 * What a frame may allocate, in bytes. The smallest object or number would be 12; what is left is what each read and
 * write takes (a view or two), divided by its frames.
 */
const BYTES_PER_FRAME_MAX = 4

/** A kernel that takes everything, keeps nothing and allocates nothing. */
class SinkHandle extends FakeHandle {
  bytesWritten = 0
  override writeBuffer(_: null, memory: Uint8Array): number {
    this.writes++
    this.bytesWritten += memory.length
    return 0
  }
}

interface Peer {
  readonly handle: SinkHandle
  readonly connection: Connection
}

function connect(shard: Shard): Peer {
  const handle = new SinkHandle()
  const connection = shard.adopt(handle.asRaw, 0)
  shard.open(connection)
  return { handle, connection }
}

/** All bytes that this thread has allocated on the heap of V8, whatever became of them. */
function allocatedBytes(): number {
  const bytes: unknown = Reflect.get(getHeapStatistics(), 'total_allocated_bytes')
  if (typeof bytes !== 'number') throw new Error('this Node does not count what is allocated')
  return bytes
}

interface Measured {
  readonly bytesPerFrame: number
  readonly peers: readonly Peer[]
  readonly shard: Shard
  readonly reads: number
}

/** Sends the same reads over two connections in turn, so that neither spends its share of a turn. */
function measure(
  reads: readonly Uint8Array[],
  handler: Handler<Uint8Array, Forward>,
  blocksMax = BLOCKS_MAX,
): Measured {
  // As in production: debugging allocates for every frame.
  const { shard, faults } = fakeShard(
    { SHARDWIRE_DEBUG_VIEWS: 'false' },
    { echo: route(ROUTE, { body: 'bytes' }, handler) },
  )
  const peers = [connect(shard), connect(shard)] as const
  const run = (rounds: number): void => {
    for (let round = 0; round < rounds; round++) {
      for (const read of reads) {
        peers[0].handle.arrive(read)
        peers[1].handle.arrive(read)
      }
    }
  }
  let blocks = 0
  let bytesPerFrame = Number.POSITIVE_INFINITY
  while (blocks < blocksMax && bytesPerFrame >= BYTES_PER_FRAME_MAX) {
    const framesBefore = shard.counters.framesIn
    const before = allocatedBytes()
    run(READS / reads.length)
    bytesPerFrame = (allocatedBytes() - before) / (shard.counters.framesIn - framesBefore)
    blocks++
  }
  expect(faults).toEqual([])
  return { bytesPerFrame, peers, shard, reads: blocks * READS * peers.length }
}

const KINDS: Readonly<Record<string, Frame>> = {
  'an echoed MESSAGE': { kind: KIND_MESSAGE, route: ROUTE, body: BODY },
  'an echoed REQUEST': { kind: KIND_REQUEST, route: ROUTE, id: 7, body: BODY },
  'a PING': { kind: KIND_CONTROL, route: OPCODE_PING, body: new Uint8Array(8) },
}

describe.each(Object.entries(KINDS))('%s in a steady state', (_, frame) => {
  const frames = Buffer.concat(Array.from({ length: FRAMES_PER_READ }, () => encodeFrame(frame)))

  it('allocates nothing, and a read of many is answered in one write', () => {
    const { bytesPerFrame, peers, shard, reads } = measure([frames], (request) => request.forward())
    expect(bytesPerFrame).toBeLessThan(BYTES_PER_FRAME_MAX)
    expect(shard.counters.writes).toBe(reads)
    for (const { handle } of peers) expect(handle.bytesWritten).toBe((reads / peers.length) * frames.length)
  })

  it('also when reads cut it; every ring goes back', () => {
    const cuts = [frames.subarray(0, frames.length - 5), frames.subarray(frames.length - 5)]
    const { bytesPerFrame, peers, shard, reads } = measure(cuts, (request) => request.forward())
    expect(bytesPerFrame).toBeLessThan(BYTES_PER_FRAME_MAX)
    expect(shard.counters.ringsLeased).toBe(reads / cuts.length)
    for (const { connection } of peers) expect([connection.ring, heldBytes(connection)]).toEqual([null, 0])
  })
})

describe('the measure', () => {
  it('notices one view a frame', () => {
    const frames = Buffer.concat(
      Array.from({ length: FRAMES_PER_READ }, () => encodeFrame({ kind: KIND_MESSAGE, route: ROUTE, body: BODY })),
    )
    let length = 0
    const { bytesPerFrame } = measure(
      [frames],
      (request) => {
        length += request.bytes.length
        return request.forward()
      },
      BLOCKS_OF_CONTROL,
    )
    expect(length).toBeGreaterThan(0)
    expect(bytesPerFrame).toBeGreaterThan(10 * BYTES_PER_FRAME_MAX)
  })
})
