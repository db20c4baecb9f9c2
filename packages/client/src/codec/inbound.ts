/**
 * Owns the way from the socket's bytes to frames.
 * Must not know: what a frame means, sockets, how bytes are sent.
 * Invariant: a ring exists only while a frame is cut, and holds no byte behind that frame; whole frames are read where
 * they arrived. Memory kept is bounded by the largest frame.
 */
import { allocateMemory, DECODE_FRAME, DECODE_NEED_MORE, FrameDecoder, RingBuffer } from '@shardwire/protocol'
import type { DecodedStream } from '@shardwire/protocol'

export interface FrameSink {
  /** The decoder's fields describe one frame in `memory`, both valid until this returns. */
  onFrame(decoder: FrameDecoder, memory: Uint8Array): void
  /** The stream broke; nothing more comes. */
  onBroken(code: number, detail: string): void
}

/** The first memory of a cut frame, so that the usual small one needs no second. */
const RING_BYTES_MIN = 512

export class Inbound {
  readonly #decoder: FrameDecoder
  readonly #sink: FrameSink
  readonly #stream: DecodedStream = { brokenCode: 0 }
  #ring: RingBuffer | undefined
  #isStopped = false

  /** @param frameBytesMax largest payload accepted, in bytes */
  constructor(frameBytesMax: number, sink: FrameSink) {
    this.#decoder = new FrameDecoder(frameBytesMax)
    this.#sink = sink
  }

  /** Bytes of a frame that is not whole yet. */
  get bytesCut(): number {
    return this.#ring?.readableBytes ?? 0
  }

  /** Takes what was read, chunk[0, end). The memory is not kept. */
  feed(chunk: Uint8Array, end = chunk.length): void {
    let at = this.#ring === undefined ? 0 : this.#feedRing(this.#ring, chunk, end)
    while (at < end && !this.#isStopped) {
      const status = this.#decoder.next(this.#stream, chunk, at, end)
      if (status === DECODE_FRAME) {
        at = this.#decoder.frameEnd
        this.#sink.onFrame(this.#decoder, chunk)
      } else {
        if (status === DECODE_NEED_MORE) this.#keepCut(chunk, at, end)
        else this.#broken()
        return
      }
    }
  }

  /** Takes nothing any more, also from the bytes under way. */
  stop(): void {
    this.#isStopped = true
    this.#ring = undefined
  }

  /** Completes the cut frame. @returns the offset in `chunk` behind what it took */
  #feedRing(ring: RingBuffer, chunk: Uint8Array, end: number): number {
    let at = 0
    while (at < end) {
      const missing = this.#decoder.bytesNeeded - ring.readableBytes
      const partEnd = Math.min(end, at + missing)
      ring.append(chunk, at, partEnd)
      at = partEnd
      const status = this.#decoder.next(this.#stream, ring.memory, ring.head, ring.tail)
      if (status === DECODE_FRAME) {
        this.#ring = undefined
        this.#sink.onFrame(this.#decoder, ring.memory)
        return at
      }
      if (status !== DECODE_NEED_MORE) {
        this.#broken()
        return end
      }
      this.#makeRoom(ring)
    }
    return at
  }

  #keepCut(chunk: Uint8Array, at: number, end: number): void {
    const ring = new RingBuffer(allocateMemory(Math.max(RING_BYTES_MIN, this.#decoder.bytesNeeded)))
    ring.append(chunk, at, end)
    this.#ring = ring
  }

  #makeRoom(ring: RingBuffer): void {
    const { bytesNeeded } = this.#decoder
    if (!ring.makeRoom(bytesNeeded)) ring.moveTo(allocateMemory(bytesNeeded))
  }

  #broken(): void {
    this.stop()
    this.#sink.onBroken(this.#stream.brokenCode, this.#decoder.brokenDetail)
  }
}
