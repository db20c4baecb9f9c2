import { createServer, defineService, type Middleware, route, typed } from '@shardwire/server'
import { encodeBody, KIND_ERROR } from '@shardwire/protocol'
import { RawClient } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import * as frames from '../e2e/frames.ts'
import { act, bytes, type Order } from '../fixtures/tasks.ts'

const text = (value: unknown): string => Buffer.from(value as Uint8Array).toString()

it('a task has the body of its own request, also when middleware does not wait for it', async () => {
  const results: Promise<unknown>[] = []
  // It answers at once: other frames stand where this one did before any thread is free.
  const forgetting: Middleware = (_, next) => {
    results.push(Promise.resolve(next()))
    return new TextEncoder().encode('queued')
  }
  const service = defineService({
    name: 'forgetful',
    routes: { later: route(1, { body: 'bytes', middleware: [forgetting], offload: bytes }) },
  })
  await using server = await createServer({ service, offloadThreads: 1 })
  await using client = await RawClient.connect(server.port)
  const bodies = ['the first', 'the second', 'another', 'and a long one '.repeat(1000)]
  for (const [index, body] of bodies.entries()) {
    await client.sendFrames(frames.request(1, index + 1, body))
    expect(frames.text(await client.nextFrame())).toBe('queued')
  }
  expect((await Promise.all(results)).map(text)).toEqual(bodies)
})

it('a task that a handler asks for has what it was given then, whatever comes before a thread is free', async () => {
  const service = defineService({
    name: 'given',
    routes: {
      // A view of the body within an object, and an object that is changed later.
      sum: route(1, { body: 'bytes', answer: 'msgpack' }, async (request) => {
        const order = { what: 'add', n: 0, bytes: request.bytes }
        const summed = request.offload(act, order)
        order.what = 'throw'
        return await summed
      }),
    },
  })
  await using server = await createServer({ service, offloadThreads: 1 })
  await using client = await RawClient.connect(server.port)
  const bodies = [1, 2, 3].map((byte) => new Uint8Array(1000).fill(byte))
  for (const [index, body] of bodies.entries()) await client.sendFrames(frames.request(1, index + 1, body))
  const answers = await client.frames(bodies.length)
  const sums = new Map(answers.map((frame) => [frame.id, frames.value(frame)]))
  expect(bodies.map((_, index) => sums.get(index + 1))).toEqual(
    [1000, 2000, 3000].map((sum) => ({ sum, when: new Date(0) })),
  )
})

it('bodies that wait are bounded in bytes, whether they are bytes or values', async () => {
  const service = defineService({
    name: 'large',
    routes: {
      bytes: route(1, { body: 'bytes', offload: bytes }),
      values: route(2, { body: typed<Order>(), offload: act }),
    },
  })
  // A quarter of it for those that wait: two of these, with the copies that they have besides.
  await using server = await createServer({
    service,
    offloadThreads: 1,
    maxBufferBytes: 4_194_304,
    drainTimeoutMs: 100,
  })
  const text = 'x'.repeat(250_000)
  for (const [number, body] of [
    [1, Buffer.from(text)],
    [2, encodeBody({ what: 'add', n: 0, text })],
  ] as const) {
    await using client = await RawClient.connect(server.port)
    for (let id = 1; id <= 5; id++) await client.sendFrames(frames.request(number, id, body))
    const refused = (await client.frames(5)).filter(({ kind }) => kind === KIND_ERROR)
    expect(refused.map((frame) => frames.errorOf(frame).name)).toEqual(['OVERLOADED', 'OVERLOADED', 'OVERLOADED'])
    client.destroy()
  }
})
