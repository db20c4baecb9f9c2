import { encodeFrame, encodeMetadata, encodeWelcome } from '@shardwire/protocol'
import {
  type Daemon,
  eventually,
  FaultProxy,
  type LogRecord,
  Random,
  RawClient,
  ScriptedPeer,
  startDaemon,
} from '@shardwire/testkit'
import net from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { compared, WATCHED } from './mirror-watch.ts'

const MIB = 1024 * 1024
/** What the queue of a worker may hold, and what the allocator may keep beside it. */
const GROWTH_BYTES_MAX = 24 * MIB

let target: Daemon
beforeAll(async () => {
  target = await startDaemon({ SHARDWIRE_WORKERS: '1' })
})
afterAll(async () => {
  expect(await target.stop()).toBe(0)
})

async function startMirror(port: number, query = '', more: Record<string, string> = {}): Promise<Daemon> {
  const mirror = `tcp://127.0.0.1:${port}${query}`
  return await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_MIRROR: mirror, ...more })
}

function isConnected({ event }: LogRecord): boolean {
  return event === 'mirror-connected'
}

/** A client of a daemon whose mirror is connected. */
async function connected(daemon: Daemon): Promise<RawClient> {
  const client = await RawClient.connect(daemon.port)
  await client.sendFrames(frames.message(1, 'first'))
  await client.nextFrame()
  await daemon.waitFor(isConnected)
  return client
}

interface Totals {
  readonly sampled: number
  readonly sent: number
  readonly waiting: number
  readonly connects: number
  readonly uncompared: number
  readonly dropped: Readonly<Record<string, number>>
  readonly routes: readonly Readonly<Record<string, unknown>>[]
}

/** Stops a daemon. @returns what its one worker said of mirroring, every frame accounted for */
async function totalsOf(daemon: Daemon): Promise<Totals> {
  expect(await daemon.stop()).toBe(0)
  const totals = daemon.records.find(({ event }) => event === 'mirror-totals') as Totals | undefined
  if (totals === undefined) throw new Error(`no totals\n${daemon.describe()}`)
  const dropped = Object.values(totals.dropped).reduce((sum, count) => sum + count, 0)
  expect(totals.sent + totals.waiting + dropped).toBe(totals.sampled)
  return totals
}

/** Requests and messages of many sizes, each answer compared with what was sent. */
async function echoes(client: RawClient, rounds: number, bytes: number): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    const body = new Uint8Array((bytes * round) % (2 * bytes)).fill(round)
    await client.sendFrames(frames.request(1, round, body), frames.message(1, body))
    const [response, message] = await client.frames(2)
    expect([response?.id, Buffer.compare(response?.body ?? body, body)]).toEqual([round, 0])
    expect(Buffer.compare(message?.body ?? new Uint8Array(1), body)).toBe(0)
  }
}

describe('a mirror to a second daemon', () => {
  it('sends it what was served, compares by route, and names what differs', async () => {
    await using daemon = await startMirror(target.port, '?compare=echo,greet,4,fail', WATCHED)
    await using client = await connected(daemon)
    await echoes(client, 50, 2000)
    const meta = encodeMetadata({ deadlineMs: 5000 })
    await client.sendFrames(frames.request(1, 1, 'with metadata', meta), frames.sleep(2, 20), frames.request(5, 3, ''))
    // Its answer has the time in it, to the millisecond.
    const greet = Buffer.from('82a3756964a131a376616ca178', 'hex')
    for (let id = 10; id < 20; id++) await client.sendFrames(frames.request(2, id, greet))
    await client.frames(13)
    await frames.settle(client)
    const differs = await daemon.waitFor(({ event }) => event === 'mirror-differs')
    expect(differs).toMatchObject({ route: 'greet', kind: 'RESPONSE', targetKind: 'RESPONSE' })
    expect([differs['bytes'], differs['offset']]).toEqual([differs['targetBytes'], expect.any(Number)])
    // Of 51 echoes, 10 greetings, and one each that sleeps and that fails.
    await compared(daemon, 63)
    const { routes, sampled, dropped, waiting } = await totalsOf(daemon)
    expect(routes.map(({ name, matched, unanswered }) => [name, matched, unanswered])).toEqual([
      ['echo', 51, 0],
      ['greet', expect.any(Number), 0],
      ['sleep', 1, 0],
      ['fail', 1, 0],
    ])
    expect([sampled, waiting, dropped]).toEqual([
      114,
      0,
      { 'not-connected': 1, 'queue-full': 0, 'too-large': 0, lost: 0 },
    ])
  })

  it('mirrors whole connections, the part that is asked for', async () => {
    await using peer = await listening()
    await using daemon = await startMirror(peer.port, '', { SHARDWIRE_MIRROR_PERCENT: '50' })
    const clients = await Promise.all(Array.from({ length: 40 }, async () => await RawClient.connect(daemon.port)))
    const send = async (round: string): Promise<void> => {
      const sent = clients.map(async (client, index) => {
        await client.sendFrames(frames.message(1, round + index), frames.message(1, round + index))
        await client.frames(2)
      })
      await Promise.all(sent)
    }
    await send('first')
    await daemon.waitFor(isConnected)
    await send('then')
    const counts = await eventually(
      () => {
        const seen = peer.received.map(frames.text).filter((text) => text.startsWith('then'))
        const counted = Map.groupBy(seen, (text) => text)
        return counted.size >= 18 && [...counted.values()].every((list) => list.length === 2) && counted
      },
      () => `only ${peer.received.length} came`,
    )
    expect(Math.abs(counts.size - 20)).toBeLessThan(3)
    for (const client of clients) client.destroy()
    await totalsOf(daemon)
  })
})

describe('the original', () => {
  async function unaffected(daemon: Daemon, client: RawClient): Promise<void> {
    const pid = daemon.workers[0]?.pid ?? 0
    await echoes(client, 100, 20_000)
    const before = frames.residentBytes(pid)
    await echoes(client, 1000, 20_000)
    expect(frames.residentBytes(pid) - before).toBeLessThan(GROWTH_BYTES_MAX)
    client.destroy()
  }

  it('answers as ever while the target does not read, and stops when it is told to', async () => {
    await using peer = await ScriptedPeer.listen(async (_, connection) => {
      connection.pause()
      await connection.write(welcome())
    })
    const startedMs = performance.now()
    await using daemon = await startMirror(peer.port, '?compare=all')
    await using client = await connected(daemon)
    await unaffected(daemon, client)
    const { dropped, waiting } = await totalsOf(daemon)
    expect(dropped['queue-full']).toBeGreaterThan(500)
    // A target that takes nothing for ten seconds is given up, with what waited.
    expect(waiting + (dropped['lost'] ?? 0)).toBeGreaterThan(50)
    // Told once in ten seconds.
    const told = daemon.records.filter(({ event }) => event === 'mirror-drops').length
    expect([told >= 1, told <= 1 + (performance.now() - startedMs) / 10_000]).toEqual([true, true])
  })

  it('answers as ever while the target is a black hole', async () => {
    await using proxy = await FaultProxy.listen({ port: target.port, random: new Random(1) })
    await using daemon = await startMirror(proxy.port)
    await using client = await connected(daemon)
    const connection = await proxy.nextConnection()
    connection.blackHole()
    await unaffected(daemon, client)
    expect((await totalsOf(daemon)).dropped['queue-full']).toBeGreaterThan(100)
  })

  it('answers as ever while nobody listens at the target', async () => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    server.close()
    await using daemon = await startMirror(port)
    await using client = await RawClient.connect(daemon.port)
    await unaffected(daemon, client)
    const { sampled, dropped } = await totalsOf(daemon)
    expect([sampled, dropped['not-connected']]).toEqual([2200, 2200])
    const lost = daemon.records.filter(({ event }) => event === 'mirror-lost')
    expect(lost).toMatchObject([{ why: expect.stringContaining('ECONNREFUSED') }])
  })

  it.each([
    ['resets', (socket: net.Socket) => socket.resetAndDestroy()],
    ['sends garbage', (socket: net.Socket) => socket.write(Buffer.alloc(200_000, 0x5a))],
    ['sends PINGs without end', floods],
  ])('answers as ever while the target %s', async (_, misbehave) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => {
        socket.write(welcome())
        socket.on('data', () => misbehave(socket))
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using daemon = await startMirror((server.address() as net.AddressInfo).port)
    await using client = await connected(daemon)
    await unaffected(daemon, client)
    const { sampled } = await totalsOf(daemon)
    expect(sampled).toBe(2201)
    expect(daemon.records.filter(({ level }) => level === 'error')).toEqual([])
    const events = daemon.records.filter(({ event }) => String(event).startsWith('mirror-'))
    expect(events.length).toBeLessThan(10)
    server.close()
  })

  it('answers as ever while the target dies and comes back', async () => {
    await using proxy = await FaultProxy.listen({ port: target.port, random: new Random(1) })
    await using daemon = await startMirror(proxy.port, '?compare=1')
    await using client = await connected(daemon)
    for (let round = 0; round < 5; round++) {
      const connection = await proxy.nextConnection()
      await echoes(client, 20, 3000)
      connection.reset()
      await connection.gone
      // Frames make it dial again.
      while (proxy.connections.size === 0) await echoes(client, 1, 3000)
    }
    client.destroy()
    const { connects, routes } = await totalsOf(daemon)
    expect(connects).toBeGreaterThan(0)
    expect(routes[0]).toMatchObject({ name: 'echo', differed: 0 })
  })
})

it('a mirror of a mirror of itself does not go round', async () => {
  let port = 0
  const forward = net.createServer((socket) => {
    const onward = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', () => onward.destroy()).pipe(onward)
    onward.on('error', () => socket.destroy()).pipe(socket)
  })
  forward.listen(0, '127.0.0.1')
  await once(forward, 'listening')
  await using daemon = await startMirror((forward.address() as net.AddressInfo).port)
  ;({ port } = daemon)
  await using client = await connected(daemon)
  await client.sendFrames(frames.message(1, 'once'))
  await client.nextFrame()
  for (let turn = 0; turn < 20; turn++) await frames.settle(client)
  client.destroy()
  expect(await totalsOf(daemon)).toMatchObject({ sampled: 2, sent: 1 })
  forward.close()
})

it('the start fails when a route is compared that there is not, and says which there are', async () => {
  const failed = startDaemon({ SHARDWIRE_MIRROR: 'tcp://127.0.0.1:1?compare=gret' })
  await expect(failed).rejects.toThrow(/SHARDWIRE_MIRROR compares route gret, but service \w+ has only echo \(1\)/)
})

function welcome(): Uint8Array {
  const who = { server: 'target', connection: 't-1', shard: 0 }
  return encodeWelcome({ protocol: 1, ...who, maxFrameBytes: MIB, heartbeatMs: 0 })
}

async function listening(): Promise<ScriptedPeer> {
  return await ScriptedPeer.listen(async (frame, connection) => {
    if (frame.kind === 7) await connection.write(welcome())
  })
}

/** PINGs as fast as they are taken, and nothing read of the answers. */
function floods(socket: net.Socket): void {
  socket.removeAllListeners('data')
  socket.pause()
  const ping = encodeFrame({ kind: 7, route: 0, body: new Uint8Array(100) })
  // More than a socket buffers: each is followed by 'drain'.
  const pings = Buffer.concat(Array.from({ length: 2000 }, () => ping))
  socket.on('drain', () => socket.write(pings)).write(pings)
}
