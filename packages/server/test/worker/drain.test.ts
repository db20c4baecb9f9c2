import { encodeFrame, encodeHello, KIND_CONTROL, KIND_ERROR, OPCODE_GOAWAY, parseGoaway } from '@shardwire/protocol'
import { MustCall, nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { route } from '../../src/service/route.ts'
import { HOLD_WRITE } from '../../src/worker/connection.ts'
import { type FakePeer, type FakeShard, fakeShard, message, request } from './fake-shard.ts'

const ECHO = 1
const SLOW = 2
const GOAWAY = `${KIND_CONTROL} ${OPCODE_GOAWAY} 0`
const TICK_MS = 20
const DEADLINE_MS = 10_000
/** What somebody gets who may be sending right now. */
const ACTIVE_GRACE_MS = 1000
/** After so long a silence nobody is. */
const SILENCE_MS = 10_000

interface Setup extends FakeShard {
  readonly drained: MustCall<[number]>
  readonly slow: PromiseWithResolvers<unknown>
}

function setUp(environment: Readonly<Record<string, string>> = {}, random?: () => number): Setup {
  const slow = Promise.withResolvers<unknown>()
  const routes = {
    echo: route(ECHO, { body: 'bytes' }, (asked) => asked.forward()),
    slow: route(SLOW, { timeoutMs: 60_000 }, () => slow.promise),
  }
  return { ...fakeShard(environment, routes, random), drained: new MustCall('drained'), slow }
}

/** Tells everyone to leave, and `drained` how many had to be cut off. */
function drain({ shard, drained }: Pick<Setup, 'shard' | 'drained'>, deadlineMs: number): void {
  shard.drain({ deadlineMs, rolling: false }, ({ forced }) => drained.call(forced))
}

/** Moves time until our FIN goes out to `peer`. @returns how long that took, in whole ticks */
function msUntilFin({ clock }: FakeShard, peer: FakePeer, limitMs = 20_000): number {
  let tookMs = 0
  for (; !peer.handle.log.includes('shutdown') && tookMs < limitMs; tookMs += TICK_MS) clock.advance(TICK_MS)
  return tookMs
}

/** The peer reads our FIN, and sends its own. */
function goodbye(peer: FakePeer): void {
  peer.handle.finLeaves()
  peer.handle.arriveEnd()
  peer.handle.closes()
}

describe('a drain', () => {
  it('with nobody there is done at once', () => {
    const { shard, drained, clock } = setUp()
    drain({ shard, drained }, DEADLINE_MS)
    expect(drained.calls).toEqual([[0]])
    expect(clock.pendingTimers).toBe(0)
  })

  it('tells everyone at once, and is done once, when the last is gone', () => {
    const setup = setUp()
    using drained = setup.drained
    const peers = Array.from({ length: 3 }, setup.connect)
    drain(setup, DEADLINE_MS)
    drain(setup, DEADLINE_MS)
    for (const peer of peers) expect(peer.answers()).toEqual([GOAWAY])
    for (const peer of peers) msUntilFin(setup, peer)
    for (const peer of peers) {
      expect(drained.count).toBe(0)
      goodbye(peer)
    }
    expect([drained.calls, setup.closes()]).toEqual([[[0]], { DRAINED: 3 }])
  })

  it.each([
    [3, 2000],
    [2500, 2500],
  ])('lets %i clients come back within %i ms: a worker takes a thousand a second', (connections, jitterMs) => {
    const setup = setUp()
    const [peer] = Array.from({ length: connections }, setup.connect)
    drain(setup, DEADLINE_MS)
    const [{ body } = { body: new Uint8Array(0) }] = peer?.received() ?? []
    expect(parseGoaway(body, 0, body.length)).toMatchObject({ retry: 'later', retryAfterMs: 500, jitterMs })
  })

  it('gives every connection a moment of its own inside the window', () => {
    const moments = [0, 0.999, 0.5]
    const setup = setUp({}, () => moments.shift() ?? 0)
    const [first, last, middle] = [setup.connect(), setup.connect(), setup.connect()]
    setup.clock.advance(SILENCE_MS)
    drain(setup, DEADLINE_MS)
    // The window of so few is 150 ms, the first 50 for GOAWAY to arrive.
    const tookMs = [first, middle, last].map((peer) => msUntilFin(setup, peer))
    const [atFirst = 0, toMiddle = 0, toLast = 0] = tookMs
    const isIn = (ms: number, dueMs: number): boolean => ms >= dueMs && ms <= dueMs + 2 * TICK_MS
    expect([isIn(atFirst, 50), isIn(atFirst + toMiddle, 100)]).toEqual([true, true])
    expect(isIn(atFirst + toMiddle + toLast, 149)).toBe(true)
  })

  it('waits a second for what who has just connected, or sent something lately, may be sending', () => {
    const setup = setUp()
    const [silent, active] = [setup.connect(), setup.connect()]
    setup.clock.advance(SILENCE_MS)
    active.send(request(ECHO, 1))
    active.answers()
    const fresh = setup.connect()
    drain(setup, DEADLINE_MS)
    const silentMs = msUntilFin(setup, silent)
    const hasEnded = ({ handle }: FakePeer): boolean => handle.log.includes('shutdown')
    expect([silentMs <= 150 + 2 * TICK_MS, hasEnded(active), hasEnded(fresh)]).toEqual([true, false, false])
    for (const peer of [active, fresh]) {
      peer.send(request(ECHO, 2))
      expect(peer.answers()).toEqual([GOAWAY, `3 ${ECHO} 2 DRAINING`])
    }
    const activeMs = silentMs + msUntilFin(setup, active)
    expect([activeMs >= ACTIVE_GRACE_MS, activeMs <= ACTIVE_GRACE_MS + 2 * TICK_MS]).toEqual([true, true])
    msUntilFin(setup, fresh)
    expect(hasEnded(fresh)).toBe(true)
  })

  it('of clients in this process waits for none of them, but for calls in flight', async () => {
    const setup = setUp()
    const [talked, busy] = [setup.connect(), setup.connect()]
    talked.send(message(ECHO, Buffer.from('x')))
    busy.send(request(SLOW, 1))
    setup.shard.drain({ deadlineMs: DEADLINE_MS, rolling: false, isLocal: true }, () => setup.drained.call(0))
    expect(msUntilFin(setup, talked)).toBeLessThanOrEqual(2 * TICK_MS)
    expect(busy.handle.log).not.toContain('shutdown')
    setup.slow.resolve('done')
    await nextTurn()
    expect(busy.answers()).toContain(`2 ${SLOW} 1`)
    for (const peer of [talked, busy]) goodbye(peer)
    expect(setup.drained.calls).toEqual([[0]])
  })

  it('spreads many over half of the deadline at most, however many they are', () => {
    const setup = setUp({}, () => 0.999)
    const peers = Array.from({ length: 900 }, setup.connect)
    drain(setup, 600)
    setup.clock.advance(280)
    expect(peers.filter(({ handle }) => handle.log.includes('shutdown'))).toHaveLength(0)
    setup.clock.advance(60)
    expect(peers.filter(({ handle }) => handle.log.includes('shutdown'))).toHaveLength(900)
  })

  it('serves a socket that was on its way like the others', () => {
    const setup = setUp()
    const first = setup.connect()
    drain(setup, DEADLINE_MS)
    const late = setup.connect()
    expect(late.answers()).toEqual([GOAWAY])
    late.send(message(ECHO, new Uint8Array(3)), request(ECHO, 7))
    expect(late.answers()).toEqual([`0 ${ECHO} 0`, `3 ${ECHO} 7 DRAINING`])
    msUntilFin(setup, late)
    for (const peer of [first, late]) goodbye(peer)
    expect(setup.drained.calls).toEqual([[0]])
  })

  it('waits for calls in flight beyond their moment, and answers them before the FIN', async () => {
    const setup = setUp()
    const peer = setup.connect()
    peer.send(request(SLOW, 1))
    drain(setup, DEADLINE_MS)
    setup.clock.advance(5000)
    expect(peer.answers()).toEqual([GOAWAY])
    expect(peer.handle.log).not.toContain('shutdown')
    setup.slow.resolve('done')
    await nextTurn()
    expect(peer.answers()).toEqual([`2 ${SLOW} 1`])
    expect(peer.handle.log).toContain('shutdown')
    goodbye(peer)
    expect([setup.drained.calls, setup.closes()]).toEqual([[[0]], { DRAINED: 1 }])
  })
})

describe('a drain and a connection that is held', () => {
  const LIMITS = {
    SHARDWIRE_MAX_FRAME_BYTES: '65536',
    SHARDWIRE_WRITE_BUFFER_BYTES: '65536',
    SHARDWIRE_WRITE_TIMEOUT_MS: '60000',
    SHARDWIRE_SLOW_CONSUMER_MS: '60000',
  }
  const large = encodeFrame(message(ECHO, new Uint8Array(60_000)))
  const asked = encodeFrame(request(ECHO, 9))

  it('its moment is postponed: the frame that waits in its ring is answered before the FIN', () => {
    const setup = setUp(LIMITS)
    const peer = setup.connect()
    peer.handle.room = 0
    peer.handle.arrive(Buffer.concat([large, large, asked.subarray(0, 5)]))
    expect(peer.connection.hold).toBe(HOLD_WRITE)
    drain(setup, DEADLINE_MS)
    setup.clock.advance(5000)
    expect(peer.handle.log).not.toContain('shutdown')
    peer.handle.take()
    peer.handle.arrive(asked.subarray(5))
    expect(peer.answers()).toEqual([`0 ${ECHO} 0`, `0 ${ECHO} 0`, GOAWAY, `3 ${ECHO} 9 DRAINING`])
    msUntilFin(setup, peer)
    goodbye(peer)
    expect([setup.drained.calls, setup.closes()]).toEqual([[[0]], { DRAINED: 1 }])
  })

  it('and what waits in the kernel behind it is read and answered too, before its next moment', async () => {
    const setup = setUp(LIMITS)
    const peer = setup.connect()
    peer.handle.room = 0
    peer.handle.arrive(Buffer.concat([large, large]))
    drain(setup, DEADLINE_MS)
    // Any moment of a tick may be the one at which the peer reads again.
    setup.clock.advance(5000)
    for (let moment = 0; moment < 20; moment++) {
      peer.handle.take()
      // The wheel ticks before the loop comes round to read.
      setup.clock.advance(TICK_MS)
      expect(peer.handle.log).not.toContain('shutdown')
      peer.answers()
      peer.handle.room = 0
      peer.handle.arrive(Buffer.concat([large, large]))
      // It had its share of this turn, and yields.
      await nextTurn()
      setup.clock.advance(30 + moment * 3)
    }
  })

  it('its hold ends with the drain: at the deadline it is cut off, and counted as forced', () => {
    const setup = setUp(LIMITS)
    const peer = setup.connect()
    peer.handle.room = 0
    peer.handle.arrive(Buffer.concat([large, large, asked]))
    drain(setup, 1000)
    setup.clock.advance(1000)
    expect(peer.ended).toBe('reset')
    peer.handle.closes()
    expect([setup.drained.calls, setup.closes()]).toEqual([[[1]], { DRAIN_DEADLINE: 1 }])
  })
})

describe('a drain that is ordered again', () => {
  it('goes by the earlier of the deadlines', () => {
    const setup = setUp()
    const peer = setup.connect()
    peer.send(request(SLOW, 1))
    setup.shard.drain({ deadlineMs: DEADLINE_MS, rolling: true }, ({ forced }) => setup.drained.call(forced))
    // An exception that nobody caught.
    setup.shard.drain({ deadlineMs: 1000, rolling: true }, () => undefined)
    // The daemon stops.
    setup.shard.drain({ deadlineMs: DEADLINE_MS, rolling: false }, () => undefined)
    setup.clock.advance(999)
    expect(peer.ended).toBeUndefined()
    setup.clock.advance(1)
    expect(peer.ended).toBe('reset')
    peer.handle.closes()
    setup.clock.advance(2 * TICK_MS)
    expect([setup.drained.calls, setup.clock.pendingTimers]).toEqual([[[1]], 0])
  })

  it('since the daemon stops waits a second for who is being let in, though others served on before', () => {
    const hooks = { authenticate: () => new Promise<never>(() => undefined) }
    const { shard, clock, connect, closes } = fakeShard({}, {}, undefined, undefined, hooks)
    const peer = connect()
    peer.handle.arrive(encodeHello({ protocol: 1, token: 'x' }))
    using drained = new MustCall<[number]>('drained')
    shard.drain({ deadlineMs: DEADLINE_MS, rolling: true }, ({ forced }) => drained.call(forced))
    clock.advance(2000)
    expect(peer.answers()).toEqual([GOAWAY])
    shard.drain({ deadlineMs: DEADLINE_MS, rolling: false }, () => undefined)
    clock.advance(1000)
    expect(peer.answers()).toEqual([`${KIND_ERROR} 0 0 DRAINING`])
    goodbye(peer)
    expect([drained.calls, closes()]).toEqual([[[0]], { DRAINED: 1 }])
  })
})

describe('the deadline of a drain', () => {
  it('cuts off what is busy, and counts those alone: who only waits for the FIN of its peer ended well', () => {
    const setup = setUp()
    const [busy, waiting] = [setup.connect(), setup.connect()]
    busy.send(request(SLOW, 1))
    drain(setup, 500)
    msUntilFin(setup, waiting)
    waiting.handle.finLeaves()
    setup.clock.advance(500)
    expect([busy.ended, waiting.ended !== undefined]).toEqual(['reset', true])
    busy.handle.closes()
    waiting.handle.closes()
    expect([setup.drained.calls, setup.closes()]).toEqual([[[1]], { DRAINED: 1, DRAIN_DEADLINE: 1 }])
  })

  it('counts one whose last bytes had not left as cut off', () => {
    const setup = setUp()
    const peer = setup.connect()
    peer.handle.room = 5
    drain(setup, 500)
    setup.clock.advance(500)
    expect([peer.ended, peer.handle.log.includes('shutdown')]).toEqual(['reset', false])
    peer.handle.closes()
    expect([setup.drained.calls, setup.closes()]).toEqual([[[1]], { DRAIN_DEADLINE: 1 }])
  })

  it('is no more when all are gone before it', () => {
    const setup = setUp()
    const peer = setup.connect()
    drain(setup, DEADLINE_MS)
    msUntilFin(setup, peer)
    goodbye(peer)
    setup.clock.advance(2 * TICK_MS)
    expect([setup.drained.count, setup.clock.pendingTimers]).toEqual([1, 0])
  })
})
