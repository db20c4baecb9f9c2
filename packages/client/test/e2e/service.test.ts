/** The client against the daemon and a service of types: calls by name, asks, and contexts that are handed on. */
import { KIND_CANCEL, KIND_REQUEST, parseMetadata } from '@shardwire/protocol'
import { ScriptedPeer, silent, startDaemon } from '@shardwire/testkit'
import type { Daemon } from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bindRoutes, connect, createClient, ShardwireError } from '../../src/index.ts'
import type { Connection } from '../../src/index.ts'
import type stock from '../fixtures/stock.ts'
import type { sensor } from '../fixtures/stock.ts'
import { bytesOf, rejectionOf, textOf, welcoming } from '../support.ts'

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

let daemon: Daemon
let connection: Connection

beforeAll(async () => {
  const service = fileURLToPath(new URL('../fixtures/stock.ts', import.meta.url))
  daemon = await startDaemon({ SHARDWIRE_SERVICE: service, SHARDWIRE_WORKERS: '1' })
  connection = await connect({ host: '127.0.0.1', port: daemon.port })
})

afterAll(async () => {
  await connection.close()
  expect(await daemon.stop()).toBe(0)
})

it('calls routes by name, each with its kind of body', async () => {
  const { take, reverse, size, note, notes } = bindRoutes<typeof stock>()(connection, {
    take: 1,
    reverse: { number: 2, body: 'bytes' },
    size: { number: 3, body: 'bytes', answer: 'msgpack' },
    note: { number: 4, body: 'bytes' },
    notes: { number: 5, body: 'none', answer: 'bytes' },
  })
  expect(await take({ item: 'apple', count: 3 })).toEqual({ left: 7 })
  expect(textOf(await reverse(bytesOf('abc')))).toBe('cba')
  expect(await size(new Uint8Array(1234))).toBe(1234)
  expect(note.send(bytesOf('a'))).toBe(true)
  await note(bytesOf('b'), { timeoutMs: 2000 })
  expect(textOf(await notes())).toBe('ab')
  expect([take.number, notes.number]).toEqual([1, 5])
})

it('calls routes by number, with a client of the type of the service', async () => {
  await using client = createClient<typeof stock>({ addresses: [`127.0.0.1:${daemon.port}`] })
  const { left } = await client.requestValue(1, { item: 'apple', count: 4 })
  expect(left).toBe(6)
  expect(textOf(await client.request(2, bytesOf('abc')))).toBe('cba')
  const { size } = bindRoutes<typeof stock>()(client, { size: { number: 3, body: 'bytes', answer: 'msgpack' } })
  expect(await size(bytesOf('four'), { idempotent: true })).toBe(4)
})

it('answers what the service asks, typed by what it says of the route', async () => {
  const { ask } = bindRoutes<typeof stock>()(connection, { ask: 6 })
  connection.handleMsgpack<typeof sensor>(40, ({ name }) => ({ celsius: name === 'roof' ? 20 : 0 }))
  expect(await ask({ name: 'roof' })).toEqual({ fahrenheit: 68 })
  connection.handle(40, undefined)
  const error = await rejectionOf(ask({ name: 'roof' }))
  expect(error).toBeInstanceOf(ShardwireError)
  expect(error).toMatchObject({ name: 'UNKNOWN_ROUTE' })
})

it('a handler hands on what is left of its deadline, its trace and its signal, and its cancel arrives', async () => {
  await using next = await ScriptedPeer.listen(welcoming(silent))
  const { relay } = bindRoutes<typeof stock>()(connection, { relay: 7 })
  const controller = new AbortController()
  const failing = rejectionOf(
    relay({ port: next.port }, { timeoutMs: 9000, signal: controller.signal, meta: { traceparent: TRACE } }),
  )
  const [, request] = await next.frames(2)
  expect(request?.kind).toBe(KIND_REQUEST)
  const meta = request?.meta === undefined ? undefined : parseMetadata(request.meta, 0, request.meta.length)
  expect(meta?.traceparent).toBe(TRACE)
  expect(meta?.deadlineMs).toBeGreaterThan(0)
  expect(meta?.deadlineMs).toBeLessThanOrEqual(9000)
  controller.abort('enough')
  expect(await failing).toMatchObject({ code: 'ABORTED' })
  // The service is told, its own signal fires, and what it asked of the next is cancelled there, too.
  expect((await next.nextFrame()).kind).toBe(KIND_CANCEL)
})

it('is refused over JSON', async () => {
  const json = { codec: 'json', request: async () => new Uint8Array(0), send: () => true } as const
  expect(() => bindRoutes<typeof stock>()(json, { take: 1 })).toThrow('this connection speaks JSON')
})
