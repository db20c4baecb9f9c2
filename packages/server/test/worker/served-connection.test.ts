/** Owns the tests of what a service does with its connections: pushes, asks, ends; in a shard over fake handles. */
import {
  decodeBody,
  decodeErrorBody,
  encodeBody,
  encodeErrorBody,
  KIND_CANCEL,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  OPCODE_GOAWAY,
  parseGoaway,
  parseMetadata,
  PERMISSION_DENIED,
  ShardwireError,
} from '@shardwire/protocol'
import { nextTurn, type ReceivedFrame } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { clientRoute } from '../../src/service/client-route.ts'
import { type Connection, ConnectionEndedError } from '../../src/service/connection.ts'
import { route } from '../../src/service/route.ts'
import { type FakePeer, type FakeShard, fakeShard, message, request } from './fake-shard.ts'

const MEET = 1
const CLIENT = 40
const MARK = 65_546
const NO_BYTES = new Uint8Array(0)

interface Setup extends FakeShard {
  /** All that came so far. */
  readonly met: Connection[]
  readonly peer: FakePeer
  readonly connection: Connection
}

/** A connection whose service side is in our hands. */
function meet(environment: Readonly<Record<string, string>> = {}, shard?: Setup): Setup {
  const met = shard?.met ?? []
  const sizes = { SHARDWIRE_MAX_FRAME_BYTES: '65536', SHARDWIRE_WRITE_BUFFER_BYTES: String(MARK) }
  const made =
    shard ??
    fakeShard(
      { ...sizes, SHARDWIRE_REQUEST_TIMEOUT_MS: '1000', ...environment },
      { meet: route(MEET, { body: 'none' }, ({ connection }) => void met.push(connection)) },
    )
  const peer = made.connect()
  peer.send(message(MEET, NO_BYTES))
  const connection = met.at(-1)
  if (connection === undefined) throw new Error('nobody came')
  return { ...made, met, peer, connection }
}

function valueOf(frame: ReceivedFrame | undefined): unknown {
  return frame === undefined ? undefined : decodeBody(frame.body, 0, frame.body.length)
}

/** The frames that are there once the turn is over. */
async function framesOf({ peer }: Setup): Promise<ReceivedFrame[]> {
  await nextTurn()
  return peer.received()
}

describe('send', () => {
  it('pushes MESSAGEs in order, all of a turn in one write', async () => {
    const setup = meet()
    const { connection, peer } = setup
    const writes = peer.handle.writes
    expect([
      connection.send(CLIENT, { n: 1 }),
      connection.send(CLIENT, Uint8Array.of(7)),
      connection.send(CLIENT),
    ]).toEqual([true, true, true])
    const [first, second, third] = await framesOf(setup)
    expect([valueOf(first), second?.body, third?.body.length]).toEqual([{ n: 1 }, Uint8Array.of(7), 0])
    expect([first?.kind, first?.route, peer.handle.writes - writes]).toEqual([KIND_MESSAGE, CLIENT, 1])
  })

  it('from a handler to others leaves both answers whole and in order', async () => {
    const connections: Connection[] = []
    const made = fakeShard(
      {},
      {
        join: route(1, { body: 'none' }, ({ connection }) => void connections.push(connection)),
        say: route(2, { body: 'bytes' }, (said) => {
          for (const connection of connections) connection.send(2, said.bytes)
          return said.forward()
        }),
      },
    )
    const [a, b] = [made.connect(), made.connect()]
    for (const peer of [a, b]) peer.send(message(1, NO_BYTES))
    const bodies = ['one', 'two', 'three'].map((text) => Buffer.from(text))
    a.send(...bodies.map((body, index) => ({ kind: KIND_REQUEST, route: 2, id: index + 1, body })))
    await nextTurn()
    expect(a.received().map(({ kind, body }) => `${kind} ${Buffer.from(body).toString()}`)).toEqual(
      bodies.flatMap((body) => [`0 ${body.toString()}`, `2 ${body.toString()}`]),
    )
    expect(b.received().map(({ body }) => Buffer.from(body).toString())).toEqual(['one', 'two', 'three'])
  })

  it('says false when the peer does not read, and drained() settles when it has', async () => {
    const setup = meet()
    const { connection, peer } = setup
    peer.handle.room = 0
    const body = new Uint8Array(40_000)
    const said: boolean[] = []
    for (let count = 0; count < 3; count++) {
      said.push(connection.send(CLIENT, body))
      await nextTurn()
    }
    expect([said, connection.isWritable, connection.isOpen]).toEqual([[true, true, false], false, true])
    let drained = false
    const waiting = connection.drained().then(() => (drained = true))
    await nextTurn()
    expect(drained).toBe(false)
    peer.handle.take()
    await waiting
    expect([connection.isWritable, (await framesOf(setup)).length]).toEqual([true, 3])
    await connection.drained()
  })

  it('past four times the mark costs the peer its connection, and nobody else anything', async () => {
    const setup = meet()
    const { connection, peer, closes } = setup
    const neighbour = meet({}, setup)
    peer.handle.room = 0
    const said: boolean[] = []
    for (let count = 0; count < 20; count++) {
      said.push(connection.send(CLIENT, new Uint8Array(40_000)))
      await nextTurn()
    }
    expect(said.lastIndexOf(true)).toBeLessThan(2)
    expect([peer.ended, connection.isOpen]).toEqual(['reset', false])
    peer.handle.closes()
    expect(closes()).toEqual({ SLOW_CONSUMER: 1 })
    expect(neighbour.connection.send(CLIENT, 'fine')).toBe(true)
    expect(setup.faults).toEqual([])
  })

  it('to a connection that has ended says false and sends nothing; drained() rejects with the reason', async () => {
    const setup = meet()
    const { connection, peer } = setup
    peer.handle.room = 0
    connection.send(CLIENT, new Uint8Array(65_000))
    await nextTurn()
    const waiting = connection.drained()
    connection.reset()
    await expect(waiting).rejects.toThrow(ConnectionEndedError)
    await expect(connection.drained()).rejects.toMatchObject({ reason: 'SERVICE_RESET' })
    expect([connection.send(CLIENT, 1), connection.isWritable]).toEqual([false, false])
    peer.handle.closes()
  })

  it('refuses what is larger than a frame may be, and what msgpack has no form for', () => {
    const { connection } = meet()
    expect(() => connection.send(CLIENT, new Uint8Array(70_000))).toThrow('a payload of 70000 bytes')
    expect(() => connection.send(CLIENT, () => 1)).toThrow(TypeError)
    expect(() => connection.send(0, 1)).toThrow('route 0: expected an integer from 1 to 4095')
    expect(() => connection.send(clientRoute(7, { body: 'bytes' }), 'text' as never)).toThrow('a route of bytes')
  })

  it('counts as traffic: who is sent to is not idle', async () => {
    const { connection, clock, peer } = meet({ SHARDWIRE_IDLE_TIMEOUT_MS: '1000' })
    for (let count = 0; count < 5; count++) {
      clock.advance(600)
      connection.send(CLIENT, count)
      await nextTurn()
    }
    expect(peer.received().length).toBe(5)
    clock.advance(1100)
    expect(peer.answers()).toEqual(['3 0 0 TIMEOUT'])
  })
})

describe('request', () => {
  const temperature = clientRoute(CLIENT, {
    body: z.object({ unit: z.string() }),
    answer: z.object({ degrees: z.number() }),
  })

  it('asks with an id of its own and a deadline, and is answered by it, in any order', async () => {
    const setup = meet()
    const { connection, peer } = setup
    const answers = [1, 2].map((n) => connection.request(CLIENT, n))
    const asked = await framesOf(setup)
    expect(asked.map(({ kind, route: number, id }) => [kind, number, id])).toEqual([
      [KIND_REQUEST, CLIENT, 1],
      [KIND_REQUEST, CLIENT, 2],
    ])
    const meta = asked[0]?.meta ?? NO_BYTES
    expect(parseMetadata(meta, 0, meta.length)).toMatchObject({ deadlineMs: 1000 })
    // A request of the client's own with the same id is another one.
    peer.send(request(MEET, 1))
    for (const id of [2, 1]) peer.send({ kind: KIND_RESPONSE, route: CLIENT, id, body: encodeBody(id * 10) })
    expect(await Promise.all(answers)).toEqual([10, 20])
    expect(setup.shard.counters.unknownIds).toBe(0)
    // Who answers twice is heard once.
    peer.send({ kind: KIND_RESPONSE, route: CLIENT, id: 2, body: encodeBody('again') })
    expect([setup.shard.counters.unknownIds, connection.isOpen]).toEqual([1, true])
  })

  it('takes and gives bytes where bytes are given, in memory of their own', async () => {
    const setup = meet()
    const answer = setup.connection.request(CLIENT, Uint8Array.of(1, 2))
    const [asked] = await framesOf(setup)
    expect(asked?.body).toEqual(Uint8Array.of(1, 2))
    setup.peer.send({ kind: KIND_RESPONSE, route: CLIENT, id: 1, body: Uint8Array.of(3, 4) })
    setup.peer.send(message(MEET, new Uint8Array(100).fill(9)))
    expect(await answer).toEqual(Uint8Array.of(3, 4))
  })

  it('by a client route is typed, and an answer that its schema refuses is an error of the asker’s', async () => {
    const { connection, peer } = meet()
    const right = connection.request(temperature, { unit: 'C' })
    const wrong = connection.request(temperature, { unit: 'C' })
    const empty = connection.request(temperature, { unit: 'C' })
    await nextTurn()
    peer.send({ kind: KIND_RESPONSE, route: CLIENT, id: 1, body: encodeBody({ degrees: 21 }) })
    peer.send({ kind: KIND_RESPONSE, route: CLIENT, id: 2, body: encodeBody({ degrees: 'hot' }) })
    peer.send({ kind: KIND_RESPONSE, route: CLIENT, id: 3, body: Uint8Array.of(0xc1) })
    expect((await right).degrees).toBe(21)
    await expect(wrong).rejects.toThrow('what the client answered on route 40 cannot be read')
    await expect(empty).rejects.toThrow('what the client answered on route 40 cannot be read')
  })

  it('rejects with the ERROR that the client answers', async () => {
    const { connection, peer } = meet()
    const answer = connection.request(CLIENT, 1)
    await nextTurn()
    const body = encodeErrorBody(new ShardwireError(PERMISSION_DENIED, 'not mine'))
    peer.send({ kind: KIND_ERROR, route: CLIENT, id: 1, body })
    await expect(answer).rejects.toMatchObject({ code: PERMISSION_DENIED, message: 'not mine' })
  })

  it('past its deadline, or aborted, sends CANCEL; what is answered later is dropped and counted', async () => {
    const setup = meet()
    const { connection, peer, clock, shard } = setup
    const caller = new AbortController()
    const late = connection.request(CLIENT, 1, { timeoutMs: 100 })
    const aborted = connection.request(CLIENT, 2, { signal: caller.signal })
    const both = Promise.allSettled([late, aborted])
    await nextTurn()
    clock.advance(121)
    caller.abort(new Error('enough'))
    const [first, second] = await both
    expect(first).toMatchObject({ reason: { name: 'DEADLINE_EXCEEDED' } })
    expect(second).toMatchObject({ reason: { message: 'enough' } })
    const cancels = (await framesOf(setup)).filter(({ kind }) => kind === KIND_CANCEL)
    expect(cancels.map(({ id }) => id)).toEqual([1, 2])
    peer.send({ kind: KIND_RESPONSE, route: CLIENT, id: 1, body: encodeBody(1) })
    expect(shard.counters.unknownIds).toBe(1)
    await expect(connection.request(CLIENT, 3, { signal: caller.signal })).rejects.toThrow('enough')
    expect(await framesOf(setup)).toEqual([])
  })

  it.each(['fin', 'reset', 'close'] as const)('fails when the connection ends by a %s', async (how) => {
    const setup = meet()
    const { connection, peer, clock } = setup
    const answer = connection.request(CLIENT, 1)
    await nextTurn()
    if (how === 'fin') peer.handle.arriveEnd()
    else if (how === 'reset') peer.handle.arriveReset()
    else connection.close()
    await nextTurn()
    if (how === 'reset') peer.handle.closes()
    if (how === 'close') peer.handle.arriveEnd()
    await expect(answer).rejects.toThrow(ConnectionEndedError)
    await expect(connection.request(CLIENT, 1)).rejects.toThrow(ConnectionEndedError)
    if (how !== 'reset') {
      peer.handle.finLeaves()
      peer.handle.closes()
    }
    clock.advance(40)
    expect([clock.pendingTimers, setup.faults]).toEqual([0, []])
  })

  it('is bounded in number, and by what the peer reads', async () => {
    const setup = meet({ SHARDWIRE_MAX_IN_FLIGHT: '2' })
    const { connection, peer } = setup
    const waiting = Promise.allSettled([connection.request(CLIENT, 1), connection.request(CLIENT, 2)])
    await expect(connection.request(CLIENT, 3)).rejects.toMatchObject({ name: 'OVERLOADED', retryAfterMs: 100 })
    for (const id of [1, 2]) peer.send({ kind: KIND_RESPONSE, route: CLIENT, id, body: encodeBody(id) })
    await waiting
    peer.handle.room = 0
    for (let count = 0; count < 2; count++) {
      connection.send(CLIENT, new Uint8Array(40_000))
      await nextTurn()
    }
    await expect(connection.request(CLIENT, 3)).rejects.toMatchObject({ name: 'OVERLOADED' })
  })

  it('keeps a silent client from counting as idle', async () => {
    const { connection, peer, clock } = meet({ SHARDWIRE_IDLE_TIMEOUT_MS: '1000', SHARDWIRE_HEARTBEAT_MS: '0' })
    const answer = connection.request(CLIENT, 1, { timeoutMs: 5000 })
    await nextTurn()
    clock.advance(3000)
    peer.send({ kind: KIND_RESPONSE, route: CLIENT, id: 1, body: encodeBody('late but there') })
    expect(await answer).toBe('late but there')
  })
})

describe('close', () => {
  it('says GOAWAY with the reason, answers what is in flight, and refuses what comes', async () => {
    const slow = Promise.withResolvers<string>()
    const made = fakeShard(
      {},
      {
        slow: route(1, () => slow.promise),
        bye: route(2, ({ connection }) => (connection.close('bye', { retry: 'never' }), 'closing')),
      },
    )
    const peer = made.connect()
    peer.send(request(1, 1), request(2, 2), request(1, 3))
    await nextTurn()
    const [goaway, bye, refused] = peer.received()
    expect([goaway?.kind, goaway?.route]).toEqual([KIND_CONTROL, OPCODE_GOAWAY])
    expect(parseGoaway(goaway?.body ?? NO_BYTES, 0, goaway?.body.length ?? 0)).toMatchObject({
      reason: 'bye',
      retry: 'never',
    })
    expect([valueOf(bye), decodeErrorBody(refused?.body ?? NO_BYTES, 0, refused?.body.length ?? 0).name]).toEqual([
      'closing',
      'DRAINING',
    ])
    expect(peer.handle.log).not.toContain('shutdown')
    slow.resolve('done')
    await nextTurn()
    expect(peer.answers()).toEqual(['2 1 1'])
    expect(peer.handle.log).toContain('shutdown')
  })

  it('twice, or after the end, does nothing more', async () => {
    const setup = meet()
    setup.connection.close()
    setup.connection.close()
    await nextTurn()
    setup.connection.close()
    expect((await framesOf(setup)).filter(({ kind }) => kind === KIND_CONTROL).length).toBeLessThanOrEqual(2)
    expect(setup.peer.handle.log.filter((call) => call === 'shutdown')).toEqual(['shutdown'])
  })
})

describe('reset', () => {
  it('by its own handler aborts that, and drops its answer', async () => {
    let aborted = false
    const made = fakeShard(
      {},
      {
        now: route(1, ({ connection }) => (connection.reset(), 'nobody reads this')),
        later: route(2, async ({ connection, signal }) => {
          signal.addEventListener('abort', () => (aborted = true))
          connection.reset()
          await Promise.resolve()
          return 'nor this'
        }),
      },
    )
    for (const number of [1, 2]) {
      const peer = made.connect()
      peer.send(request(number, 1))
      await nextTurn()
      expect([peer.ended, peer.received()]).toEqual(['reset', []])
      peer.handle.closes()
    }
    await nextTurn()
    expect([aborted, made.shard.counters.callsInFlight, made.shard.counters.handlersRunning, made.faults]).toEqual([
      true,
      0,
      0,
      [],
    ])
  })
})

describe('the signal of a connection', () => {
  it('is aborted when it ends, with the reason; one asked for later is aborted already', async () => {
    const { connection, peer } = meet()
    const { signal } = connection
    expect(signal.aborted).toBe(false)
    peer.handle.arriveReset()
    peer.handle.closes()
    await nextTurn()
    expect(signal.reason).toMatchObject({ name: 'ConnectionEndedError', reason: 'PEER_RESET' })
    const other = meet()
    other.connection.reset()
    expect(other.connection.signal.aborted).toBe(true)
  })
})

describe('a service that sends where it is told of an end', () => {
  it('does not come in the middle of a write: the largest holder goes, every other stream stays whole', async () => {
    const environment = {
      SHARDWIRE_MAX_FRAME_BYTES: '65536',
      SHARDWIRE_WRITE_BUFFER_BYTES: '524288',
      SHARDWIRE_MAX_BUFFER_BYTES: '524288',
      SHARDWIRE_OVERLOAD_BUFFER_PERCENT: '0',
    }
    const witness = meet(environment)
    const hoarder = meet({}, witness)
    hoarder.connection.signal.addEventListener('abort', () => witness.connection.send(CLIENT, 'it is gone'))
    hoarder.peer.handle.room = 0
    const other = meet({}, witness)
    other.peer.handle.room = 0
    for (let count = 0; count < 30 && hoarder.connection.isOpen; count++) {
      hoarder.connection.send(CLIENT, new Uint8Array(60_000).fill(count))
      other.connection.send(CLIENT, new Uint8Array(10_000).fill(count))
      await nextTurn()
    }
    expect([hoarder.peer.ended, witness.faults]).toEqual(['reset', []])
    const told = await framesOf(witness)
    expect(told.map(valueOf)).toEqual(['it is gone'])
    other.peer.handle.take()
    for (const [index, { body }] of (await framesOf(other)).entries()) {
      expect(Buffer.compare(body, new Uint8Array(10_000).fill(index))).toBe(0)
    }
  })
})
