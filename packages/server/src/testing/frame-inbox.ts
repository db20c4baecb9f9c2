/**
 * Owns the way from bytes to frames at a test's end of a connection: everything is copied, nothing is fast.
 * Must not know: sockets, what a frame means.
 */
import { DECODE_BROKEN, DECODE_FRAME, type DecodedStream, errorName, FrameDecoder } from '@shardwire/protocol'

export interface InboxFrame {
  readonly kind: number
  readonly route: number
  readonly id: number
  readonly body: Uint8Array
}

export class FrameInbox {
  readonly #decoder: FrameDecoder
  readonly #stream: DecodedStream = { brokenCode: 0 }
  #rest: Uint8Array = new Uint8Array(0)

  constructor(frameBytesMax: number) {
    this.#decoder = new FrameDecoder(frameBytesMax)
  }

  /** @returns the frames that these bytes complete @throws Error when they are none: a fault of the server */
  take(bytes: Uint8Array): InboxFrame[] {
    const decoder = this.#decoder
    const memory = Buffer.concat([this.#rest, bytes])
    const frames: InboxFrame[] = []
    let at = 0
    let status = decoder.next(this.#stream, memory, at, memory.length)
    for (; status === DECODE_FRAME; status = decoder.next(this.#stream, memory, at, memory.length)) {
      const { kind, route, id, bodyStart, bodyEnd } = decoder
      frames.push({ kind, route, id, body: new Uint8Array(memory.subarray(bodyStart, bodyEnd)) })
      at = decoder.frameEnd
    }
    if (status === DECODE_BROKEN) {
      throw new Error(`the server sent no frame: ${errorName(this.#stream.brokenCode)}: ${decoder.brokenDetail}`)
    }
    this.#rest = memory.subarray(at)
    return frames
  }
}
