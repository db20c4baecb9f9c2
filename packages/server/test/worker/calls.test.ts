import { decodeErrorBody, OVERLOADED, ShardwireError } from '@shardwire/protocol'
import { nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import type { Request } from '../../src/service/request.ts'
import { route } from '../../src/service/route.ts'
import { cancel, type FakePeer, type FakeShard, fakeShard, request } from './fake-shard.ts'

const SLOW = 1
const QUICK = 2
const FREE = 3
const NO_BYTES = new Uint8Array(0)

interface Running {
  readonly request: Request
  readonly promise: PromiseWithResolvers<unknown>
}

interface Setup extends FakeShard {
  /** Handlers that were begun, in order. */
  readonly running: Running[]
  readonly peer: FakePeer
}

function setUp(environment: Readonly<Record<string, string>> = {}, maxConcurrent?: number): Setup {
  const running: Running[] = []
  const slow = (asked: Request): Promise<unknown> => {
    const promise = Promise.withResolvers<unknown>()
    running.push({ request: asked, promise })
    return promise.promise
  }
  const made = fakeShard(environment, {
    slow: route(SLOW, { timeoutMs: 1000, ...(maxConcurrent !== undefined && { maxConcurrent }) }, slow),
    free: route(FREE, {}, slow),
    quick: route(QUICK, {}, () => 1),
  })
  return { ...made, running, peer: made.connect() }
}

/** Ends a handler, and lets what waits for it run. */
async function answer({ running }: Setup, index: number, value: unknown = 'done'): Promise<void> {
  running[index]?.promise.resolve(value)
  await nextTurn()
}

const RESPONSE = `2 ${SLOW} 1`
const EXPIRED = `3 ${SLOW} 1 DEADLINE_EXCEEDED`
const CANCELLED = `3 ${SLOW} 1 CANCELLED`

/** What may end a call; each does its part and no more. */
const ENDS = {
  handler: { run: (setup: Setup) => answer(setup, 0), answers: [RESPONSE] },
  deadline: { run: async ({ clock }: Setup) => Promise.resolve(clock.advance(1100)), answers: [EXPIRED] },
  cancel: { run: async ({ peer }: Setup) => Promise.resolve(peer.send(cancel(SLOW, 1))), answers: [CANCELLED] },
} as const
type End = keyof typeof ENDS
const ORDERS = (Object.keys(ENDS) as End[]).flatMap((first) =>
  (Object.keys(ENDS) as End[]).filter((second) => second !== first).map((second): [End, End] => [first, second]),
)

describe('a call is answered exactly once', () => {
  it.each(ORDERS)('by its %s, whatever its %s says afterwards', async (first, second) => {
    const setup = setUp()
    const { peer, shard } = setup
    peer.send(request(SLOW, 1))
    expect(peer.answers()).toEqual([])
    await ENDS[first].run(setup)
    expect(peer.answers()).toEqual(ENDS[first].answers)
    await ENDS[second].run(setup)
    expect(peer.answers()).toEqual([])
    expect(shard.counters.callsInFlight).toBe(0)
  })

  it.each(['handler', 'deadline'] as const)('or never, when its connection closed before its %s', async (end) => {
    const setup = setUp()
    const { peer, shard, running, clock } = setup
    peer.send(request(SLOW, 1))
    peer.handle.arriveReset()
    peer.handle.closes()
    await nextTurn()
    expect(running[0]?.request.signal.aborted).toBe(true)
    await ENDS[end].run(setup)
    expect(peer.answers()).toEqual([])
    expect([shard.counters.callsInFlight, setup.faults]).toEqual([0, []])
    // Nothing of it is on the wheel: the tick that finds it empty ends the ticking.
    clock.advance(40)
    expect(clock.pendingTimers).toBe(0)
  })

  it('by what it threw, which never leaves the server as it is', async () => {
    const { peer, running } = setUp()
    peer.send(request(SLOW, 1))
    running[0]?.promise.reject(new Error('secret'))
    await nextTurn()
    expect(peer.handle.sent.includes('secret')).toBe(false)
    expect(peer.answers()).toEqual([`3 ${SLOW} 1 HANDLER_FAILED`])
  })

  it('so that its id is free again at once, and a late end of the first does not answer the second', async () => {
    const setup = setUp()
    const { peer } = setup
    peer.send(request(SLOW, 1), cancel(SLOW, 1), request(SLOW, 1))
    expect(peer.answers()).toEqual([CANCELLED])
    await answer(setup, 0, 'late')
    expect(peer.answers()).toEqual([])
    await answer(setup, 1, 'second')
    expect(peer.answers()).toEqual([RESPONSE])
  })
})

describe('the signal of a call', () => {
  it('is aborted with the error, also where it is asked for only afterwards', async () => {
    const setup = setUp()
    const { peer, running } = setup
    peer.send(request(SLOW, 1), request(SLOW, 2))
    const early = running[0]?.request.signal
    peer.send(cancel(SLOW, 1), cancel(SLOW, 2))
    await nextTurn()
    for (const signal of [early, running[0]?.request.signal, running[1]?.request.signal]) {
      expect([signal?.aborted, signal?.reason]).toEqual([true, expect.objectContaining({ name: 'CANCELLED' })])
    }
  })
})

describe('a deadline', () => {
  it('that has passed is what a handler’s failure is told as, also before the wheel comes to it', async () => {
    const { peer, running, clock, failures } = setUp()
    clock.advance(5)
    peer.send(request(SLOW, 1), request(SLOW, 2))
    clock.advance(1001)
    expect(peer.answers()).toEqual([])
    running[0]?.promise.reject(new Error('what it asked for took too long'))
    running[1]?.promise.reject(new ShardwireError(OVERLOADED, 'its own word'))
    await nextTurn()
    expect(peer.answers()).toEqual([EXPIRED, `3 ${SLOW} 2 OVERLOADED`])
    expect(failures).toEqual([])
  })

  it('is the smaller one of the route and of the caller, and never early', () => {
    const { peer, clock } = setUp()
    peer.send(request(SLOW, 1, null, 300), request(SLOW, 2, null, 60_000))
    clock.advance(299)
    expect(peer.answers()).toEqual([])
    clock.advance(21)
    expect(peer.answers()).toEqual([EXPIRED])
    clock.advance(679)
    expect(peer.answers()).toEqual([])
    clock.advance(21)
    expect(peer.answers()).toEqual([`3 ${SLOW} 2 DEADLINE_EXCEEDED`])
  })

  it('counts from the time itself, not from a tick before it', () => {
    const { peer, clock } = setUp()
    peer.send(request(SLOW, 1))
    // Half a tick, which the wheel has not seen.
    clock.advance(10)
    peer.send(request(SLOW, 2, null, 100))
    clock.advance(99)
    expect(peer.answers()).toEqual([])
    clock.advance(21)
    expect(peer.answers()).toEqual([`3 ${SLOW} 2 DEADLINE_EXCEEDED`])
  })

  it('of a MESSAGE passes in silence, counted', () => {
    const { peer, clock, shard } = setUp()
    peer.send({ ...request(SLOW, 0), kind: 0 })
    clock.advance(1100)
    expect(peer.answers()).toEqual([])
    expect([shard.counters.messagesExpired, shard.counters.callsInFlight]).toEqual([1, 0])
  })

  it('aborts the signal of its handler with the error that the caller gets', () => {
    const { peer, clock, running } = setUp()
    peer.send(request(SLOW, 1))
    const signal = running[0]?.request.signal
    expect(signal?.aborted).toBe(false)
    clock.advance(1100)
    expect(signal?.reason).toMatchObject({ name: 'DEADLINE_EXCEEDED' })
  })
})

describe('SHARDWIRE_MAX_HANDLERS', () => {
  it('counts a handler until it ends, also when its call was cancelled, expired or abandoned', async () => {
    const setup = setUp({ SHARDWIRE_MAX_HANDLERS: '3' })
    const { clock, shard, connect } = setup
    const [one, two, three, other] = [setup.peer, connect(), connect(), connect()]
    for (const peer of [one, two, three]) peer.send(request(SLOW, 1))
    one.send(cancel(SLOW, 1))
    three.handle.arriveReset()
    three.handle.closes()
    clock.advance(1100)
    expect([shard.counters.callsInFlight, shard.counters.handlersRunning]).toEqual([0, 3])
    other.send(request(SLOW, 7))
    expect(other.answers()).toEqual([`3 ${SLOW} 7 OVERLOADED`])
    await answer(setup, 1)
    other.send(request(SLOW, 8))
    expect([other.answers(), shard.counters.handlersRunning]).toEqual([[], 3])
  })

  it('does not refuse what is answered at once', () => {
    const { peer, connect } = setUp({ SHARDWIRE_MAX_HANDLERS: '1' })
    const other = connect()
    peer.send(request(SLOW, 1))
    other.send(request(QUICK, 1))
    expect(other.answers()).toEqual([`2 ${QUICK} 1`])
  })
})

describe('maxConcurrent of a route', () => {
  it('refuses one handler more, with a time to come back, and leaves other routes alone', () => {
    const { peer, connect } = setUp({}, 2)
    const other = connect()
    peer.send(request(SLOW, 1), request(SLOW, 2), request(SLOW, 3))
    other.send(request(SLOW, 1), request(FREE, 2), request(QUICK, 3))
    const refused = peer.received()
    expect(refused.map(({ id }) => id)).toEqual([3])
    expect(decodeErrorBody(refused[0]?.body ?? NO_BYTES, 0, refused[0]?.body.length ?? 0)).toMatchObject({
      name: 'OVERLOADED',
      retryAfterMs: expect.any(Number),
      message: 'slow runs 2 times, which is its limit',
    })
    expect(other.answers()).toEqual([`3 ${SLOW} 1 OVERLOADED`, `2 ${QUICK} 3`])
  })

  it('counts a handler until it ends, however often it met its bound before', async () => {
    const setup = setUp({}, 1)
    const { peer, clock, shard } = setup
    for (let round = 0; round < 3; round++) {
      peer.send(request(SLOW, 1))
      clock.advance(1100)
      peer.send(request(SLOW, 2))
      expect(peer.answers()).toEqual([EXPIRED, `3 ${SLOW} 2 OVERLOADED`])
      await answer(setup, round)
      expect(shard.counters.handlersRunning).toBe(0)
    }
  })
})

describe('an ending connection', () => {
  it('sends its FIN behind the last of its calls, not before', async () => {
    const setup = setUp()
    const { peer } = setup
    peer.send(request(SLOW, 1), request(SLOW, 2))
    peer.handle.arriveEnd()
    await answer(setup, 0)
    expect(peer.handle.log).not.toContain('shutdown')
    await answer(setup, 1)
    expect(peer.answers()).toEqual([RESPONSE, `2 ${SLOW} 2`])
    expect(peer.handle.log).toContain('shutdown')
  })
})

describe('what goes wrong while a call is answered', () => {
  it('a result whose getter throws is HANDLER_FAILED, for its call alone', async () => {
    const setup = setUp()
    const { peer, faults, closes } = setup
    peer.send(request(SLOW, 1), request(SLOW, 2))
    const failing = {
      get value(): never {
        throw new Error('a getter that throws')
      },
    }
    await answer(setup, 0, failing)
    await answer(setup, 1)
    expect(peer.answers()).toEqual([`3 ${SLOW} 1 HANDLER_FAILED`, `2 ${SLOW} 2`])
    expect([faults, closes()]).toEqual([[], {}])
  })

  it('an error that cannot be encoded costs its connection at most, and the call is settled', async () => {
    const setup = setUp()
    const { peer, shard, running } = setup
    const other = setup.connect()
    peer.send(request(SLOW, 1))
    running[0]?.promise.reject(new ShardwireError(OVERLOADED, 'busy', { retryAfterMs: Symbol('soon') as never }))
    await nextTurn()
    expect(shard.counters.callsInFlight).toBe(0)
    if (peer.ended !== undefined) peer.handle.closes()
    other.send(request(QUICK, 1))
    expect(other.answers()).toEqual([`2 ${QUICK} 1`])
  })
})
