/** Owns the end-to-end tests of who is let in: limits, lists, and what those that are refused are told. */
import { ERROR_TABLE, PERMISSION_DENIED, type ShardwireError, TOO_MANY_CONNECTIONS } from '@shardwire/protocol'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, eventually, type LogRecord, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { burst, endAll, socketsOf } from './burst.ts'
import * as frames from './frames.ts'

const MODES = ['handoff', 'reuseport'] as const

async function isServed(client: RawClient): Promise<boolean> {
  await client.sendFrames(frames.message(frames.ROUTE_ECHO, 'x'))
  return frames.text(await client.nextFrame()) === 'x'
}

/** Connects and expects an ERROR and FIN, without having sent anything. */
async function refusal(port: number, host?: string): Promise<ShardwireError> {
  await using client = await RawClient.connect(port, host)
  const frame = await client.nextFrame()
  expect([frame.route, frame.id]).toEqual([0, 0])
  expect((await client.closed()).how).toBe('end')
  return frames.errorOf(frame)
}

/** Connects until somebody is served. */
async function untilServed(port: number): Promise<RawClient> {
  return await eventually(
    async () => {
      const client = await RawClient.connect(port)
      await client.sendFrames(frames.message(frames.ROUTE_ECHO, 'x'))
      const frame = await client.nextFrame()
      if (frame.kind === 0) return client
      client.destroy()
      await client.gone
      return undefined
    },
    () => 'nobody is served',
  )
}

async function stopped(daemon: Daemon): Promise<LogRecord> {
  expect(await daemon.stop()).toBe(0)
  return await daemon.waitFor(({ event }) => event === 'stopped')
}

describe('SHARDWIRE_MAX_CONNECTIONS', () => {
  it('is exact: the one past it is told when to come back, and one that leaves makes room at once', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_ACCEPT: 'handoff', SHARDWIRE_MAX_CONNECTIONS: '5' })
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(daemon.port)))
    expect(await Promise.all(clients.map(isServed))).not.toContain(false)
    const error = await refusal(daemon.port)
    expect(error).toMatchObject({ code: TOO_MANY_CONNECTIONS, retryable: true })
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(1000)
    expect(error.retryAfterMs).toBeLessThanOrEqual(5000)
    clients[0]?.destroy()
    const next = await untilServed(daemon.port)
    expect(await isServed(next)).toBe(true)
    const record = await daemon.waitFor(({ event }) => event === 'refused')
    expect(record['since']).toHaveProperty('MAX_CONNECTIONS')
    for (const client of [...clients, next]) client.destroy()
    const { refusals } = await stopped(daemon)
    expect(Object.keys(refusals as object)).toEqual(['MAX_CONNECTIONS'])
  })

  it('frees all connections of a worker that dies', async () => {
    const settings = { SHARDWIRE_ACCEPT: 'handoff', SHARDWIRE_MAX_CONNECTIONS: '4', SHARDWIRE_WORKERS: '1' }
    await using daemon = await startDaemon(settings)
    const before = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(daemon.port)))
    expect(await Promise.all(before.map(isServed))).not.toContain(false)
    process.kill(daemon.workers[0]?.pid ?? 0, 'SIGKILL')
    await Promise.all(before.map((client) => client.closed()))
    const first = await untilServed(daemon.port)
    const after = [first, ...(await Promise.all([1, 2, 3].map(() => RawClient.connect(daemon.port))))]
    expect(await Promise.all(after.map(isServed))).not.toContain(false)
    expect((await refusal(daemon.port)).code).toBe(TOO_MANY_CONNECTIONS)
    for (const client of after) client.destroy()
    await stopped(daemon)
  })

  it('is exact with reuseport too: however the kernel spreads them all places are used, and no more', async () => {
    const settings = { SHARDWIRE_ACCEPT: 'reuseport', SHARDWIRE_MAX_CONNECTIONS: '60', SHARDWIRE_WORKERS: '3' }
    await using daemon = await startDaemon(settings)
    const { served, closed } = await burst(daemon.port, 60)
    const [first, ...others] = served
    expect([served.length, closed]).toEqual([60, 0])
    const more = await burst(daemon.port, 100)
    expect([more.served.length, more.closed]).toEqual([0, 100])
    expect((await refusal(daemon.port)).code).toBe(TOO_MANY_CONNECTIONS)
    first?.destroy()
    const next = await untilServed(daemon.port)
    expect((await refusal(daemon.port)).code).toBe(TOO_MANY_CONNECTIONS)
    await endAll([...others, next.socket])
    await stopped(daemon)
  })

  it('with reuseport goes for a Unix socket too, from which the primary accepts', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-door-'))
    const path = join(folder, 'socket')
    const settings = { SHARDWIRE_ACCEPT: 'reuseport', SHARDWIRE_MAX_CONNECTIONS: '4' }
    await using daemon = await startDaemon({ ...settings, SHARDWIRE_LISTEN: `tcp://127.0.0.1:0,unix:${path}` })
    const clients = await Promise.all([1, 2].map(() => RawClient.connect(daemon.port)))
    clients.push(...(await Promise.all([1, 2].map(() => RawClient.connectPath(path)))))
    expect(await Promise.all(clients.map(isServed))).not.toContain(false)
    await using past = await RawClient.connectPath(path)
    expect(frames.errorOf(await past.nextFrame()).code).toBe(TOO_MANY_CONNECTIONS)
    expect((await refusal(daemon.port)).code).toBe(TOO_MANY_CONNECTIONS)
    for (const client of clients) client.destroy()
    await stopped(daemon)
    await rm(folder, { recursive: true })
  })
})

describe.each(MODES)('SHARDWIRE_MAX_CONNECTIONS_PER_IP, by %s', (accept) => {
  it('counts each address for itself, and forgets who leaves', async () => {
    const settings = { SHARDWIRE_ACCEPT: accept, SHARDWIRE_MAX_CONNECTIONS_PER_IP: '3' }
    await using daemon = await startDaemon({ ...settings, SHARDWIRE_LISTEN: 'tcp://[::]:0' })
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(daemon.port)))
    expect(await Promise.all(clients.map(isServed))).not.toContain(false)
    expect((await refusal(daemon.port)).code).toBe(TOO_MANY_CONNECTIONS)
    const other = await RawClient.connect(daemon.port, '::1')
    expect(await isServed(other)).toBe(true)
    clients[0]?.destroy()
    const next = await untilServed(daemon.port)
    expect((await refusal(daemon.port)).code).toBe(TOO_MANY_CONNECTIONS)
    for (const client of [...clients, other, next]) client.destroy()
    const { refusals } = await stopped(daemon)
    expect(Object.keys(refusals as object)).toEqual(['PER_ADDRESS'])
  })

  it('frees what a worker held that dies', async () => {
    const settings = { SHARDWIRE_ACCEPT: accept, SHARDWIRE_MAX_CONNECTIONS_PER_IP: '2', SHARDWIRE_WORKERS: '1' }
    await using daemon = await startDaemon(settings)
    const clients = await Promise.all([1, 2].map(() => RawClient.connect(daemon.port)))
    expect(await Promise.all(clients.map(isServed))).not.toContain(false)
    process.kill(daemon.workers[0]?.pid ?? 0, 'SIGKILL')
    await Promise.all(clients.map((client) => client.closed()))
    const after = [await untilServed(daemon.port), await RawClient.connect(daemon.port)]
    expect(await Promise.all(after.map(isServed))).toEqual([true, true])
    for (const client of after) client.destroy()
    await stopped(daemon)
  })
})

describe.each(MODES)('SHARDWIRE_CONNECTION_RATE, by %s', (accept) => {
  it('lets in a second of them at once, and no more than that', async () => {
    const settings = { SHARDWIRE_ACCEPT: accept, SHARDWIRE_CONNECTION_RATE: '10', SHARDWIRE_WORKERS: '1' }
    await using daemon = await startDaemon(settings)
    const startedMs = performance.now()
    const { served, closed } = await burst(daemon.port, 100)
    const tokens = 10 + Math.ceil(((performance.now() - startedMs) / 1000) * 10)
    expect(served.length).toBeGreaterThanOrEqual(10)
    expect(served.length).toBeLessThanOrEqual(tokens)
    const next = await untilServed(daemon.port)
    await endAll([...served, next.socket])
    const { refusals } = await stopped(daemon)
    expect(refusals).toMatchObject({ RATE: expect.any(Number) as number })
    expect(closed).toBe(100 - served.length)
  })
})

describe.each(MODES)('lists of addresses, by %s', (accept) => {
  it.each([
    ['SHARDWIRE_DENY', { SHARDWIRE_DENY: '127.0.0.0/8' }],
    ['SHARDWIRE_ALLOW', { SHARDWIRE_ALLOW: '10.0.0.0/8,::1' }],
  ])('%s: those that may not are told so, and that no time will help; others are served', async (_, lists) => {
    const listen = 'tcp://[::]:0'
    await using daemon = await startDaemon({ ...lists, SHARDWIRE_ACCEPT: accept, SHARDWIRE_LISTEN: listen })
    const error = await refusal(daemon.port)
    expect(error).toMatchObject({ code: PERMISSION_DENIED, retryable: false })
    expect(error.retryAfterMs).toBeUndefined()
    await using other = await RawClient.connect(daemon.port, '::1')
    expect(await isServed(other)).toBe(true)
    other.destroy()
    expect(await stopped(daemon)).toMatchObject({ refused: 1, refusals: { DENIED: 1 } })
  })
})

describe('a refusal', () => {
  it('reaches a client that is just sending, and a flood of them leaves no descriptor behind', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_ACCEPT: 'handoff', SHARDWIRE_MAX_CONNECTIONS: '1' })
    const first = await untilServed(daemon.port)
    const before = socketsOf(daemon.pid)
    await using eager = await RawClient.connect(daemon.port)
    await eager.sendFrames(...Array.from({ length: 20 }, () => frames.message(frames.ROUTE_ECHO, 'x')))
    expect(frames.errorOf(await eager.nextFrame()).code).toBe(TOO_MANY_CONNECTIONS)
    const { closed } = await burst(daemon.port, 2000)
    expect(closed).toBe(2000)
    expect(await isServed(first)).toBe(true)
    await eventually(
      () => socketsOf(daemon.pid) <= before,
      () => `${socketsOf(daemon.pid)} sockets, ${before} before`,
    )
    first.destroy()
    await stopped(daemon)
  })

  it('is by a code of the table whose row says that it may be tried again', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_MAX_CONNECTIONS_PER_IP: '1' })
    const first = await untilServed(daemon.port)
    const { code } = await refusal(daemon.port)
    expect(ERROR_TABLE.find((row) => row.code === code)).toMatchObject({ retryable: true })
    first.destroy()
    await stopped(daemon)
  })
})

describe('SHARDWIRE_PLACEMENT=least-connections', () => {
  it('evens out what became uneven', async () => {
    const settings = {
      SHARDWIRE_ACCEPT: 'handoff',
      SHARDWIRE_PLACEMENT: 'least-connections',
      SHARDWIRE_WORKERS: '2',
    }
    await using daemon = await startDaemon(settings)
    const clients: { client: RawClient; shard: number }[] = []
    const join = async (): Promise<void> => {
      const client = await RawClient.connect(daemon.port)
      clients.push({ client, shard: (await frames.greetServer(client)).shard })
    }
    for (let index = 0; index < 10; index++) await join()
    expect(clients.map(({ shard }) => shard)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    const gone = clients.splice(0).filter(({ shard, client }) => {
      if (shard === 0) client.destroy()
      else clients.push({ shard, client })
      return shard === 0
    })
    await Promise.all(gone.map(async ({ client }) => await client.gone))
    // In turn they would stay uneven. The word of those that left may come after some that join.
    const served = (slot: number): number => clients.filter(({ shard }) => shard === slot).length
    for (let joined = 0; joined < 100 && served(0) < served(1); joined++) await join()
    expect(served(0)).toBe(served(1))
    for (const { client } of clients) client.destroy()
    await stopped(daemon)
  })
})
