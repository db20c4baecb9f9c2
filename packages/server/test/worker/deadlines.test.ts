import { encodeFrame, KIND_CONTROL, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import { nextTurn } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { route } from '../../src/service/route.ts'
import { HOLD_TURN, HOLD_WRITE } from '../../src/worker/connection.ts'
import { LINGER_MS } from '../../src/worker/closing.ts'
import { type FakePeer, type FakeShard, fakeShard, message, request } from './fake-shard.ts'

const ECHO = 1
const SLOW = 2
const PING = `${KIND_CONTROL} ${OPCODE_PING} 0`
const TICK_MS = 20

const ROUTES = {
  echo: route(ECHO, { body: 'bytes' }, (asked) => asked.forward()),
  slow: route(SLOW, {}, () => Promise.withResolvers().promise),
}

interface Setup extends FakeShard {
  readonly peer: FakePeer
}

function setUp(environment: Readonly<Record<string, string>> = {}): Setup {
  const made = fakeShard(environment, ROUTES)
  return { ...made, peer: made.connect() }
}

/** Moves time until the connection is ended. @returns how long that took, in whole ticks */
function msUntilEnded({ clock, peer }: Setup, limitMs = 60_000): number {
  let tookMs = 0
  for (; peer.ended === undefined && tookMs < limitMs; tookMs += TICK_MS) clock.advance(TICK_MS)
  return tookMs
}

describe('heartbeat', () => {
  const HEARTBEAT = { SHARDWIRE_HEARTBEAT_MS: '1000', SHARDWIRE_HEARTBEAT_MISSES: '2' }

  it('a silent peer gets its PINGs an interval apart, and a reset an interval after the last', () => {
    const setup = setUp(HEARTBEAT)
    const { clock, peer } = setup
    clock.advance(990)
    expect(peer.answers()).toEqual([])
    clock.advance(30)
    expect(peer.answers()).toEqual([PING])
    clock.advance(960)
    expect(peer.answers()).toEqual([])
    clock.advance(60)
    expect(peer.answers()).toEqual([PING])
    expect(peer.ended).toBeUndefined()
    expect(msUntilEnded(setup)).toBeGreaterThanOrEqual(960)
    expect([peer.ended, peer.answers()]).toEqual(['reset', []])
    peer.handle.closes()
    expect(setup.closes()).toEqual({ HEARTBEAT_TIMEOUT: 1 })
  })

  it('after we stood still for many intervals one PING goes out, not a bunch, and has its interval', async () => {
    const { clock, peer } = setUp(HEARTBEAT)
    clock.hold(10_000)
    clock.advance(TICK_MS)
    await nextTurn()
    expect(peer.answers()).toEqual([PING])
    clock.advance(960)
    expect([peer.answers(), peer.ended]).toEqual([[], undefined])
    clock.advance(60)
    expect([peer.answers(), peer.ended]).toEqual([[PING], undefined])
    clock.hold(10_000)
    clock.advance(TICK_MS)
    peer.handle.arrive(encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PONG }))
    await nextTurn()
    expect(peer.ended).toBeUndefined()
  })

  it('any byte is life, also one of a frame that is cut', () => {
    const { clock, peer } = setUp(HEARTBEAT)
    const frame = encodeFrame(message(ECHO, new Uint8Array(20)))
    for (const byte of frame.subarray(0, 12)) {
      clock.advance(800)
      peer.handle.arrive(Uint8Array.of(byte))
    }
    expect([peer.answers(), peer.ended]).toEqual([[], undefined])
  })

  it('a PONG takes back what was missed', () => {
    const { clock, peer } = setUp(HEARTBEAT)
    for (let round = 0; round < 5; round++) {
      clock.advance(2060)
      expect(peer.answers()).toEqual([PING, PING])
      peer.send({ kind: KIND_CONTROL, route: OPCODE_PONG })
    }
    expect(peer.ended).toBeUndefined()
  })

  it('is over with the FIN of the peer, who waits for an answer and can send no PONG', () => {
    const { clock, peer } = setUp(HEARTBEAT)
    peer.send(request(SLOW, 1))
    peer.handle.arriveEnd()
    clock.advance(20_000)
    expect([peer.answers(), peer.ended]).toEqual([[], undefined])
  })
})

describe('frame timeout', () => {
  it('is over with the FIN of the peer as well', () => {
    const { clock, peer } = setUp({ SHARDWIRE_FRAME_TIMEOUT_MS: '500' })
    peer.send(request(SLOW, 1))
    peer.handle.arrive(encodeFrame(message(ECHO, new Uint8Array(20))).subarray(0, 9))
    peer.handle.arriveEnd()
    clock.advance(5000)
    expect([peer.answers(), peer.ended]).toEqual([[], undefined])
  })

  it('counts from the first byte of the frame, whatever drips in behind it', () => {
    const { clock, peer } = setUp({ SHARDWIRE_FRAME_TIMEOUT_MS: '500' })
    const frame = encodeFrame(message(ECHO, new Uint8Array(20)))
    for (const byte of frame.subarray(0, 4)) {
      peer.handle.arrive(Uint8Array.of(byte))
      clock.advance(120)
    }
    expect(peer.answers()).toEqual([])
    clock.advance(60)
    expect(peer.answers()).toEqual(['3 0 0 TIMEOUT'])
  })
})

describe('a slow loris', () => {
  it('that sends a byte a second and PONGs has the frame timeout, not a moment more', () => {
    const setup = setUp({ SHARDWIRE_HEARTBEAT_MS: '1000', SHARDWIRE_HEARTBEAT_MISSES: '1' })
    const { clock, peer } = setup
    const frame = encodeFrame(message(ECHO, new Uint8Array(1000)))
    let second = 0
    for (; second < 9; second++) {
      peer.handle.arrive(frame.subarray(second, second + 1))
      clock.advance(1000)
    }
    clock.advance(980)
    expect(peer.answers().filter((answer) => answer !== PING)).toEqual([])
    clock.advance(2 * TICK_MS)
    expect(peer.answers().filter((answer) => answer !== PING)).toEqual(['3 0 0 TIMEOUT'])
    peer.handle.finLeaves()
    peer.handle.arriveEnd()
    peer.handle.closes()
    expect([setup.closes(), setup.shard.pool.leasedBytes]).toEqual([{ FRAME_TIMEOUT: 1 }, 0])
  })

  it('that never sends a byte is asked, and ends by its silence', () => {
    const setup = setUp({ SHARDWIRE_HEARTBEAT_MS: '1000', SHARDWIRE_HEARTBEAT_MISSES: '3' })
    const tookMs = msUntilEnded(setup)
    expect(tookMs).toBeGreaterThanOrEqual(4000)
    expect(tookMs).toBeLessThanOrEqual(4000 + 5 * TICK_MS)
    expect(setup.peer.answers()).toEqual([PING, PING, PING])
  })
})

describe('idle timeout', () => {
  const IDLE = { SHARDWIRE_IDLE_TIMEOUT_MS: '2000', SHARDWIRE_HEARTBEAT_MS: '0' }

  it('counts from the last message, to the tick; PINGs are none', () => {
    const { peer, clock } = setUp(IDLE)
    clock.advance(1500)
    peer.send(message(ECHO, new Uint8Array(1)))
    expect(peer.answers()).toEqual([`0 ${ECHO} 0`])
    for (let half = 0; half < 3; half++) {
      clock.advance(500)
      peer.send({ kind: KIND_CONTROL, route: OPCODE_PING })
    }
    clock.advance(460)
    expect(peer.answers().filter((answer) => !answer.startsWith(String(KIND_CONTROL)))).toEqual([])
    clock.advance(2 * TICK_MS + TICK_MS)
    expect(peer.answers()).toEqual(['3 0 0 TIMEOUT'])
  })

  it('waits for a request in flight, and counts anew from its end', async () => {
    const { peer, clock } = setUp({ ...IDLE, SHARDWIRE_REQUEST_TIMEOUT_MS: '5000' })
    peer.send(request(SLOW, 1))
    clock.advance(5020)
    await nextTurn()
    expect(peer.answers()).toEqual([`3 ${SLOW} 1 DEADLINE_EXCEEDED`])
    clock.advance(1900)
    expect(peer.answers()).toEqual([])
    clock.advance(200)
    expect(peer.answers()).toEqual(['3 0 0 TIMEOUT'])
  })
})

describe('unsent bytes', () => {
  const LIMITS = {
    SHARDWIRE_MAX_FRAME_BYTES: '65536',
    SHARDWIRE_WRITE_BUFFER_BYTES: '65536',
    SHARDWIRE_WRITE_TIMEOUT_MS: '1000',
    SHARDWIRE_SLOW_CONSUMER_MS: '60000',
  }
  const LARGE = message(ECHO, new Uint8Array(40_000))

  it('without any progress are a WRITE_TIMEOUT', () => {
    const setup = setUp(LIMITS)
    setup.peer.handle.room = 100
    setup.peer.send(LARGE)
    expect(msUntilEnded(setup)).toBeGreaterThanOrEqual(1000)
    setup.peer.handle.closes()
    expect([setup.peer.ended, setup.closes()]).toEqual(['reset', { WRITE_TIMEOUT: 1 }])
  })

  it('that leave, however slowly, are none: it counts what the kernel takes, not what is written', () => {
    const { clock, peer } = setUp(LIMITS)
    peer.handle.room = 0
    peer.send(LARGE)
    for (let round = 0; round < 20; round++) {
      clock.advance(900)
      peer.handle.take(1)
      peer.handle.room = 0
    }
    expect(peer.ended).toBeUndefined()
  })

  it('that only grow are no progress', () => {
    const setup = setUp({ ...LIMITS, SHARDWIRE_WRITE_BUFFER_BYTES: '1048576' })
    setup.peer.handle.room = 0
    setup.peer.send(LARGE)
    for (let round = 0; round < 6 && setup.peer.ended === undefined; round++) {
      setup.clock.advance(200)
      if (setup.peer.ended === undefined) setup.peer.send(message(ECHO, new Uint8Array(10)))
    }
    setup.peer.handle.closes()
    expect(setup.closes()).toEqual({ WRITE_TIMEOUT: 1 })
  })

  const SLOW_LIMITS = { ...LIMITS, SHARDWIRE_WRITE_TIMEOUT_MS: '60000', SHARDWIRE_SLOW_CONSUMER_MS: '1000' }

  it('above the mark for too long are a SLOW_CONSUMER, also while they make progress', () => {
    const setup = setUp(SLOW_LIMITS)
    const { peer, clock } = setup
    peer.handle.room = 0
    peer.send(LARGE, LARGE, LARGE)
    for (let round = 0; round < 20 && peer.ended === undefined; round++) {
      clock.advance(100)
      peer.handle.take(10)
      peer.handle.room = 0
    }
    peer.handle.closes()
    expect([peer.ended, setup.closes()]).toEqual(['reset', { SLOW_CONSUMER: 1 }])
  })

  it('that fell below the mark meanwhile are forgiven, also while something is unsent all the time', () => {
    const { peer, clock } = setUp(SLOW_LIMITS)
    peer.handle.room = 0
    peer.send(LARGE, LARGE)
    clock.advance(900)
    // Below the mark; not all of it, so that nothing drains.
    peer.handle.take(70_000)
    peer.handle.room = 0
    clock.advance(20_000)
    expect([peer.ended, peer.handle.pendingWrites > 0]).toEqual([undefined, true])
  })

  it('above the mark pause reading until all have left', () => {
    const { peer } = setUp(LIMITS)
    peer.handle.room = 0
    peer.send(LARGE, LARGE)
    expect([peer.handle.reading, peer.connection.hold]).toEqual([false, HOLD_WRITE])
    peer.handle.take()
    expect([peer.handle.reading, peer.connection.hold]).toEqual([true, 0])
  })
})

describe('a connection that we hold', () => {
  const LIMITS = {
    SHARDWIRE_MAX_FRAME_BYTES: '65536',
    SHARDWIRE_WRITE_BUFFER_BYTES: '65536',
    SHARDWIRE_HEARTBEAT_MS: '1000',
    SHARDWIRE_HEARTBEAT_MISSES: '1',
    SHARDWIRE_IDLE_TIMEOUT_MS: '1500',
    SHARDWIRE_FRAME_TIMEOUT_MS: '500',
    SHARDWIRE_WRITE_TIMEOUT_MS: '60000',
    SHARDWIRE_SLOW_CONSUMER_MS: '60000',
  }

  it('has clocks that stand still: neither heartbeat nor idleness nor an unfinished frame ends it', () => {
    const { peer, clock } = setUp(LIMITS)
    peer.handle.room = 0
    const large = encodeFrame(message(ECHO, new Uint8Array(60_000)))
    peer.handle.arrive(Buffer.concat([large, large, large.subarray(0, 50)]))
    expect(peer.connection.hold).toBe(HOLD_WRITE)
    clock.advance(30_000)
    expect([peer.ended, peer.answers()]).toEqual([undefined, []])
  })

  it('begins them anew when it is let go', () => {
    const setup = setUp(LIMITS)
    const { peer, clock } = setup
    peer.handle.room = 0
    const large = encodeFrame(message(ECHO, new Uint8Array(60_000)))
    peer.handle.arrive(Buffer.concat([large, large, large.subarray(0, 50)]))
    clock.advance(30_000)
    peer.handle.take()
    const echoes = peer.answers()
    expect(echoes.filter((answer) => answer !== PING)).toEqual([`0 ${ECHO} 0`, `0 ${ECHO} 0`])
    clock.advance(480)
    expect(peer.answers()).toEqual([])
    clock.advance(60)
    expect(peer.answers()).toEqual(['3 0 0 TIMEOUT'])
  })

  it('for its turn, and that closes meanwhile, leaves nothing on the wheel', async () => {
    const { peer, clock, shard } = setUp({ SHARDWIRE_HEARTBEAT_MS: '1000' })
    peer.handle.room = 0
    // Each burns more than a turn's share: the last ones wait for the next turn.
    clock.holdAtEachReading(5)
    peer.send(...Array.from({ length: 5 }, () => message(ECHO, new Uint8Array(10))))
    clock.holdAtEachReading(0)
    expect(peer.connection.hold).toBe(HOLD_TURN)
    peer.handle.failWrites()
    peer.handle.closes()
    await nextTurn()
    expect(shard.connections.size).toBe(0)
    clock.advance(TICK_MS)
    await nextTurn()
    clock.advance(TICK_MS)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('lingering', () => {
  it('ends in a close, not in a reset: the kernel still delivers what it has', () => {
    const setup = setUp()
    const { peer, clock } = setup
    peer.handle.arrive(Buffer.from('500100000000', 'hex'))
    expect(peer.answers()).toEqual(['3 0 0 BAD_FRAME'])
    expect(peer.handle.log.at(-1)).toBe('shutdown')
    peer.handle.finLeaves()
    clock.advance(LINGER_MS - TICK_MS)
    expect(peer.ended).toBeUndefined()
    clock.advance(2 * TICK_MS)
    expect(peer.ended).toBe('close')
    peer.handle.closes()
    expect(setup.closes()).toEqual({ BAD_FRAME: 1 })
    clock.advance(2 * TICK_MS)
    expect(clock.pendingTimers).toBe(0)
  })

  it('begins when our FIN can leave, not while bytes before it are unsent', () => {
    const { peer, clock } = setUp()
    peer.handle.room = 5
    peer.handle.arrive(Buffer.from('500100000000', 'hex'))
    clock.advance(3 * LINGER_MS)
    expect([peer.ended, peer.handle.log.includes('shutdown')]).toEqual([undefined, false])
    peer.handle.take()
    expect([peer.answers(), peer.handle.log.at(-1)]).toEqual([['3 0 0 BAD_FRAME'], 'shutdown'])
    clock.advance(LINGER_MS - TICK_MS)
    expect(peer.ended).toBeUndefined()
    clock.advance(2 * TICK_MS)
    expect(peer.ended).toBe('close')
  })

  it('is over with the FIN of the peer, and throws away what comes before that', () => {
    const { peer } = setUp()
    peer.handle.arrive(Buffer.from('500100000000', 'hex'))
    peer.answers()
    peer.handle.finLeaves()
    peer.send(message(ECHO, new Uint8Array(10)))
    expect([peer.answers(), peer.ended]).toEqual([[], undefined])
    peer.handle.arriveEnd()
    expect(peer.ended).toBe('close')
  })

  it('while bytes before the FIN make no progress, it is a reset after all', () => {
    const setup = setUp({ SHARDWIRE_WRITE_TIMEOUT_MS: '2000' })
    setup.peer.handle.room = 5
    setup.peer.handle.arrive(Buffer.from('500100000000', 'hex'))
    expect(msUntilEnded(setup)).toBeGreaterThanOrEqual(2000)
    setup.peer.handle.closes()
    // The first reason is the one that is counted.
    expect([setup.peer.ended, setup.closes()]).toEqual(['reset', { BAD_FRAME: 1 }])
  })
})
