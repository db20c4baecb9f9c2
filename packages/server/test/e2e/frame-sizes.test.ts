import { encodeFrame, KIND_RESPONSE } from '@shardwire/protocol'
import { RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const OVERHEAD_BYTES = 10
const ID_BYTES = 4

describe('frames of the largest size', () => {
  it.each(['auto', 'socket'])(
    'one behind the other, however they are cut, on transport %s: a limit whose frame fills a block exactly',
    async (transport) => {
      const limit = 2 ** 18 - OVERHEAD_BYTES
      await using daemon = await startDaemon({
        SHARDWIRE_WORKERS: '1',
        SHARDWIRE_TRANSPORT: transport,
        SHARDWIRE_MAX_FRAME_BYTES: String(limit),
      })
      await using client = await RawClient.connect(daemon.port)
      const body = new Uint8Array(limit - ID_BYTES).fill(3)
      // The small one in front moves every cut of the reads to another place of the large ones.
      const sizes = Array.from({ length: 12 }, (_, index) => (index % 3 === 0 ? 100 + index : body.length))
      const sent = sizes.map((size, index) => encodeFrame(frames.request(1, index + 1, body.subarray(0, size))))
      await client.write(Buffer.concat(sent))
      const answers = await client.frames(sizes.length)
      expect(answers.map(({ kind, body: { length } }) => [kind, length])).toEqual(
        sizes.map((size) => [KIND_RESPONSE, size]),
      )
      client.destroy()
      expect(await daemon.stop()).toBe(0)
    },
  )
})
