/** Rules of the heartbeat: when a silent server is asked, suspect, given up; and that nothing is left behind. */
import { KIND_CONTROL, KIND_MESSAGE, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import { FakeClock, mustCall } from '@shardwire/testkit'
import type { Script } from '@shardwire/testkit'
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Heartbeat } from '../src/heartbeat.ts'
import type { HeartbeatOptions } from '../src/heartbeat.ts'
import { coarseWheelOf, fineWheelOf } from '../src/shared-wheel.ts'
import type { CloseInfo } from '../src/index.ts'
import { openBench, rejectionOf, WELCOME, welcoming } from './support.ts'

/** How late the coarse wheel may be, with the look that comes before a verdict. */
const LATE_MS = 300

interface Beat {
  readonly clock: FakeClock
  readonly heartbeat: Heartbeat
  /** Everything it did, with the time since the start, in steps of a second. */
  readonly events: string[]
  readonly pings: Uint8Array[]
  progress: number | undefined
}

function startBeat(options: Partial<HeartbeatOptions> = {}): Beat {
  const clock = new FakeClock()
  const startMs = clock.nowMs()
  const events: string[] = []
  const pings: Uint8Array[] = []
  const say = (what: string): void => {
    events.push(`${Math.floor((clock.nowMs() - startMs) / 1000)} s ${what}`)
  }
  const wheels = { fine: fineWheelOf(clock), coarse: coarseWheelOf(clock), nowMs: () => clock.nowMs() }
  const heartbeat = new Heartbeat({ heartbeatMs: 5000, suspectMs: 3000, heartbeatMisses: 3, ...options }, wheels, {
    sendPing: (payload) => {
      pings.push(payload)
      say('ping')
    },
    progress: () => beat.progress,
    onSuspect: (isSuspect) => say(isSuspect ? 'suspect' : 'well'),
    onDead: () => say('dead'),
  })
  const beat: Beat = { clock, heartbeat, events, pings, progress: undefined }
  heartbeat.start()
  return beat
}

function pong({ heartbeat, pings }: Beat): void {
  const payload = pings.at(-1) ?? new Uint8Array(0)
  heartbeat.heard()
  heartbeat.onPong(payload, 0, payload.length)
}

describe('a silent server', () => {
  it('is asked after 5 s, suspect 3 s later, and given up when 3 PINGs went unanswered', () => {
    const beat = startBeat()
    beat.clock.advance(60_000)
    expect(beat.events).toEqual(['5 s ping', '8 s suspect', '10 s ping', '15 s ping', '20 s dead'])
    expect(beat.clock.pendingTimers).toBe(0)
  })

  it('is suspect only after suspectMs, also where that is longer than the heartbeat', () => {
    const beat = startBeat({ heartbeatMs: 1000, suspectMs: 2500, heartbeatMisses: 4 })
    beat.clock.advance(60_000)
    expect(beat.events).toEqual(['1 s ping', '2 s ping', '3 s ping', '3 s suspect', '4 s ping', '5 s dead'])
  })

  it('that is heard again is well, and its silence counts anew', () => {
    const beat = startBeat()
    beat.clock.advance(9000)
    beat.heartbeat.heard()
    expect(beat.heartbeat.isSuspect).toBe(false)
    beat.clock.advance(5000 + LATE_MS)
    expect(beat.events).toEqual(['5 s ping', '8 s suspect', '9 s well', '14 s ping'])
  })

  it('is never asked with heartbeatMs 0', () => {
    const beat = startBeat({ heartbeatMs: 0 })
    beat.clock.advance(60_000)
    expect(beat.events).toEqual([])
    expect(beat.clock.pendingTimers).toBe(0)
  })
})

describe('a server that speaks', () => {
  it('is not asked, whatever it says', () => {
    const beat = startBeat()
    for (let second = 0; second < 30; second++) {
      beat.clock.advance(1000)
      beat.heartbeat.heard()
    }
    expect(beat.events).toEqual([])
  })

  it('has the time of its PONG measured', () => {
    const beat = startBeat()
    expect(beat.heartbeat.roundTripMs).toBeUndefined()
    beat.clock.advance(5000 + LATE_MS)
    const sentAtMs = beat.clock.nowMs()
    beat.clock.advance(42)
    pong(beat)
    expect(beat.heartbeat.roundTripMs).toBeGreaterThanOrEqual(42)
    expect(beat.heartbeat.roundTripMs).toBeLessThanOrEqual(42 + LATE_MS)
    expect(beat.clock.nowMs() - sentAtMs).toBe(42)
    const measured = beat.heartbeat.roundTripMs
    pong(beat)
    expect(beat.heartbeat.roundTripMs).toBe(measured)
  })

  it('has a PONG that is none of ours ignored', () => {
    const beat = startBeat()
    beat.clock.advance(5000 + LATE_MS)
    for (const payload of [new Uint8Array(0), new Uint8Array(8), new Uint8Array(125)]) {
      beat.heartbeat.onPong(payload, 0, payload.length)
    }
    expect(beat.heartbeat.roundTripMs).toBeUndefined()
  })
})

describe('what is no silence', () => {
  it('bytes that wait and are taken: the PING behind them was not asked yet', () => {
    const beat = startBeat()
    beat.progress = 0
    for (let second = 0; second < 40; second++) {
      beat.clock.advance(1000)
      beat.progress++
    }
    expect(beat.events.filter((event) => event.endsWith('suspect') || event.endsWith('dead'))).toEqual([])
  })

  it('bytes that wait and are not taken are', () => {
    const beat = startBeat()
    beat.progress = 7
    beat.clock.advance(60_000)
    expect(beat.events.at(-1)).toBe('20 s dead')
  })

  it('time in which this process stood still: an answer that lies there is read before the verdict', () => {
    const beat = startBeat()
    beat.clock.advance(5000 + LATE_MS)
    // Stopped for a minute: the timers come first when it goes on, then the reads.
    beat.clock.stall(60_000)
    pong(beat)
    beat.clock.advance(LATE_MS)
    expect(beat.events).toEqual(['5 s ping'])
  })
})

describe('over a socket', () => {
  const pongs: Script = async (frame, connection) => {
    if (frame.kind === KIND_CONTROL && frame.route === OPCODE_PING) {
      await connection.sendFrames({ kind: KIND_CONTROL, route: OPCODE_PONG, body: frame.body })
    }
  }

  it('silence makes the connection suspect and then lost, and what is in flight fails', async () => {
    const suspects = mustCall<[boolean]>('onSuspect')
    const closes = mustCall<[CloseInfo]>('onClose')
    await using bench = await openBench({ heartbeatMs: 5000, onSuspect: suspects.call, onClose: closes.call })
    const { connection, clock } = bench
    const answer = rejectionOf(connection.request(1, undefined, { timeoutMs: 100_000 }))
    clock.advance(8000 + LATE_MS)
    expect([connection.status, connection.isOpen]).toEqual(['suspect', true])
    clock.advance(12_000 + LATE_MS)
    expect(await answer).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringMatching(/: no byte came for 20\d\d\d ms, and 3 PINGs were not answered; 1 requests in/),
    })
    expect(await connection.closed).toMatchObject({ end: 'lost', requestsInFlight: 1 })
    expect(connection.status).toBe('closed')
    suspects.verify()
    closes.verify()
    expect(await bench.server.closed()).toMatchObject({ how: 'reset' })
    clock.advance(LATE_MS)
    expect(clock.pendingTimers).toBe(0)
  })

  it('any byte is life, also of a frame that is not whole', async () => {
    await using bench = await openBench({ heartbeatMs: 5000 })
    bench.clock.advance(8000 + LATE_MS)
    expect(bench.connection.status).toBe('suspect')
    const heard = mustCall<[boolean]>('heard')
    await using other = await openBench({ heartbeatMs: 5000, onSuspect: heard.call })
    other.clock.advance(8000 + LATE_MS)
    await heard.reached(1)
    const well = heard.reached(2)
    await other.server.write(Uint8Array.of(0))
    expect(await well).toEqual([false])
    expect(other.connection.status).toBe('open')
  })

  it('is off until WELCOME came', async () => {
    await using bench = await openBench({ heartbeatMs: 5000, hello: {} }, welcoming(pongs, WELCOME))
    bench.clock.advance(5000 + LATE_MS)
    const [, ping] = await bench.peer.frames(2)
    expect(ping).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PING })
  })

  it('ping measures the time to the PONG', async () => {
    await using bench = await openBench({}, pongs)
    const times = await Promise.all([bench.connection.ping(), bench.connection.ping()])
    expect(times).toEqual([0, 0])
    expect(bench.connection.stats.roundTripMs).toBe(0)
    bench.clock.advance(100)
    expect(bench.clock.pendingTimers).toBe(0)
  })

  it('ping ends at its deadline, by its signal, and with the connection', async () => {
    await using bench = await openBench()
    const { connection, clock } = bench
    const controller = new AbortController()
    const late = rejectionOf(connection.ping({ timeoutMs: 100 }))
    const aborted = rejectionOf(connection.ping({ signal: controller.signal }))
    const lost = rejectionOf(connection.ping({ signal: controller.signal, timeoutMs: 60_000 }))
    clock.advance(140)
    expect(await late).toMatchObject({ code: 'REQUEST_TIMEOUT', message: 'no answer to a PING within 100 ms' })
    connection.destroy()
    expect(await lost).toMatchObject({ code: 'CONNECTION_DESTROYED' })
    expect(await aborted).toMatchObject({ code: 'CONNECTION_DESTROYED' })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(await rejectionOf(connection.ping())).toMatchObject({ code: 'CONNECTION_CLOSED' })
    await connection.closed
    clock.advance(100)
    expect(clock.pendingTimers).toBe(0)
  })

  it('ping is aborted by its signal, before and meanwhile', async () => {
    await using bench = await openBench()
    const controller = new AbortController()
    const aborted = rejectionOf(bench.connection.ping({ signal: controller.signal }))
    controller.abort('enough')
    expect(await aborted).toMatchObject({ code: 'ABORTED', cause: 'enough' })
    expect(await rejectionOf(bench.connection.ping({ signal: controller.signal }))).toMatchObject({ code: 'ABORTED' })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('ping is bounded in number', async () => {
    await using bench = await openBench()
    const pings = Array.from({ length: 64 }, () => rejectionOf(bench.connection.ping()))
    expect(await rejectionOf(bench.connection.ping())).toMatchObject({ code: 'TOO_MANY_IN_FLIGHT' })
    bench.connection.destroy()
    await Promise.all(pings)
  })

  it('a listener that throws, and one that ends the connection, do no harm', async () => {
    await using bench = await openBench({
      heartbeatMs: 5000,
      onSuspect: () => {
        bench.connection.destroy()
      },
    })
    bench.clock.advance(60_000)
    expect(await bench.connection.closed).toMatchObject({ end: 'destroyed' })
    expect(bench.server.received.filter(({ kind }) => kind === KIND_MESSAGE)).toEqual([])
    bench.clock.advance(LATE_MS)
    expect(bench.clock.pendingTimers).toBe(0)
  })
})
