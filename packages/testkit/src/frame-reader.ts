/**
 * Owns the plainest way from a stream of bytes to frames: everything is kept and copied, nothing is fast.
 * Must not know: sockets.
 * Invariant: `bytes` is all that came; `frames` and the leftover are those bytes again, in order.
 */
import { DECODE_BROKEN, DECODE_FRAME, FrameDecoder, KIND_NAMES, errorName } from '@shardwire/protocol'
import type { DecodedStream } from '@shardwire/protocol'
import { joinBytes } from './splits.ts'

/** A frame that came, with memory of its own. */
export interface ReceivedFrame {
  readonly kind: number
  readonly route: number
  /** 0 for kinds without one. */
  readonly id: number
  /** The metadata map as it came; undefined where the frame had no block. */
  readonly meta: Uint8Array | undefined
  readonly body: Uint8Array
  /** The whole frame as it came. */
  readonly bytes: Uint8Array
}

export class FrameReader {
  readonly frames: ReceivedFrame[] = []
  /** Set when the stream broke, for good: the error's name and what is wrong. */
  broken: string | undefined
  readonly #decoder: FrameDecoder
  readonly #stream: DecodedStream = { brokenCode: 0 }
  readonly #parts: Uint8Array[] = []
  #rest: Uint8Array = new Uint8Array(0)

  /** @param frameBytesMax largest payload accepted, in bytes */
  constructor(frameBytesMax = 0x7fff_ffff) {
    this.#decoder = new FrameDecoder(frameBytesMax)
  }

  /** All bytes that came, frames or not. */
  get bytes(): Uint8Array {
    return joinBytes(this.#parts)
  }

  /** The bytes behind the last whole frame. */
  get leftover(): Uint8Array {
    return new Uint8Array(this.#rest)
  }

  /** Takes bytes. @returns the frames that they complete */
  feed(chunk: Uint8Array): ReceivedFrame[] {
    const copied = new Uint8Array(chunk)
    this.#parts.push(copied)
    const memory = joinBytes([this.#rest, copied])
    const found: ReceivedFrame[] = []
    let at = 0
    let status = this.#decoder.next(this.#stream, memory, at, memory.length)
    for (; status === DECODE_FRAME; status = this.#decoder.next(this.#stream, memory, at, memory.length)) {
      found.push(this.#received(memory))
      at = this.#decoder.frameEnd
    }
    if (status === DECODE_BROKEN) this.broken ??= `${errorName(this.#stream.brokenCode)}: ${this.#decoder.brokenDetail}`
    this.#rest = memory.subarray(at)
    this.frames.push(...found)
    return found
  }

  #received(memory: Uint8Array): ReceivedFrame {
    const { kind, route, id, frameStart, frameEnd, metaStart, metaEnd, bodyStart, bodyEnd } = this.#decoder
    return {
      kind,
      route,
      id,
      meta: metaEnd > metaStart ? memory.slice(metaStart, metaEnd) : undefined,
      body: memory.slice(bodyStart, bodyEnd),
      bytes: memory.slice(frameStart, frameEnd),
    }
  }
}

/** A frame for messages of tests, e.g. `REQUEST route 1 id 7, 5 bytes`. */
export function describeFrame(frame: ReceivedFrame): string {
  return `${KIND_NAMES[frame.kind] ?? 'no kind'} route ${frame.route} id ${frame.id}, ${frame.body.length} bytes`
}
