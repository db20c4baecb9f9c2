/** What docs/services.md shows in pieces, in the real daemon, each piece used. */
import { connect, type Connection, type Message, msgpackHandler } from '@shardwire/client'
import { decodeBody } from '@shardwire/protocol'
import { type Daemon, eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'

const serve = (file: string, environment: Readonly<Record<string, string>> = {}): Promise<Daemon> => {
  const path = new URL(file, import.meta.url).pathname
  return startDaemon({ SHARDWIRE_SERVICE: path, SHARDWIRE_WORKERS: '1', ...environment })
}

let daemon: Daemon
beforeAll(async () => {
  daemon = await serve('tour.ts')
})
afterAll(async () => {
  expect(await daemon.stop()).toBe(0)
})

/** @param told MESSAGEs that come, each with its route */
async function enter(token?: string, told: unknown[] = []): Promise<Connection> {
  const onMessage = ({ route, body }: Message): void => void told.push([route, decodeBody(body, 0, body.length)])
  const handlers = { 42: msgpackHandler((asked) => ({ celsius: (asked as { place: string }).place.length })) }
  return await connect({ host: '127.0.0.1', port: daemon.port, hello: { token }, onMessage, handlers })
}

test('a body is what its schema made of it, and what it refuses is told with the way to it', async () => {
  await using connection = await enter()
  expect(await connection.requestMsgpack(1, { item: 'apple' })).toBe('1 x apple')
  await expect(connection.requestMsgpack(1, { item: 'apple', count: 0 })).rejects.toMatchObject({
    name: 'BAD_BODY',
    details: { issues: [{ path: ['count'] }] },
  })
  expect(await connection.requestMsgpack(2, { x: 3, y: 4 })).toEqual({ x: 4, y: 3 })
  expect(await connection.requestMsgpack(3, { x: 3, y: 4 })).toBe(5)
})

test('a member may what nobody else may, and who has no such token is not let in', async () => {
  await using nobody = await enter()
  await using ali = await enter('sesame')
  await expect(nobody.requestMsgpack(4, null)).rejects.toMatchObject({ name: 'PERMISSION_DENIED' })
  expect(await ali.requestMsgpack(4, null)).toBe('the cake is a lie')
  await expect(enter('guess')).rejects.toThrow('does not let this client in')
})

test('pushes come in order, to one or to all, and the service asks in turn', async () => {
  const [told, overheard]: [unknown[], unknown[]] = [[], []]
  await using connection = await enter(undefined, told)
  await using other = await enter(undefined, overheard)
  await connection.requestMsgpack(5, 3)
  expect(told).toEqual([1, 2, 3].map((count) => [40, { count }]))
  await connection.requestMsgpack(6, 'hear me')
  await other.requestMsgpack(3, { x: 0, y: 0 })
  expect([told.at(-1), overheard]).toEqual([[41, 'hear me'], [[41, 'hear me']]])
  expect(await connection.requestMsgpack(7, null)).toBe('roof'.length)
})

test('who speaks JSON is let in without a token, and not sent what it cannot be', async () => {
  const listen = 'tcp://127.0.0.1:0,tcp://127.0.0.1:0?codec=json'
  await using both = await serve('tour.ts', { SHARDWIRE_LISTEN: listen })
  const [frames, json] = both.addresses
  const overheard: unknown[] = []
  const onMessage = ({ body }: Message): void => void overheard.push(decodeBody(body, 0, body.length))
  await using member = await connect({ host: '127.0.0.1', port: frames?.port ?? 0, onMessage })
  await using talker = await RawClient.connect(json?.port ?? 0)
  await talker.write(new TextEncoder().encode('{"uid":1,"route":"shout","val":"from json"}{"route":"secret","uid":2}'))
  await eventually(
    () => Buffer.from(talker.bytes).toString().split('\n').length > 2,
    () => 'two answers',
  )
  const answers = Buffer.from(talker.bytes)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  // In any order.
  expect(answers).toContainEqual(expect.objectContaining({ uid: 1, val: null }))
  const denied: unknown = expect.objectContaining({ name: 'PERMISSION_DENIED' })
  expect(answers).toContainEqual(expect.objectContaining({ uid: 2, error: denied }))
  await member.requestMsgpack(3, { x: 0, y: 0 })
  expect(overheard).toEqual(['from json'])
  await member.close()
  talker.destroy()
  expect(await both.stop()).toBe(0)
})

test('a handler asks another service with what is left of its own request', async () => {
  await using stock = await serve('stock.ts')
  await using connection = await enter()
  expect(await connection.requestMsgpack(8, stock.port)).toEqual({ left: 2 })
  expect(await stock.stop()).toBe(0)
})
