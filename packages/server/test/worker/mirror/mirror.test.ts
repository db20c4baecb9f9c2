import { encodeBody, encodeErrorBody, encodeGoaway, KIND_ERROR, OVERLOADED, ShardwireError } from '@shardwire/protocol'
import { echo, eventually, nextTurn, type Script, ScriptedPeer, silent } from '@shardwire/testkit'
import net from 'node:net'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { route } from '../../../src/service/route.ts'
import { MirrorDrop } from '../../../src/worker/mirror/mirror-counters.ts'
import { type FakePeer, type FakeShard, fakeShard, message, request } from '../fake-shard.ts'
import { isBalanced, mirrored, sum, until, welcome, welcoming } from './mirror-target.ts'

const ROUTES = {
  echo: route(1, { body: 'bytes' }, (asked) => asked.forward()),
  later: route(2, { timeoutMs: 1000 }, async ({ body }) => await Promise.resolve(body)),
  never: route(3, { timeoutMs: 1000 }, async () => await new Promise(() => undefined)),
}
const LARGE = 30_000
const QUEUE_BYTES = 4 * 1024 * 1024

function shardFor(port: number, query = ''): FakeShard {
  return fakeShard({ SHARDWIRE_MIRROR: `tcp://127.0.0.1:${port}${query}` }, ROUTES)
}

/** A client of a shard whose mirror is connected anew: its frame dialled, and was dropped. */
async function connected(fake: FakeShard): Promise<FakePeer> {
  const client = fake.connect()
  const { connects } = fake.shard.counters.mirror
  client.send(message(1, new Uint8Array(1)))
  await until(fake, (counters) => counters.connects > connects)
  client.received()
  return client
}

/** Sends frames until the mirror has noticed that its connection is gone: they find none. */
async function unconnected(fake: FakeShard, client: FakePeer): Promise<void> {
  const { dropped } = fake.shard.counters.mirror
  for (const before = dropped[MirrorDrop.NOT_CONNECTED]; dropped[MirrorDrop.NOT_CONNECTED] === before;) {
    client.send(message(1, new Uint8Array(1)))
    await nextTurn()
  }
}

/** Sends frames until one is dropped for a full queue. @returns how many echoes came */
async function overfill(fake: FakeShard, client: FakePeer): Promise<void> {
  const { mirror } = fake.shard.counters
  const body = new Uint8Array(LARGE)
  for (let sent = 0; mirror.dropped[MirrorDrop.QUEUE_FULL] === 0; sent++) {
    client.send(message(1, body))
    expect(client.received()).toHaveLength(1)
    // Lets the kernel take what it will.
    await nextTurn()
    expect(sent).toBeLessThan(10_000)
  }
}

async function silentTarget(): Promise<ScriptedPeer> {
  return await ScriptedPeer.listen(async (_, connection) => {
    connection.pause()
    await connection.write(welcome())
  })
}

describe('a target that does not read', () => {
  it('costs the original nothing: the queue fills to its bound, the rest is dropped and counted', async () => {
    await using target = await silentTarget()
    const fake = shardFor(target.port)
    const client = await connected(fake)
    await overfill(fake, client)
    const { mirror } = fake.shard.counters
    expect(isBalanced(mirror)).toBe(true)
    expect(mirror.waiting * LARGE).toBeLessThanOrEqual(QUEUE_BYTES)
    expect(mirror.waiting * LARGE).toBeGreaterThan(QUEUE_BYTES * 0.8)
    const before = { ...mirror, dropped: [...mirror.dropped] }
    for (let index = 0; index < 100; index++) client.send(request(1, index + 1))
    expect(client.received().map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
    // Small ones fit behind the large ones; whatever happens with each, it is counted once.
    expect(mirror.sampled).toBe(before.sampled + 100)
    expect(isBalanced(mirror)).toBe(true)
  })

  it('is given up after 10 s without progress: what waited is lost, and another connection is made', async () => {
    await using target = await silentTarget()
    const fake = shardFor(target.port)
    const client = await connected(fake)
    await overfill(fake, client)
    const { mirror } = fake.shard.counters
    const { waiting } = mirror
    fake.clock.advance(9900)
    await eventually(
      () => mirror.waiting > 0,
      () => 'it was given up too early',
    )
    fake.clock.advance(200)
    await until(fake, (counters) => counters.waiting === 0)
    expect(mirror.dropped[MirrorDrop.LOST]).toBe(waiting)
    expect(isBalanced(mirror)).toBe(true)
    fake.clock.advance(100)
    await connected(fake)
    expect(mirror.connects).toBe(2)
  })
})

describe('no target', () => {
  it('costs a counted drop for each frame, and dials with growing waits', async () => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    server.close()
    await once(server, 'close')
    const fake = shardFor(port)
    const client = fake.connect()
    for (let round = 0; round < 20; round++) {
      client.send(request(1, round + 1))
      fake.clock.advance(20)
    }
    expect(client.answers()).toHaveLength(20)
    const { mirror } = fake.shard.counters
    expect(mirror).toMatchObject({ sampled: 20, sent: 0, waiting: 0, connects: 0, dropped: [20, 0, 0, 0] })
  })

  it('that accepts but says no WELCOME is left after 5 s', async () => {
    await using target = await ScriptedPeer.listen(silent)
    const fake = shardFor(target.port)
    const client = fake.connect()
    client.send(message(1, new Uint8Array(1)))
    const first = await target.nextConnection()
    await target.nextFrame()
    fake.clock.advance(5100)
    await first.gone
    client.send(message(1, new Uint8Array(1)))
    fake.clock.advance(200)
    client.send(message(1, new Uint8Array(1)))
    await target.nextConnection()
    expect(fake.shard.counters.mirror).toMatchObject({ sampled: 3, connects: 0, dropped: [3, 0, 0, 0] })
  })
})

describe('a target that misbehaves', () => {
  const resets: Script = (_, connection) => connection.reset()
  const garbage: Script = async (_, connection) => await connection.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  const hugeHeader: Script = async (_, connection) => await connection.write(Buffer.from('2001ffffffff', 'hex'))
  const ends: Script = (_, connection) => void connection.socket.end()

  it.each([
    ['resets', resets],
    ['sends garbage', garbage],
    ['announces a frame of 4 GB', hugeHeader],
    ['closes', ends],
  ])('%s: every answer of the original is right, and every frame is accounted for', async (_, script) => {
    await using target = await ScriptedPeer.listen(welcoming(script))
    const fake = shardFor(target.port)
    const { mirror } = fake.shard.counters
    for (let round = 1; round <= 5; round++) {
      const client = await connected(fake)
      client.send(request(1, round), message(1, new Uint8Array(round)))
      expect(client.answers()).toEqual([`2 1 ${round}`, '0 1 0'])
      const connection = await target.nextConnection()
      await connection.gone
      await unconnected(fake, client)
      expect(mirror.waiting).toBe(0)
      expect(isBalanced(mirror)).toBe(true)
      expect(fake.shard.pool.leasedBytes).toBe(0)
      fake.clock.advance(5000)
    }
    expect(mirror.connects).toBe(5)
    expect(fake.faults).toEqual([])
  })
})

describe('frames that the target does not take', () => {
  it('are not sent to it: they would break the connection for all others', async () => {
    await using target = await ScriptedPeer.listen(welcoming(silent, 1024))
    const fake = shardFor(target.port)
    const client = await connected(fake)
    client.send(message(1, new Uint8Array(1025)), message(1, new Uint8Array(1024)))
    await until(fake, ({ sent }) => sent === 1)
    expect(fake.shard.counters.mirror.dropped).toEqual([1, 0, 1, 0])
    // Sent is what the kernel has; the target reads it later.
    await eventually(
      () => mirrored(target).length > 0,
      () => 'nothing came',
    )
    expect(mirrored(target).map(({ body }) => body.length)).toEqual([1024])
  })
})

describe('GOAWAY of the target', () => {
  function goaway(retry: 'now' | 'later' | 'never'): Uint8Array {
    return encodeGoaway({ reason: 'deploy', retry, retryAfterMs: 3000, jitterMs: 1000, deadlineMs: 10_000 })
  }

  it('ends with our FIN; frames go to a new connection when its time has come', async () => {
    await using target = await ScriptedPeer.listen(welcoming(silent))
    const fake = shardFor(target.port)
    const client = await connected(fake)
    const first = await target.nextConnection()
    await first.write(goaway('later'))
    expect((await first.closed()).how).toBe('end')
    client.send(message(1, new Uint8Array(2)))
    fake.clock.advance(3000)
    client.send(message(1, new Uint8Array(2)))
    expect(target.connections).toHaveLength(1)
    fake.clock.advance(1000)
    await connected(fake)
    client.send(message(1, new Uint8Array(3)))
    await until(fake, ({ sent }) => sent === 1)
    expect(target.connections).toHaveLength(2)
    expect(fake.shard.counters.mirror.dropped).toEqual([4, 0, 0, 0])
  })

  it('with retry never ends mirroring', async () => {
    await using target = await ScriptedPeer.listen(welcoming(silent))
    const fake = shardFor(target.port)
    const client = await connected(fake)
    const first = await target.nextConnection()
    await first.write(goaway('never'))
    await first.closed()
    fake.clock.advance(3_600_000)
    client.send(message(1, new Uint8Array(2)))
    expect(client.answers()).toHaveLength(1)
    expect(fake.shard.counters.mirror).toMatchObject({ sampled: 2, dropped: [2, 0, 0, 0] })
  })
})

describe('answers', () => {
  const differs: Script = async (frame, connection) => {
    if (frame.kind === 1) await connection.respond(frame, Uint8Array.of(0x93, 1, 2, 3))
  }
  const busy: Script = async (frame, connection) => {
    const body = encodeErrorBody(new ShardwireError(OVERLOADED, 'busy'))
    if (frame.kind === 1) await connection.refuse(frame, body)
  }

  it.each([
    ['the same', echo, { matched: 2, differed: 0, unanswered: 0 }],
    ['others', differs, { matched: 0, differed: 2, unanswered: 0 }],
    ['refusals', busy, { matched: 0, differed: 0, unanswered: 2 }],
  ])('that are %s are counted by route, whether the handler returned at once or later', async (_, script, expected) => {
    await using target = await ScriptedPeer.listen(welcoming(script))
    const fake = shardFor(target.port, '?compare=1,later')
    const client = await connected(fake)
    client.send(request(1, 7), request(1, 8), request(2, 9), request(2, 10))
    const { routes } = fake.shard.counters.mirror
    await eventually(
      () => routes.every(({ matched, differed, unanswered }) => matched + differed + unanswered === 2),
      () => JSON.stringify(fake.shard.counters.mirror),
    )
    const named = [
      { route: 1, name: 'echo' },
      { route: 2, name: 'later' },
    ]
    expect(routes).toEqual(named.map((route) => ({ ...route, ...expected })))
  })

  it('that never come are unanswered when their time has passed, and nothing is kept of them', async () => {
    await using target = await ScriptedPeer.listen(welcoming(silent))
    const fake = shardFor(target.port, '?compare=all')
    const client = await connected(fake)
    client.send(request(2, 9))
    await eventually(
      () => client.answers().length === 1,
      () => 'no answer',
    )
    fake.clock.advance(5900)
    expect(fake.shard.counters.mirror.routes[1]).toMatchObject({ unanswered: 0 })
    fake.clock.advance(2000)
    expect(fake.shard.counters.mirror.routes[1]).toMatchObject({ unanswered: 1 })
  })

  it('are not compared when the original was cancelled, or its client has gone', async () => {
    await using target = await ScriptedPeer.listen(welcoming(echo))
    const fake = shardFor(target.port, '?compare=all')
    const client = await connected(fake)
    const gone = fake.connect()
    client.send(request(3, 9), { kind: 4, route: 3, id: 9 })
    gone.send(request(3, 9))
    gone.handle.arriveReset()
    gone.handle.closes()
    expect(client.answers()).toEqual([`${KIND_ERROR} 3 9 CANCELLED`])
    await until(fake, ({ sent }) => sent === 2)
    fake.clock.advance(8000)
    const { uncompared, routes } = fake.shard.counters.mirror
    expect([uncompared, routes[2]]).toMatchObject([2, { matched: 0, differed: 0, unanswered: 0 }])
  })

  it('wait within bounds: what is beyond is mirrored, and not compared', async () => {
    await using target = await ScriptedPeer.listen(welcoming(silent))
    const fake = shardFor(target.port, '?compare=all')
    const client = await connected(fake)
    const { mirror } = fake.shard.counters
    // The original's answers are kept until the target's come: 4 MiB of them.
    for (let id = 1; id <= 200; id++) {
      client.send({ kind: 1, route: 1, id, body: new Uint8Array(LARGE) })
      // More than a connection's share of a turn.
      await new Promise(setImmediate)
      await until(fake, ({ waiting }) => waiting < 10)
    }
    const kept = Math.floor((4 * 1024 * 1024) / LARGE)
    expect([mirror.uncompared, sum(mirror.dropped)]).toEqual([200 - kept, 1])
    fake.clock.advance(60_000)
    expect(mirror.routes[0]).toMatchObject({ unanswered: kept })
    for (let id = 1; id <= 8300; id++) {
      client.send(request(1, id))
      // More than a connection's share of a turn.
      if (id % 1000 === 0) await new Promise(setImmediate)
    }
    await until(fake, ({ sampled }) => sampled === 1 + 200 + 8300)
    expect(mirror.uncompared).toBe(200 - kept + 8300 - 8192)
  })

  it('of ids that a client uses again at once are told apart', async () => {
    await using target = await ScriptedPeer.listen(welcoming(echo))
    const fake = shardFor(target.port, '?compare=all')
    const client = await connected(fake)
    for (let index = 0; index < 100; index++) client.send(request(1, 7, index))
    await eventually(
      () => fake.shard.counters.mirror.routes[0]?.matched === 100,
      () => 'not all matched',
    )
    expect(new Set(mirrored(target).map(({ id }) => id)).size).toBe(100)
  })

  it('a route that the service does not have cannot be compared', () => {
    expect(() => shardFor(1, '?compare=echo,nosuch')).toThrow(
      'SHARDWIRE_MIRROR compares route nosuch, but service test has only echo (1), later (2), never (3)',
    )
  })
})

describe('what is mirrored', () => {
  it('is what is served: MESSAGEs and REQUESTs with their metadata, and nothing else', async () => {
    await using target = await ScriptedPeer.listen(welcoming(silent))
    const fake = shardFor(target.port)
    const client = await connected(fake)
    client.send(
      { kind: 7, route: 0, body: encodeBody('ping') },
      request(1, 4_000_000_000, 'x', 5000),
      message(99, new Uint8Array(1)),
      { kind: 4, route: 3, id: 5 },
      { kind: 2, route: 1, id: 5, body: new Uint8Array(1) },
      message(1, Uint8Array.of(1, 2)),
    )
    await until(fake, ({ sent }) => sent === 2)
    const seen = mirrored(target)
    expect(seen).toMatchObject([
      { kind: 1, route: 1, id: 1, body: encodeBody('x') },
      { kind: 0, route: 1, body: Uint8Array.of(1, 2) },
    ])
    expect(seen[0]?.meta).toEqual(encodeBody({ deadlineMs: 5000 }))
  })

  it('is not what another mirror sends', async () => {
    await using target = await ScriptedPeer.listen(welcoming(silent))
    const fake = shardFor(target.port)
    const client = await connected(fake)
    const other = fake.connect()
    other.send({ kind: 7, route: 2, body: encodeBody({ protocol: 1, name: 'shardwire-mirror' }) })
    other.send(message(1, new Uint8Array(1)))
    client.send(message(1, new Uint8Array(2)))
    await until(fake, ({ sent }) => sent === 1)
    expect(fake.shard.counters.mirror.sampled).toBe(2)
  })

  it('a PING of the target is answered, a REQUEST refused', async () => {
    await using target = await ScriptedPeer.listen(welcoming(silent))
    await connected(shardFor(target.port))
    const connection = await target.nextConnection()
    await connection.sendFrames({ kind: 7, route: 0, body: Uint8Array.of(1, 2) }, { kind: 1, route: 4, id: 3 })
    await target.nextFrame()
    expect(await target.frames(2)).toMatchObject([
      { kind: 7, route: 1, body: Uint8Array.of(1, 2) },
      { kind: KIND_ERROR, route: 4, id: 3 },
    ])
  })
})
