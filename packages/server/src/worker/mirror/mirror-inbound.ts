/**
 * Owns the way from what the target sends to frames.
 * Must not know: what a frame means, sockets.
 * Invariant: memory grows with the bytes that came, never with what a header promises, and is bounded by one frame of
 * the largest size and one read.
 */
import { allocateMemory, DECODE_FRAME, DECODE_NEED_MORE, FrameDecoder, RingBuffer } from '@shardwire/protocol'

const RING_BYTES_MIN = 512

export class MirrorInbound {
  /** Set once what came was no stream of frames. */
  broken: string | undefined
  readonly #decoder: FrameDecoder
  readonly #onFrame: (decoder: FrameDecoder, memory: Uint8Array) => void
  readonly #stream = { brokenCode: 0 }
  /** Begins with a cut frame; undefined while none is. */
  #ring: RingBuffer | undefined

  /** @param onFrame the decoder's fields describe a frame in the memory until it returns */
  constructor(frameBytesMax: number, onFrame: (decoder: FrameDecoder, memory: Uint8Array) => void) {
    this.#decoder = new FrameDecoder(frameBytesMax)
    this.#onFrame = onFrame
  }

  /** Takes memory[0, bytes), which may be overwritten afterwards. */
  feed(memory: Uint8Array, bytes: number): void {
    if (this.#ring !== undefined) return this.#feedRing(this.#ring, memory, bytes)
    const at = this.#run(memory, 0, bytes)
    if (at === bytes || this.broken !== undefined) return
    this.#ring = new RingBuffer(allocateMemory(roundUp(bytes - at)))
    this.#ring.append(memory, at, bytes)
  }

  #feedRing(ring: RingBuffer, memory: Uint8Array, bytes: number): void {
    const needed = ring.readableBytes + bytes
    if (!ring.makeRoom(needed)) ring.moveTo(allocateMemory(roundUp(needed)))
    ring.append(memory, 0, bytes)
    const { head } = ring
    ring.consume(this.#run(ring.memory, head, ring.tail) - head)
    if (ring.readableBytes === 0 || this.broken !== undefined) this.#ring = undefined
  }

  /** @returns the offset behind the last whole frame */
  #run(memory: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end) {
      const status = this.#decoder.next(this.#stream, memory, at, end)
      if (status === DECODE_NEED_MORE) return at
      if (status !== DECODE_FRAME) {
        this.broken = this.#decoder.brokenDetail
        return at
      }
      at = this.#decoder.frameEnd
      this.#onFrame(this.#decoder, memory)
    }
    return at
  }
}

function roundUp(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(RING_BYTES_MIN, bytes)))
}
