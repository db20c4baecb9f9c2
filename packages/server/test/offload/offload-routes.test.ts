import { createServer, defineService, type Middleware, route, typed } from '@shardwire/server'
import { encodeBody, KIND_CANCEL, KIND_ERROR, KIND_RESPONSE } from '@shardwire/protocol'
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

it.each<[string, number, (text: string) => Uint8Array]>([
  ['bytes', 1, (body) => Buffer.from(body)],
  ['values', 2, (body) => encodeBody({ what: 'add', n: 0, body })],
])('bodies that wait are bounded in bytes, also where they are %s', async (_, number, bodyOf) => {
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
  await using client = await RawClient.connect(server.port)
  // It has the only thread until it is cancelled.
  await client.sendFrames(frames.request(2, 1, encodeBody({ what: 'await' })))
  const body = bodyOf('x'.repeat(250_000))
  for (let id = 2; id <= 6; id++) await client.sendFrames(frames.request(number, id, body))
  await client.sendFrames({ kind: KIND_CANCEL, route: 2, id: 1 })
  const answers = new Map((await client.frames(6)).map((frame) => [frame.id, frame]))
  const errors = [1, 2, 3, 4, 5, 6].map((id) => {
    const frame = answers.get(id)
    return frame?.kind === KIND_ERROR ? frames.errorOf(frame).name : frame?.kind
  })
  const [late, done] = ['OVERLOADED', KIND_RESPONSE]
  expect(errors).toEqual(['CANCELLED', done, done, late, late, late])
  client.destroy()
})
