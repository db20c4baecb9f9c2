import { encodeBody, encodeFrame, encodeHello, encodeMetadata } from '@shardwire/protocol'
import { type Daemon, everySplit, RawClient, randomChunks, startDaemon, testSeed } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

let daemon: Daemon
beforeAll(async () => {
  daemon = await startDaemon()
})
afterAll(async () => {
  expect(await daemon.stop()).toBe(0)
})

const meta = encodeMetadata({ deadlineMs: 5000 })
const FIXTURES = {
  MESSAGE: encodeFrame(frames.message(1, 'split me')),
  'MESSAGE without a body': encodeFrame(frames.message(1, '')),
  REQUEST: encodeFrame(frames.request(1, 7, 'split me')),
  'REQUEST with META': encodeFrame(frames.request(1, 7, 'split me', meta)),
  'REQUEST with a msgpack body': encodeFrame(frames.request(2, 9, encodeBody({ val: 'x' }))),
  PING: encodeFrame({ kind: 7, route: 0, body: new Uint8Array(3) }),
  'two frames': Buffer.concat([encodeFrame(frames.message(1, 'a')), encodeFrame(frames.request(1, 1, 'b'))]),
}

/** Kind, id and length: greet's answer has the time in it. */
function shape(list: readonly { kind: number; id: number; body: Uint8Array }[]): unknown {
  return list.map(({ kind, id, body }) => [kind, id, body.length])
}

describe('a frame may come in any pieces', () => {
  it.each(Object.entries(FIXTURES))('%s, cut at every point and byte by byte', async (name, bytes) => {
    await using client = await RawClient.connect(daemon.port)
    const answers = name === 'two frames' ? 2 : 1
    await client.write(bytes)
    const whole = shape(await client.frames(answers))
    for (const chunks of everySplit(bytes)) {
      await client.writeChunks(chunks)
      expect(shape(await client.frames(answers))).toEqual(whole)
    }
  })

  it('HELLO cut in two is still the first frame', async () => {
    const hello = encodeHello({ protocol: 1, name: 'split' })
    for (const at of [1, 6, 7, hello.length - 1]) {
      await using client = await RawClient.connect(daemon.port)
      await client.writeChunks([hello.subarray(0, at), hello.subarray(at)])
      expect(await client.nextFrame()).toMatchObject({ kind: 7, route: 3 })
    }
  })

  it('frames of many sizes in random pieces on many connections at once: each gets its own bytes back', async () => {
    const random = testSeed('server splits')
    const lanes = Array.from({ length: 24 }, (_, lane) => {
      const sizes = Array.from({ length: 12 }, () => random.pick([0, 1, 63, 64, 500, 4096, 9000, 70_000]))
      const bodies = sizes.map((size) => new Uint8Array(size).fill(lane + 1))
      const stream = Buffer.concat(bodies.map((body, index) => encodeFrame(frames.request(1, index + 1, body))))
      return { bodies, chunks: randomChunks(stream, random, 20_000) }
    })
    await Promise.all(
      lanes.map(async ({ bodies, chunks }) => {
        await using client = await RawClient.connect(daemon.port)
        const sent = client.writeChunks(chunks)
        for (const [index, body] of bodies.entries()) {
          const answer = await client.nextFrame()
          expect(answer.id).toBe(index + 1)
          expect(Buffer.compare(answer.body, body)).toBe(0)
        }
        await sent
      }),
    )
  })
})
