/**
 * Owns the client that one writes in an afternoon: `net`, a Map of promises, Buffer.concat for what is cut. It speaks
 * the same frames, checks the same CRCs, and has no deadlines, limits, cancel, heartbeat or backpressure.
 * Must not know: the client that it is compared with.
 */
import { once } from 'node:events'
import net from 'node:net'
import { crc32 } from 'node:zlib'

const REQUEST = 0x1000
const RESPONSE = 2
const OVERHEAD_BYTES = 10

export class NaiveClient {
  readonly #socket: net.Socket
  readonly #waiting = new Map<number, PromiseWithResolvers<Uint8Array>>()
  #received: Buffer = Buffer.alloc(0)
  #lastId = 0

  private constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#readFrames()
    })
  }

  static async connect(port: number): Promise<NaiveClient> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new NaiveClient(socket)
  }

  request(route: number, body: Uint8Array): Promise<Uint8Array> {
    this.#lastId++
    const answer = Promise.withResolvers<Uint8Array>()
    this.#waiting.set(this.#lastId, answer)
    const head = Buffer.alloc(OVERHEAD_BYTES)
    head.writeUInt16BE(REQUEST | route, 0)
    head.writeUInt32BE(body.length + 4, 2)
    head.writeUInt32BE(this.#lastId, 6)
    const frame = Buffer.concat([head, body])
    const crc = Buffer.alloc(4)
    crc.writeUInt32BE(crc32(frame), 0)
    this.#socket.write(Buffer.concat([frame, crc]))
    return answer.promise
  }

  async close(): Promise<void> {
    this.#socket.end()
    await once(this.#socket, 'close')
  }

  #readFrames(): void {
    while (this.#received.length >= OVERHEAD_BYTES) {
      const payloadEnd = 6 + this.#received.readUInt32BE(2)
      if (this.#received.length < payloadEnd + 4) return
      const frame = this.#received.subarray(0, payloadEnd)
      if (crc32(frame) !== this.#received.readUInt32BE(payloadEnd)) throw new Error('wrong CRC')
      this.#received = this.#received.subarray(payloadEnd + 4)
      if (((frame.readUInt16BE(0) >>> 12) & 7) !== RESPONSE) continue
      const id = frame.readUInt32BE(6)
      const answer = this.#waiting.get(id)
      this.#waiting.delete(id)
      answer?.resolve(frame.subarray(OVERHEAD_BYTES))
    }
  }
}
