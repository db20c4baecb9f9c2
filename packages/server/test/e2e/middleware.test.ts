/** Owns the tests of the middleware that comes with the package, in the real daemon over real sockets. */
import { fileURLToPath } from 'node:url'
import { encodeBody, KIND_ERROR } from '@shardwire/protocol'
import { type Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/with-middleware.ts', import.meta.url))

let daemon: Daemon
let id = 0
beforeAll(async () => {
  daemon = await startDaemon({ SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' })
})
afterAll(async () => {
  expect(await daemon.stop()).toBe(0)
})

/** One request. @returns the answer's value, or the name of the error */
async function ask(client: RawClient, route: number, value: unknown = null): Promise<unknown> {
  await client.sendFrames(frames.request(route, ++id, encodeBody(value)))
  const frame = await client.nextFrame()
  if (frame.kind === KIND_ERROR) return frames.errorOf(frame).name
  return frame.body.length === 0 ? undefined : frames.value(frame)
}

describe('logging', () => {
  it('writes a line for each request, with its route, connection, duration and outcome', async () => {
    await using client = await RawClient.connect(daemon.port)
    const { connection } = await frames.greetServer(client)
    for (const route of [1, 2, 3, 4]) await ask(client, route)
    const lines = []
    for (const route of ['now', 'later', 'fails', 'refuses']) {
      const isOne = (record: Readonly<Record<string, unknown>>): boolean =>
        String(record['event']).startsWith('request-') && record['route'] === route
      lines.push(await daemon.waitFor(isOne))
    }
    expect(lines.map(({ event, error }) => [event, error])).toEqual([
      ['request-served', undefined],
      ['request-served', undefined],
      ['request-failed', 'HANDLER_FAILED'],
      ['request-failed', 'BAD_REQUEST'],
    ])
    for (const line of lines) expect(line).toMatchObject({ connection, ms: expect.any(Number), level: 'info' })
  })
})

describe('timing', () => {
  it('tells of each request, also of those that fail', async () => {
    await using client = await RawClient.connect(daemon.port)
    await ask(client, 9)
    for (const route of [1, 2, 3, 4]) await ask(client, route)
    expect(await ask(client, 9)).toEqual([
      ['timings', true, null],
      ['now', true, null],
      ['later', true, null],
      ['fails', true, 'HANDLER_FAILED'],
      ['refuses', true, 'BAD_REQUEST'],
    ])
  })
})

describe('rateLimit', () => {
  it('counts by connection', async () => {
    await using first = await RawClient.connect(daemon.port)
    await using second = await RawClient.connect(daemon.port)
    for (const client of [first, second]) {
      expect([await ask(client, 5, 1), await ask(client, 5, 2), await ask(client, 5, 3)]).toEqual([
        1,
        2,
        'RATE_LIMITED',
      ])
    }
  })

  it('says when to come back, and leaves the other routes and the connection alone', async () => {
    await using client = await RawClient.connect(daemon.port)
    expect(await ask(client, 10)).toBe('in')
    await client.sendFrames(frames.request(10, ++id, encodeBody(null)))
    const error = frames.errorOf(await client.nextFrame())
    expect([error.name, Number(error.retryAfterMs) > 90_000]).toEqual(['RATE_LIMITED', true])
    expect(await ask(client, 1, 'still here')).toBe('still here')
  })
})

describe('authorize', () => {
  it.each([6, 8])(
    'lets through whom the service allows, by what it keeps with the connection (route %i)',
    async (route) => {
      await using client = await RawClient.connect(daemon.port)
      await using other = await RawClient.connect(daemon.port)
      expect(await ask(client, route)).toBe('PERMISSION_DENIED')
      await ask(client, 7)
      expect([await ask(client, route), await ask(other, route)]).toEqual(['in', 'PERMISSION_DENIED'])
    },
  )
})
