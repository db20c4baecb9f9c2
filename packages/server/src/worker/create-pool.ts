/**
 * Owns the sizes of a worker's buffer pool, as they follow from the configuration.
 * Must not know: who gets a block.
 */
import { BufferPool, FRAME_OVERHEAD_BYTES } from '@shardwire/protocol'
import { CODEC_OVERHEAD_BYTES } from '../codec/spoken-codec.ts'
import type { Config } from '../config/load-config.ts'
import { WRITE_SLAB_BYTES } from './outbound.ts'
import { READ_SLAB_BYTES } from './read-path.ts'
import { RING_BYTES_MIN } from './rings.ts'

/** What the pool keeps free after a burst. */
const FREE_BYTES_MAX = 16 * 1024 * 1024
/** Large enough for malloc to map it: what is cut from it leaves no holes in the heap when it goes. */
const SLAB_BYTES = 1024 * 1024
/** What V8 takes for a block beside its bytes, with the ring over it: measured over 15 000 of the smallest. */
const BLOCK_OVERHEAD_BYTES = 320
/** On top of what connections may have: a slab to write in while another is parked, and a largest block's overhead. */
const OWN_BYTES = WRITE_SLAB_BYTES + 2 * BLOCK_OVERHEAD_BYTES

/** A ring holds one frame or message of the largest size, or what a read leaves. */
export function ringBytesMaxOf({ listen }: Config): number {
  const overhead = listen.some(({ codec }) => codec !== 'frame') ? CODEC_OVERHEAD_BYTES : FRAME_OVERHEAD_BYTES
  const frameBytesMax = Math.max(...listen.map(({ maxFrameBytes }) => maxFrameBytes)) + overhead
  return Math.max(frameBytesMax, READ_SLAB_BYTES)
}

/** The worker's buffers: for rings, parked blocks and large answers, and the slab that the budget has in reserve. */
export function createPool(config: Config, ringBytesMax: number): BufferPool {
  return new BufferPool({
    bytesMax: config.maxBufferBytes + OWN_BYTES,
    blockBytesMin: RING_BYTES_MIN,
    blockOverheadBytes: BLOCK_OVERHEAD_BYTES,
    slabBytes: SLAB_BYTES,
    // A documented socket reads in memory of its own: the chunk that ends a frame brings some of the next.
    blockBytesMax: ringBytesMax + READ_SLAB_BYTES,
    freeBytesMax: Math.min(FREE_BYTES_MAX, config.maxBufferBytes / 4),
    poison: config.debugViews,
  })
}
