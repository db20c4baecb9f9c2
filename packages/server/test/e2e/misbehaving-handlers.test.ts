import { encodeBody, KIND_CANCEL, KIND_ERROR, KIND_MESSAGE, KIND_RESPONSE } from '@shardwire/protocol'
import { type Daemon, RawClient, type ReceivedFrame, startDaemon } from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/misbehaving.ts', import.meta.url))
const ROUTE_HOLDS_ON = 6
const ROUTE_RELEASE = 7
const ROUTE_FORWARDS = 8
const ROUTE_DETAILED = 9
const ROUTE_FINE = 10

async function start(environment: Readonly<Record<string, string>> = {}): Promise<Daemon> {
  return await startDaemon({ SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1', ...environment })
}

/** Asks and waits for the answer: the next frame. */
async function ask(client: RawClient, route: number, id: number, value: unknown = null): Promise<ReceivedFrame> {
  await client.sendFrames(frames.request(route, id, encodeBody(value)))
  return await client.nextFrame()
}

describe('a handler that misbehaves', () => {
  it.each([
    ['rejects with an error that cannot be encoded', 1],
    ['throws an error that cannot be encoded', 2],
    ['returns a value whose `then` throws when it is read', 3],
    ['resolves to a value whose `then` throws when it is read', 4],
    ['throws nothing', 5],
  ])('one that %s costs its call or connection, never the worker or anyone else', async (_, route) => {
    await using daemon = await start()
    await using innocent = await RawClient.connect(daemon.port)
    await using client = await RawClient.connect(daemon.port)
    expect(await ask(innocent, ROUTE_FINE, 1)).toMatchObject({ kind: KIND_RESPONSE, id: 1 })
    await client.sendFrames(frames.request(route, 1, encodeBody(null)))
    const end = await Promise.race([client.nextFrame(), client.gone.then(({ how }) => how)]).catch(() => 'gone')
    if (typeof end === 'object') expect(end).toMatchObject({ kind: KIND_ERROR, id: 1 })
    expect(await ask(innocent, ROUTE_FINE, 2)).toMatchObject({ kind: KIND_RESPONSE, id: 2 })
    innocent.destroy()
    client.destroy()
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.filter(({ event }) => event === 'worker-exited')).toEqual([])
  })
})

describe('SHARDWIRE_MAX_HANDLERS', () => {
  it('2 with 5 connections: two run, others are OVERLOADED until a handler ends, cancelled or not', async () => {
    await using daemon = await start({ SHARDWIRE_MAX_HANDLERS: '2' })
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(daemon.port)))
    const refused: string[] = []
    for (const client of clients.slice(0, 2)) {
      await client.sendFrames(frames.request(ROUTE_HOLDS_ON, 1, ''))
      await frames.settle(client)
    }
    for (const client of clients.slice(2)) refused.push(frames.errorOf(await ask(client, ROUTE_HOLDS_ON, 1)).name)
    expect(refused).toEqual(['OVERLOADED', 'OVERLOADED', 'OVERLOADED'])
    const [one, two, three] = clients as [RawClient, RawClient, RawClient]
    await one.sendFrames({ kind: KIND_CANCEL, route: ROUTE_HOLDS_ON, id: 1 })
    expect(frames.errorOf(await one.nextFrame()).name).toBe('CANCELLED')
    expect(frames.errorOf(await ask(three, ROUTE_HOLDS_ON, 2)).name).toBe('OVERLOADED')
    // What is answered at once is not limited; and this one ends both.
    expect(await ask(three, ROUTE_RELEASE, 3)).toMatchObject({ kind: KIND_RESPONSE, id: 3 })
    expect(await two.nextFrame()).toMatchObject({ kind: KIND_RESPONSE, id: 1 })
    await three.sendFrames(frames.request(ROUTE_HOLDS_ON, 4, ''))
    await frames.settle(three)
    expect(await ask(one, ROUTE_RELEASE, 5)).toMatchObject({ kind: KIND_RESPONSE, id: 5 })
    expect(await three.nextFrame()).toMatchObject({ kind: KIND_RESPONSE, id: 4 })
    for (const client of clients) client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})

describe('forward() on a msgpack route', () => {
  it('answers REQUEST and MESSAGE with the bytes of the body as they came', async () => {
    await using daemon = await start()
    await using client = await RawClient.connect(daemon.port)
    // Longer than it need be: encoding it anew would make it shorter.
    const body = Buffer.from('d900', 'hex')
    await client.sendFrames(frames.request(ROUTE_FORWARDS, 7, body), frames.message(ROUTE_FORWARDS, body))
    const [response, message] = await client.frames(2)
    expect(response).toMatchObject({ kind: KIND_RESPONSE, id: 7, route: ROUTE_FORWARDS })
    expect(message).toMatchObject({ kind: KIND_MESSAGE, route: ROUTE_FORWARDS })
    expect([response?.body, message?.body].map((bytes) => Buffer.from(bytes ?? []))).toEqual([body, body])
    client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})

describe('an ERROR whose details are larger than SHARDWIRE_MAX_FRAME_BYTES', () => {
  it('stays within it: the details are dropped, code and message are not', async () => {
    await using daemon = await start({ SHARDWIRE_MAX_FRAME_BYTES: '1024' })
    await using client = await RawClient.connect(daemon.port)
    const answer = await ask(client, ROUTE_DETAILED, 1)
    expect(answer.bytes.length).toBeLessThanOrEqual(1024 + 10)
    expect(frames.errorOf(answer)).toMatchObject({
      name: 'PERMISSION_DENIED',
      message: 'not for you',
      details: undefined,
    })
    client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})
