/** Owns the tests of when a worker counts as overloaded, what it sheds then, and how that ends. */
import { decodeErrorBody, type Frame } from '@shardwire/protocol'
import { nextTurn, Random } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { route } from '../../src/service/route.ts'
import type { OverloadSignals } from '../../src/worker/overload.ts'
import { type FakePeer, type FakeShard, fakeShard, message, request } from './fake-shard.ts'

const ECHO = 1
const SLOW = 2
const BODY = new Uint8Array(4)
const TICK_MS = 20
const MIB = 1024 * 1024

interface Setup extends FakeShard {
  readonly peer: FakePeer
  readonly levels: [number, OverloadSignals][]
}

function setUp(environment: Readonly<Record<string, string>> = {}): Setup {
  const levels: [number, OverloadSignals][] = []
  const random = new Random(7)
  const made = fakeShard(
    { SHARDWIRE_OVERLOAD_DELAY_MS: '100', SHARDWIRE_DEBUG_VIEWS: 'false', ...environment },
    {
      echo: route(ECHO, { body: 'bytes' }, (asked) => asked.forward()),
      slow: route(SLOW, {}, () => Promise.withResolvers().promise),
    },
    () => random.next(),
    (level, signals) => levels.push([level, signals]),
  )
  return { ...made, levels, peer: made.connect() }
}

/** The loop turns for `ms`, and each turn takes `lateMs` more than a tick. */
async function busy({ clock }: Setup, ms: number, lateMs: number): Promise<void> {
  for (let spentMs = 0; spentMs < ms; spentMs += lateMs + TICK_MS) {
    clock.hold(lateMs)
    clock.advance(TICK_MS)
    await nextTurn()
  }
}

/** The loop turns for `ms` with nothing in its way. */
async function calm({ clock }: Setup, ms: number): Promise<void> {
  for (let spentMs = 0; spentMs < ms; spentMs += TICK_MS) clock.advance(TICK_MS)
  await nextTurn()
}

function requests(count: number): Frame[] {
  return Array.from({ length: count }, (_, index) => ({ kind: 1, route: ECHO, id: index + 1, body: BODY }))
}

/** How many of 100 requests are refused. */
function refusedOf100({ peer }: Setup): number {
  peer.send(...requests(100))
  return peer.answers().filter((answer) => answer.endsWith(' OVERLOADED')).length
}

describe('the delay of the loop', () => {
  it('that is late in every turn sheds connections after a second, requests after two, more with each', async () => {
    const setup = setUp()
    const { shard, levels } = setup
    await busy(setup, 800, 150)
    expect([shard.counters.overload, refusedOf100(setup)]).toEqual([0, 0])
    await busy(setup, 300, 150)
    expect([shard.counters.overload, refusedOf100(setup)]).toEqual([1, 0])
    const refused: number[] = []
    for (let second = 0; second < 5; second++) {
      await busy(setup, 1150, 150)
      refused.push(refusedOf100(setup))
    }
    for (const [index, part] of [25, 50, 75, 100, 100].entries()) {
      expect(Math.abs((refused[index] ?? 0) - part)).toBeLessThanOrEqual(part === 100 ? 0 : 15)
    }
    expect(levels.map(([level]) => level)).toEqual([1, 2])
    expect(levels[0]?.[1]).toEqual({ delayMs: 150, bufferPercent: 0 })
    expect(shard.counters.shed).toBe(refused.reduce((sum, count) => sum + count, 0))
  })

  it('goes back by itself, step by step, and is at rest afterwards', async () => {
    const setup = setUp()
    const { shard, levels } = setup
    await busy(setup, 12_000, 150)
    expect([shard.counters.overload, refusedOf100(setup)]).toEqual([2, 100])
    const refused: number[] = []
    await calm(setup, 1020)
    for (let second = 0; second < 5; second++) {
      await calm(setup, 1020)
      refused.push(refusedOf100(setup))
    }
    expect(refused.slice(-2)).toEqual([0, 0])
    expect(refused).toEqual(refused.toSorted((a, b) => b - a))
    expect(levels.map(([level]) => level)).toEqual([1, 2, 1, 0])
    expect(shard.counters.overload).toBe(0)
  })

  it('between the two marks changes nothing: it does not flutter', async () => {
    const setup = setUp()
    await busy(setup, 2500, 150)
    const { level } = { level: setup.shard.counters.overload }
    await busy(setup, 10_000, 90)
    expect([level, setup.shard.counters.overload, setup.levels.length]).toEqual([2, 2, 2])
  })

  it.each([
    ['a collection of half a second, every second', 500],
    ['a handler of five seconds', 5000],
    ['a machine that slept for an hour', 3_600_000],
  ])('%s is no overload: the other turns are on time', async (_, heldMs) => {
    const setup = setUp()
    for (let round = 0; round < 10; round++) {
      await busy(setup, heldMs, heldMs)
      await calm(setup, 980)
    }
    expect([setup.levels, setup.shard.counters.overload]).toEqual([[], 0])
  })

  it('nor are two such turns, one after the other: it takes three', async () => {
    const setup = setUp()
    await calm(setup, 960)
    await busy(setup, 4000, 2000)
    await calm(setup, 3000)
    expect(setup.levels).toEqual([])
  })

  it('0 is off: nothing is measured, nothing is shed, and no tick is needed for it', async () => {
    const setup = setUp({ SHARDWIRE_OVERLOAD_DELAY_MS: '0', SHARDWIRE_OVERLOAD_BUFFER_PERCENT: '0' })
    expect(setup.clock.pendingTimers).toBe(0)
    await busy(setup, 10_000, 500)
    expect([setup.levels, refusedOf100(setup)]).toEqual([[], 0])
  })

  it('is forgotten with the last connection, and nothing is left on the wheel', async () => {
    const setup = setUp()
    await busy(setup, 5000, 150)
    setup.peer.handle.arriveReset()
    setup.peer.handle.closes()
    expect([setup.shard.counters.overload, setup.levels.at(-1)?.[0]]).toEqual([0, 0])
    setup.clock.advance(TICK_MS)
    expect(setup.clock.pendingTimers).toBe(0)
    const other = setup.connect()
    other.send(...requests(1))
    expect(other.answers()).toEqual([`2 ${ECHO} 1`])
  })
})

describe('a request that is shed', () => {
  it('is OVERLOADED with a time to come back, which is not the same for all; the handler did not run', async () => {
    const setup = setUp()
    await busy(setup, 12_000, 150)
    setup.peer.send(...requests(100))
    const errors = setup.peer.received().map(({ body }) => decodeErrorBody(body, 0, body.length))
    const waits = new Set(errors.map(({ retryAfterMs }) => retryAfterMs))
    expect(new Set(errors.map(({ name }) => name))).toEqual(new Set(['OVERLOADED']))
    expect(waits.size).toBe(16)
    for (const waitMs of waits) {
      expect(waitMs).toBeGreaterThanOrEqual(500)
      expect(waitMs).toBeLessThanOrEqual(2000)
    }
    expect(setup.shard.counters.errors[11]).toBe(100)
  })

  it('leaves calls in flight alone, and PING is answered', async () => {
    const setup = setUp()
    setup.peer.send(request(SLOW, 1))
    await busy(setup, 12_000, 150)
    setup.peer.send({ kind: 7, route: 0 }, { kind: 4, route: SLOW, id: 1 })
    expect(setup.peer.answers()).toEqual(['7 1 0', `3 ${SLOW} 1 CANCELLED`])
  })

  it('when it is a MESSAGE is told once a second', async () => {
    const setup = setUp()
    await busy(setup, 12_000, 150)
    setup.peer.send(...Array.from({ length: 100 }, () => message(ECHO, BODY)))
    expect([setup.peer.answers(), setup.shard.counters.shed]).toEqual([[`3 ${ECHO} 0 OVERLOADED`], 100])
    await busy(setup, 1200, 150)
    setup.peer.send(...Array.from({ length: 100 }, () => message(ECHO, BODY)))
    expect(setup.peer.answers()).toEqual([`3 ${ECHO} 0 OVERLOADED`])
  })
})

describe('the buffers', () => {
  const LIMITS = {
    SHARDWIRE_MAX_BUFFER_BYTES: String(4 * MIB),
    SHARDWIRE_OVERLOAD_BUFFER_PERCENT: '50',
    SHARDWIRE_SLOW_CONSUMER_MS: '60000',
    SHARDWIRE_WRITE_TIMEOUT_MS: '60000',
  }
  const LARGE = message(ECHO, new Uint8Array(100_000))

  /** Connections that do not read their answers, of at least `bytes` in all. */
  function hoard({ connect, shard }: Setup, bytes: number): FakePeer[] {
    const peers: FakePeer[] = []
    while (shard.pool.leasedBytes < bytes) {
      const peer = connect()
      peers.push(peer)
      peer.handle.room = 0
      peer.send(LARGE)
    }
    return peers
  }

  it('shed connections, then requests of those that do not read, then who holds most, in this order', async () => {
    const setup = setUp(LIMITS)
    const { shard, peer } = setup
    const hoarders = hoard(setup, 2.5 * MIB)
    const [first] = hoarders
    await calm(setup, 1020)
    expect([shard.counters.overload, hoarders.some(({ ended }) => ended !== undefined)]).toEqual([1, false])
    await calm(setup, 1020)
    expect(shard.counters.overload).toBe(2)
    first?.send(...requests(3))
    // The others wait until it has read: it is not read from any more.
    expect([shard.counters.shed, first?.handle.reading]).toEqual([1, false])
    peer.send(...requests(3))
    expect(peer.answers()).toEqual([`2 ${ECHO} 1`, `2 ${ECHO} 2`, `2 ${ECHO} 3`])
    expect(hoarders.some(({ ended }) => ended !== undefined)).toBe(false)
    await calm(setup, 1020)
    expect(shard.counters.overload).toBe(3)
    for (const { ended, handle } of hoarders) if (ended !== undefined) handle.closes()
    expect(shard.pool.leasedBytes).toBeLessThanOrEqual(shard.pool.bytesMax / 2)
    const shed = setup.closes()['BUFFER_LIMIT'] ?? 0
    expect(shed).toBeGreaterThan(0)
    expect(shed).toBeLessThan(hoarders.length)
    expect(peer.ended).toBeUndefined()
    // Those that are left hoard on, and new connections are welcome again.
    await calm(setup, 3 * 1020)
    expect(setup.levels.map(([level]) => level)).toEqual([1, 2, 3, 2, 1, 0])
  })

  it('that are given back end it', async () => {
    const setup = setUp(LIMITS)
    const hoarders = hoard(setup, 2.5 * MIB)
    await calm(setup, 2040)
    for (const { handle } of hoarders) handle.take()
    await calm(setup, 2100)
    expect(setup.levels.map(([level]) => level)).toEqual([1, 2, 1, 0])
    expect(setup.closes()).toEqual({})
  })
})
