import { encodeFrame } from '@shardwire/protocol'
import { RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const FRAMES = 600
const BODY_BYTES = 20_000

/** Frame `index` of `owner`: every byte names its owner, so that another's byte shows at once. */
function frameOf(owner: number, index: number): Uint8Array {
  const body = new Uint8Array(BODY_BYTES).fill(owner)
  body[0] = index
  return encodeFrame(frames.message(1, body))
}

describe('bytes of one client never reach another', () => {
  it('also when some stop reading while others send: every stream comes back byte for byte', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_WRITE_BUFFER_BYTES: '4194304' })
    const slow = await Promise.all([1, 2, 3].map(() => RawClient.connect(daemon.port)))
    const busy = await Promise.all([4, 5, 6].map(() => RawClient.connect(daemon.port)))
    for (const client of slow) client.pause()
    const streams = [...slow, ...busy].map((_, owner) =>
      Buffer.concat(Array.from({ length: FRAMES }, (__, index) => frameOf(owner + 1, index))),
    )
    const sent = slow.map((client, owner) => client.write(streams[owner] ?? new Uint8Array(0)))
    // The slow ones' answers are stuck in the server while the others' bytes pass through the same slabs.
    await Promise.all(
      busy.map(async (client, lane) => {
        const stream = streams[slow.length + lane] ?? new Uint8Array(0)
        const writing = client.write(stream)
        expect(Buffer.compare(await client.bytesReceived(stream.length), stream)).toBe(0)
        await writing
      }),
    )
    for (const [owner, client] of slow.entries()) {
      const stream = streams[owner] ?? new Uint8Array(0)
      client.resume()
      expect(Buffer.compare(await client.bytesReceived(stream.length), stream)).toBe(0)
    }
    await Promise.all(sent)
    for (const client of [...slow, ...busy]) client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})
