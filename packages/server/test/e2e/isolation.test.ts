import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { encodeFrame } from '@shardwire/protocol'
import { startDaemon, withinLimit } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { TlsFiles } from './tls-files.ts'

const FRAMES = 600
const BODY_BYTES = 20_000
const LIMIT_MS = 50_000

/** Frame `index` of `owner`: every byte names its owner, so that another's byte shows at once. */
function frameOf(owner: number, index: number): Uint8Array {
  const body = new Uint8Array(BODY_BYTES).fill(owner)
  body[0] = index
  return encodeFrame(frames.message(1, body))
}

/** A client that sends its own stream and compares what comes back as it comes, keeping nothing. */
class Lane {
  readonly socket: Socket
  readonly stream: Buffer
  #received = 0
  /** Offset of the first byte that is not what was sent; -1 while all are. */
  wrongAt = -1
  readonly #done = Promise.withResolvers<void>()

  private constructor(socket: Socket, owner: number) {
    this.socket = socket
    this.stream = Buffer.concat(Array.from({ length: FRAMES }, (_, index) => frameOf(owner, index)))
    socket.on('data', (chunk: Buffer) => this.#compare(chunk))
    socket.on('close', () => this.#done.resolve())
  }

  /** @param tls undefined for a connection without */
  static async open(port: number, owner: number, tls?: ConnectionOptions): Promise<Lane> {
    const place = { port, host: '127.0.0.1' }
    const socket = tls === undefined ? connect(place) : connectTls({ ...place, ...tls })
    await once(socket, tls === undefined ? 'connect' : 'secureConnect')
    return new Lane(socket, owner)
  }

  /** Waits for the whole stream, or the end of the connection. @returns bytes that came */
  async received(): Promise<number> {
    await withinLimit(this.#done.promise, () => `${this.#received} of ${this.stream.length} bytes came`, LIMIT_MS)
    return this.#received
  }

  #compare(chunk: Buffer): void {
    const expected = this.stream.subarray(this.#received, this.#received + chunk.length)
    if (this.wrongAt < 0 && !chunk.equals(expected)) this.wrongAt = this.#received
    this.#received += chunk.length
    if (this.#received >= this.stream.length) this.#done.resolve()
  }
}

describe('bytes of one client never reach another', () => {
  const name = 'also when some stop reading while others send: every stream comes back byte for byte'
  it.each(['tcp', 'tls', 'tls and tcp'])(`${name}, over %s`, async (over) => {
    await using files = await TlsFiles.create()
    const listen = over.split(' and ').map((scheme) => `${scheme}://127.0.0.1:0`)
    await using daemon = await startDaemon({
      ...files.environment,
      SHARDWIRE_LISTEN: listen.join(),
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_WRITE_BUFFER_BYTES: '4194304',
      SHARDWIRE_SLOW_CONSUMER_MS: '120000',
    })
    const open = async (owner: number): Promise<Lane> => {
      const index = owner % listen.length
      const isTls = listen[index]?.startsWith('tls') === true
      return await Lane.open(daemon.addresses[index]?.port ?? 0, owner, isTls ? files.trust : undefined)
    }
    const slow = await Promise.all([1, 2, 3].map(open))
    const busy = await Promise.all([4, 5, 6].map(open))
    // The slow ones' answers are stuck in the server while the others' bytes pass through the same slabs.
    for (const { socket } of slow) socket.pause()
    for (const { socket, stream } of [...slow, ...busy]) socket.write(stream)
    for (const lane of busy) expect([await lane.received(), lane.wrongAt]).toEqual([lane.stream.length, -1])
    for (const { socket } of slow) socket.resume()
    for (const lane of slow) expect([await lane.received(), lane.wrongAt]).toEqual([lane.stream.length, -1])
    for (const { socket } of [...slow, ...busy]) socket.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})
