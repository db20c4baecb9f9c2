/** Owns the tests of how many frames a second a connection may send, to the tick. */
import { decodeErrorBody, KIND_CONTROL, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import type { Frame } from '@shardwire/protocol'
import { withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { route } from '../../src/service/route.ts'
import { cancel, type FakePeer, type FakeShard, fakeShard, message, request } from './fake-shard.ts'

const ECHO = 1
const SLOW = 2
const BODY = new Uint8Array(4)
const TICK_MS = 20
const PING: Frame = { kind: KIND_CONTROL, route: OPCODE_PING }

interface Setup extends FakeShard {
  readonly peer: FakePeer
}

function setUp(perSecond: number): Setup {
  const made = fakeShard(
    { SHARDWIRE_MESSAGE_RATE: String(perSecond) },
    {
      echo: route(ECHO, { body: 'bytes' }, (asked) => asked.forward()),
      slow: route(SLOW, {}, () => Promise.withResolvers().promise),
    },
  )
  return { ...made, peer: made.connect() }
}

function requests(count: number, first = 1): Frame[] {
  return Array.from({ length: count }, (_, index) => ({ kind: 1, route: ECHO, id: first + index, body: BODY }))
}

function messages(count: number): Frame[] {
  return Array.from({ length: count }, () => message(ECHO, BODY))
}

/** How often each answer came. */
function counts(answers: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const answer of answers) found[answer] = (found[answer] ?? 0) + 1
  return found
}

const LIMITED = `3 ${ECHO} 0 RATE_LIMITED`
const ECHOED = `0 ${ECHO} 0`

describe('SHARDWIRE_MESSAGE_RATE', () => {
  it('0 limits nothing, and leaves no state in a connection', () => {
    const { peer } = setUp(0)
    peer.send(...messages(5000))
    expect([counts(peer.answers()), peer.connection.rate]).toEqual([{ [ECHOED]: 5000 }, null])
  })

  it('lets as many through at once as in a second, and then one for each interval', () => {
    const { peer, clock } = setUp(10)
    peer.send(...messages(10))
    expect(counts(peer.answers())).toEqual({ [ECHOED]: 10 })
    for (let second = 0; second < 3; second++) {
      for (let interval = 0; interval < 10; interval++) {
        clock.advance(100)
        peer.send(...messages(1))
      }
    }
    expect(counts(peer.answers())).toEqual({ [ECHOED]: 30 })
    expect(peer.connection.closeReason).toBe(0)
  })

  it.each([1, 3, 7, 1000])('of %i a second saves up no more than a second', (perSecond) => {
    const { peer, clock } = setUp(perSecond)
    peer.send(...messages(perSecond))
    clock.advance(100_000)
    peer.send(...messages(perSecond + 5))
    expect(counts(peer.answers())).toEqual({ [ECHOED]: 2 * perSecond, [LIMITED]: 1 })
  })

  it('a REQUEST beyond it is RATE_LIMITED, each of them, and a retry after retryAfterMs gets through', () => {
    const { peer, clock, shard } = setUp(4)
    peer.send(...requests(6))
    const refused = peer.received().slice(4)
    expect(refused.map(({ id }) => id)).toEqual([5, 6])
    const waits = refused.map(({ body }) => decodeErrorBody(body, 0, body.length))
    expect(waits).toMatchObject([
      { name: 'RATE_LIMITED', retryable: true, retryAfterMs: 250 },
      { name: 'RATE_LIMITED', retryable: true, retryAfterMs: 250 },
    ])
    expect([shard.counters.rateLimited, shard.counters.errors[13]]).toEqual([2, 2])
    clock.advance(250)
    // The wheel's time is that of its last tick: 20 ms old at most.
    clock.advance(TICK_MS)
    peer.send(...requests(1, 5))
    expect(peer.answers()).toEqual([`2 ${ECHO} 5`])
  })

  it('a MESSAGE beyond it is dropped, and one ERROR a second says so: a flood is not answered by a flood', () => {
    const { peer, clock, shard } = setUp(5)
    for (let tenth = 0; tenth < 30; tenth++) {
      peer.send(...messages(100))
      clock.advance(100)
    }
    const found = counts(peer.answers())
    expect(found[LIMITED]).toBe(3)
    expect(found[ECHOED]).toBeGreaterThanOrEqual(19)
    expect(found[ECHOED]).toBeLessThanOrEqual(20)
    expect(shard.counters.rateLimited).toBe(3000 - (found[ECHOED] ?? 0))
  })

  it('holds for each connection by itself', () => {
    const { peer, connect } = setUp(2)
    const other = connect()
    peer.send(...requests(3))
    other.send(...requests(2))
    expect(counts(other.answers())).toEqual({ [`2 ${ECHO} 1`]: 1, [`2 ${ECHO} 2`]: 1 })
  })

  it('closes who goes on past it for 10 s without a pause, and says so', () => {
    const setup = setUp(1)
    const { peer, clock } = setup
    let sentMs = 0
    for (; peer.ended === undefined && !peer.handle.log.includes('shutdown') && sentMs < 30_000; sentMs += 500) {
      peer.send(...messages(3))
      clock.advance(500)
    }
    expect(sentMs).toBeGreaterThanOrEqual(10_000)
    expect(sentMs).toBeLessThanOrEqual(10_600)
    expect(peer.answers().at(-1)).toBe('3 0 0 RATE_LIMITED')
    peer.handle.finLeaves()
    peer.handle.arriveEnd()
    peer.handle.closes()
    expect(setup.closes()).toEqual({ RATE_LIMITED: 1 })
  })

  it('and not who pauses for a second now and then', () => {
    const { peer, clock } = setUp(1)
    for (let round = 0; round < 10; round++) {
      for (let half = 0; half < 16; half++) {
        peer.send(...messages(3))
        clock.advance(500)
      }
      clock.advance(600)
    }
    expect([peer.ended, peer.handle.log.includes('shutdown')]).toEqual([undefined, false])
  })

  it('never more than rate x (t + 1) get through, however they come', async () => {
    await withSeed('message rate', (random) => {
      const perSecond = random.integer(1, 200)
      const { peer, clock } = setUp(perSecond)
      let ms = 0
      let through = 0
      while (ms < 5000) {
        const step = random.integer(0, 400)
        clock.advance(step)
        ms += step
        peer.send(...messages(random.integer(0, perSecond)))
        through += counts(peer.answers())[ECHOED] ?? 0
        expect(through).toBeLessThanOrEqual((perSecond * (ms + TICK_MS)) / 1000 + perSecond + 1)
      }
    })
  })
})

describe('what is not a message', () => {
  it('CANCEL is served beyond the rate', () => {
    const { peer } = setUp(1)
    peer.send(request(SLOW, 7), ...messages(3), cancel(SLOW, 7))
    expect(peer.answers()).toEqual([LIMITED, `3 ${SLOW} 7 CANCELLED`])
  })

  it('PINGs have a bucket of their own, and beyond it no answer', () => {
    const { peer, shard, clock } = setUp(1)
    peer.send(...Array.from({ length: 150 }, () => PING), message(ECHO, BODY))
    expect(counts(peer.answers())).toEqual({ [`7 ${OPCODE_PONG} 0`]: 100, [ECHOED]: 1 })
    expect(shard.counters.rateLimited).toBe(50)
    clock.advance(1000)
    peer.send(...Array.from({ length: 150 }, () => PING))
    expect(counts(peer.answers())).toEqual({ [`7 ${OPCODE_PONG} 0`]: 100 })
  })

  it('so have opcodes that are not known, whose ERROR is ten times as long as they are', () => {
    const { peer } = setUp(1)
    peer.send(...Array.from({ length: 300 }, () => ({ kind: KIND_CONTROL, route: 33 })))
    expect(peer.answers()).toHaveLength(100)
  })

  it('PONGs are not counted: they answer us', () => {
    const { peer, shard } = setUp(1)
    peer.send(...Array.from({ length: 1000 }, () => ({ kind: KIND_CONTROL, route: OPCODE_PONG })), PING)
    expect([peer.answers(), shard.counters.rateLimited]).toEqual([[`7 ${OPCODE_PONG} 0`], 0])
  })

  it('a flood of PINGs ends like one of messages', () => {
    const setup = setUp(1)
    for (let second = 0; second < 13; second++) {
      setup.peer.send(...Array.from({ length: 500 }, () => PING))
      setup.clock.advance(900)
    }
    expect(setup.peer.answers().at(-1)).toBe('3 0 0 RATE_LIMITED')
    expect(setup.peer.handle.log).toContain('shutdown')
  })
})

describe('the order of checks', () => {
  it('an id that is in flight breaks the connection, also beyond the rate: two answers could not be told apart', () => {
    const { peer } = setUp(1)
    peer.send(request(SLOW, 7), request(SLOW, 7))
    expect(peer.answers()).toEqual(['3 0 0 BAD_FRAME'])
  })

  it('a route that does not exist takes a token, too', () => {
    const { peer } = setUp(1)
    peer.send(message(9, BODY), message(9, BODY))
    expect(peer.answers()).toEqual(['3 9 0 UNKNOWN_ROUTE', '3 9 0 RATE_LIMITED'])
  })
})
