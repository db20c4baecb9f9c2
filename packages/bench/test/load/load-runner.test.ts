import {
  encodeErrorBody,
  encodeFrame,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  OPCODE_PING,
  ShardwireError,
} from '@shardwire/protocol'
import { describe, expect, test } from 'vitest'

import { EchoServer, echoOf, sealed, withWrongByte } from '../fixtures/echo-server.ts'
import type { SeenFrame } from '../fixtures/echo-server.ts'
import { answersOf, DRAIN_MS, planFor, RunningLoad } from '../fixtures/run-load.ts'

const NO_ERRORS = {
  'wrong-answer': 0,
  'unexpected-frame': 0,
  'error-frame': 0,
  refused: 0,
  'broken-stream': 0,
  goaway: 0,
  'lost-connection': 0,
  unanswered: 0,
}

describe('every shape of load is echoed and checked', () => {
  test.each([
    ['MESSAGEs', {}],
    ['REQUESTs', { mode: 'request' as const }],
    ['no payload', { payloadBytes: 0 }],
    ['REQUESTs without payload', { payloadBytes: 0, mode: 'request' as const }],
    ['a payload that is too short for a sequence', { payloadBytes: 3 }],
    ['a payload of the sequence alone', { payloadBytes: 4 }],
    ['a payload of sequence and connection', { payloadBytes: 8 }],
    ['one in flight', { depth: 1, connections: 1 }],
    ['an odd number of connections, one connect at a time', { connections: 7, connectingMax: 1 }],
    ['frames that the slab cuts', { payloadBytes: 1000, depth: 100 }],
    ['frames larger than the read slab', { payloadBytes: 200_000, depth: 3 }],
    ['REQUESTs larger than the read slab', { payloadBytes: 200_000, depth: 3, mode: 'request' as const }],
    ['more than the kernel takes at once', { payloadBytes: 1_000_000, depth: 8, connections: 1 }],
  ])('%s', async (_name, change) => {
    await using server = await EchoServer.listen()
    const plan = planFor(server, change)
    const load = await new RunningLoad(plan).start()
    const wanted = plan.connections * plan.depth * 3
    await server.until('three rounds of frames', () => server.frames >= wanted)
    const { errors, cutShort } = await load.finish()
    expect(errors).toEqual(NO_ERRORS)
    expect(cutShort).toBe(false)
    expect(answersOf(load)).toBe(server.frames)
    expect(load.latency().samples).toBe(server.frames)
  })

  test('answers in pieces of every small size are put together', async () => {
    await using server = await EchoServer.listen(({ bytes, number, socket }) => {
      const answer = echoOf(bytes)
      // A write for each piece, not corked: the reads that they become cut frames anywhere.
      const piece = 1 + (number % 7)
      for (let at = 0; at < answer.length; at += piece) socket.write(answer.subarray(at, at + piece))
      return []
    })
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('frames', () => server.frames >= 100)
    expect((await load.finish()).errors).toEqual(NO_ERRORS)
  })

  test('REQUESTs may be answered in any order', async () => {
    const held: SeenFrame[] = []
    await using server = await EchoServer.listen((frame) => {
      held.push(frame)
      return held.length < 4
        ? []
        : held
            .splice(0)
            .toReversed()
            .map(({ bytes }) => echoOf(bytes))
    })
    const load = await new RunningLoad(planFor(server, { mode: 'request', connections: 1 })).start()
    await server.until('frames', () => server.frames >= 40)
    // The last ones are fewer than four: let them go.
    const done = load.finish()
    for (const { bytes, socket } of held.splice(0)) socket.write(echoOf(bytes))
    expect((await done).errors).toEqual(NO_ERRORS)
  })
})

describe('a wrong answer', () => {
  test('in a payload byte is described by offset, expected and got', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      return [number === 20 ? withWrongByte(echoOf(bytes), 30) : echoOf(bytes)]
    })
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('frames', () => server.frames >= 40)
    const { errors, example } = await load.finish()
    expect(errors).toEqual({ ...NO_ERRORS, 'wrong-answer': 1 })
    expect(example).toMatchObject({ kind: 'wrong-answer', offset: 30 })
    // Payload byte 24 is the letter y.
    expect(example?.expected.slice(0, 2)).toBe('79')
    expect(example?.got.slice(0, 2)).toBe('86')
    expect(example?.sentence).toContain('byte 30 of the frame (payload): expected 79')
  })

  test('with a wrong CRC ends the connection, and the wrong byte is shown all the same', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      return [number === 20 ? withWrongByte(echoOf(bytes), 30, true) : echoOf(bytes)]
    })
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('one connection', () => server.connectionsSeen === 2 && server.sockets.size === 1)
    const { errors, example } = await load.finish()
    expect(errors).toEqual({ ...NO_ERRORS, 'wrong-answer': 1 })
    expect(example).toMatchObject({ kind: 'wrong-answer', offset: 30 })
    expect(example?.sentence).toContain('BAD_CRC')
  })

  test('MESSAGEs that change places are wrong, and after them the order is right again', async () => {
    let kept: Buffer | undefined
    await using server = await EchoServer.listen(({ bytes, number }) => {
      const answer = echoOf(bytes)
      if (number === 20) kept = answer
      if (number === 20) return []
      return number === 21 && kept !== undefined ? [answer, kept] : [answer]
    })
    const load = await new RunningLoad(planFor(server, { connections: 1 })).start()
    await server.until('frames', () => server.frames >= 60)
    const { errors, example } = await load.finish()
    expect(errors).toEqual({ ...NO_ERRORS, 'wrong-answer': 2 })
    // Header 2, length 4, connection 4, then the sequence, of which only the last byte differs.
    expect(example).toMatchObject({ sequence: 20, offset: 13 })
  })

  test.each([
    ['another route', (answer: Buffer) => sealed(withWrongByte(answer, 1)), 1],
    ['another kind', (answer: Buffer) => (answer.writeUInt8(0x20, 0), sealed(answer)), 0],
  ])('of %s', async (_name, spoil, offset) => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      // Four bytes of payload: whatever the kind, there is room for an id.
      return [number === 9 ? spoil(echoOf(bytes)) : echoOf(bytes)]
    })
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('frames', () => server.frames >= 40)
    const { errors, example } = await load.finish()
    expect(errors).toEqual({ ...NO_ERRORS, 'wrong-answer': 1 })
    expect(example).toMatchObject({ offset })
  })

  test('to a REQUEST with an id that is not in flight leaves the frame unanswered', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      const answer = echoOf(bytes)
      if (number === 9) answer.writeUInt32BE(4_000_000_000, 6)
      return [sealed(answer)]
    })
    const load = await new RunningLoad(planFor(server, { mode: 'request' })).start()
    await server.until('frames', () => server.frames >= 40)
    const done = load.finish()
    load.clock.advance(DRAIN_MS)
    const { errors, example } = await done
    expect(errors).toMatchObject({ 'unexpected-frame': 1 })
    expect(errors.unanswered).toBeGreaterThanOrEqual(1)
    expect(example?.sentence).toContain('id 4000000000')
  })

  test('twice is once too often', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      const answer = echoOf(bytes)
      return number === 9 ? [answer, answer] : [answer]
    })
    const load = await new RunningLoad(planFor(server, { mode: 'request', connections: 1, depth: 1 })).start()
    await server.until('frames', () => server.frames >= 20)
    const { errors } = await load.finish()
    expect(errors['unexpected-frame'] + errors['wrong-answer']).toBe(1)
  })

  test('of another length is shown where it ends', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      const long = encodeFrame({ kind: KIND_MESSAGE, route: 1, body: bytes })
      return [number === 9 ? Buffer.from(long) : echoOf(bytes)]
    })
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('frames', () => server.frames >= 40)
    const { example } = await load.finish()
    expect(example).toMatchObject({ kind: 'wrong-answer', offset: 5 })
    expect(example?.sentence).toContain('(length)')
  })
})

describe('frames that are no answer', () => {
  test.each([
    ['that may pass is a refusal', 11, 'refused', 'OVERLOADED (too much)'],
    ['that will not pass is an error', 15, 'error-frame', 'HANDLER_FAILED (too much)'],
  ] as const)('an ERROR %s, told by name, no sample, and the load goes on', async (_name, code, kind, said) => {
    const body = encodeErrorBody(new ShardwireError(code, 'too much'))
    await using server = await EchoServer.listen(({ bytes, number }) => {
      const id = bytes.readUInt32BE(6)
      return [number === 9 ? Buffer.from(encodeFrame({ kind: KIND_ERROR, route: 1, id, body })) : echoOf(bytes)]
    })
    const load = await new RunningLoad(planFor(server, { mode: 'request' })).start()
    await server.until('frames', () => server.frames >= 40)
    const { errors, example } = await load.finish()
    expect(errors).toEqual({ ...NO_ERRORS, [kind]: 1 })
    expect(example?.sentence).toContain(said)
    expect(load.latency().samples).toBe(server.frames - 1)
  })

  test('a PING is answered with its bytes', async () => {
    const ping = Buffer.from(encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PING, body: Buffer.from('life') }))
    const pongs: Buffer[] = []
    await using server = await EchoServer.listen(({ bytes, number }) => {
      if (((bytes.readUInt8(0) >>> 4) & 7) !== KIND_CONTROL)
        return number === 5 ? [ping, echoOf(bytes)] : [echoOf(bytes)]
      pongs.push(bytes)
      return []
    })
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('the PONG', () => pongs.length === 1 && server.frames >= 20)
    expect((await load.finish()).errors).toEqual(NO_ERRORS)
    expect(pongs[0]?.subarray(6, 10).toString()).toBe('life')
  })

  test('a reserved kind breaks the stream', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      return [number === 9 ? Buffer.from('50010000000000000000', 'hex') : echoOf(bytes)]
    })
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('one connection', () => server.connectionsSeen === 2 && server.sockets.size === 1)
    const { errors, example } = await load.finish()
    expect(errors).toEqual({ ...NO_ERRORS, 'broken-stream': 1 })
    expect(example?.sentence).toContain('kind 5 is reserved')
  })
})

describe('connections', () => {
  test('one that is lost under load is counted, and the others go on', async () => {
    await using server = await EchoServer.listen(({ bytes, number, socket }) => {
      if (number === 20) socket.resetAndDestroy()
      return [echoOf(bytes)]
    })
    const load = await new RunningLoad(planFor(server, { connections: 3 })).start()
    await server.until('frames without the lost one', () => server.sockets.size === 2 && server.frames >= 100)
    const { errors, example } = await load.finish()
    expect(errors).toEqual({ ...NO_ERRORS, 'lost-connection': 1 })
    expect(example?.sentence).toMatch(/connection \d was lost: ECONNRESET/)
  })

  test('when all are lost the load ends early', async () => {
    await using server = await EchoServer.listen(({ socket }) => {
      socket.destroy()
      return []
    })
    const load = await new RunningLoad(planFor(server)).start()
    const { summary } = await load.seen('done')
    expect(summary.errors['lost-connection']).toBe(2)
  })

  test('one that is refused at the door fails the preparation', async () => {
    await using server = await EchoServer.listen()
    const plan = planFor(server)
    await server[Symbol.asyncDispose]()
    const { failure } = await new RunningLoad(plan).seen('connect-failed')
    expect(failure).toMatchObject({ code: 'ECONNREFUSED', connected: 0 })
  })

  test('one that is refused with an ERROR fails it with the reason', async () => {
    const body = encodeErrorBody(new ShardwireError(14, 'at most 1000'))
    const refusal = encodeFrame({ kind: KIND_ERROR, route: 0, id: 0, body })
    await using server = await EchoServer.listen(undefined, (socket) => socket.end(refusal))
    const { failure } = await new RunningLoad(planFor(server)).seen('connect-failed')
    expect(failure).toMatchObject({ code: 'CLOSED_EARLY' })
    expect(failure.message).toContain('TOO_MANY_CONNECTIONS (at most 1000)')
  })

  test('connects that stall fail the preparation', async () => {
    await using server = await EchoServer.listen()
    // No turn of the event loop passes: not one connect can come through.
    const load = new RunningLoad(planFor(server))
    load.clock.advance(10_000)
    expect((await load.seen('connect-failed')).failure.code).toBe('CONNECT_STALLED')
  })
})

describe('what is measured', () => {
  test('frames answered in the warm-up are no samples', async () => {
    await using server = await EchoServer.listen()
    const load = await new RunningLoad(planFor(server, { warmupMs: 500 })).start()
    await server.until('warm-up', () => server.frames >= 40)
    load.clock.advance(500)
    const warmup = answersOf(load)
    expect(warmup).toBeGreaterThan(0)
    await server.until('measured frames', () => server.frames >= warmup + 80)
    await load.finish()
    expect(load.latency().samples).toBe(server.frames - warmup)
  })

  // 1400 ms of stall, 500 of them before measuring begins. The frames in flight are all that see it.
  test('a stall across the end of the warm-up is in maximum and p99, with all of its length', async () => {
    const held: SeenFrame[] = []
    let hold = false
    await using server = await EchoServer.listen((frame) => {
      if (hold) held.push(frame)
      return hold ? [] : [echoOf(frame.bytes)]
    })
    const load = await new RunningLoad(planFor(server, { warmupMs: 500, durationMs: 900.001 })).start()
    await server.until('warm-up', () => server.frames >= 40)
    hold = true
    await server.until('everything in flight held', () => held.length === 8)
    load.clock.advance(1400)
    hold = false
    const stalled = server.frames
    for (const { bytes, socket } of held) socket.write(echoOf(bytes))
    await server.until('frames after the stall', () => server.frames >= stalled + 200)
    await load.finish(0.001)
    const latency = load.latency()
    expect(latency.samples).toBe(server.frames - stalled + 8)
    expect(latency.maxUs).toBe(1_400_000)
    expect(latency.percentileUs(99)).toBe(1_400_000)
    expect(Math.floor(latency.sumUs / 1_400_000)).toBe(8)
  })

  test('a frame that is in flight from the warm-up to the drain is a sample', async () => {
    const held: SeenFrame[] = []
    await using server = await EchoServer.listen((frame) => {
      held.push(frame)
      return []
    })
    const load = await new RunningLoad(planFor(server, { warmupMs: 500 })).start()
    await server.until('everything in flight held', () => held.length === 8)
    load.clock.advance(500)
    const done = load.finish()
    for (const { bytes, socket } of held) socket.write(echoOf(bytes))
    expect((await done).errors).toEqual(NO_ERRORS)
    expect(load.latency()).toMatchObject({ samples: 8, minUs: 10_500_000, maxUs: 10_500_000 })
    expect(load.intervals.filter(({ phase, answers }) => phase === 'measured' && answers > 0)).toEqual([])
  })

  test('frames answered after the end are samples with all of their latency', async () => {
    const held: SeenFrame[] = []
    await using server = await EchoServer.listen((frame) => {
      held.push(frame)
      return []
    })
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('everything in flight held', () => held.length === 8)
    const done = load.finish()
    load.clock.advance(3000)
    for (const { bytes, socket } of held) socket.write(echoOf(bytes))
    expect((await done).errors).toEqual(NO_ERRORS)
    expect(load.latency()).toMatchObject({ samples: 8, minUs: 13_000_000, maxUs: 13_000_000 })
    expect(load.intervals.at(-1)).toMatchObject({ phase: 'drain', answers: 8 })
  })

  test('frames that are never answered are counted', async () => {
    await using server = await EchoServer.listen(() => [])
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('frames', () => server.frames === 8)
    const done = load.finish()
    load.clock.advance(DRAIN_MS)
    expect((await done).errors).toEqual({ ...NO_ERRORS, unanswered: 8 })
  })

  // What closed loop shows of a stall: its length, in the maximum. What it does not: the frames that clients who do not
  // wait would have sent meanwhile. At the rate of a load of 10 000 a second they would be 14 000 samples, here 8.
  test('a stall of 1.4 s is the maximum, but only the frames in flight see it', async () => {
    const held: SeenFrame[] = []
    let hold = false
    await using server = await EchoServer.listen((frame) => {
      if (hold) held.push(frame)
      return hold ? [] : [echoOf(frame.bytes)]
    })
    const load = await new RunningLoad(planFor(server, { durationMs: 1400.001 })).start()
    await server.until('frames', () => server.frames >= 1000)
    hold = true
    await server.until('everything in flight held', () => held.length === 8)
    load.clock.advance(1400)
    hold = false
    for (const { bytes, socket } of held) socket.write(echoOf(bytes))
    await server.until('frames after the stall', () => server.frames >= 2000)
    // One microsecond is left, which the frames in flight now may see.
    await load.finish(0.001)
    const latency = load.latency()
    expect(latency.maxUs).toBe(1_400_000)
    expect(Math.floor(latency.sumUs / 1_400_000)).toBe(8)
    expect(latency.percentileUs(99)).toBeLessThanOrEqual(1)
  })

  test('an interval lies in one phase and is a second long; what is left of a phase joins its last one', async () => {
    await using server = await EchoServer.listen()
    const load = await new RunningLoad(planFor(server, { warmupMs: 1500 })).start()
    await server.until('frames', () => server.frames >= 20)
    load.clock.advance(1500)
    await load.finish()
    const lengths = (phase: string) =>
      load.intervals.filter((one) => one.phase === phase).map((one) => one.lengthUs / 1e6)
    expect(lengths('warm-up')).toEqual([1.5])
    expect(lengths('measured')).toEqual(new Array<number>(10).fill(1))
    expect(lengths('drain')).toEqual([0])
  })

  test('without a warm-up there is no interval of one', async () => {
    await using server = await EchoServer.listen()
    const load = await new RunningLoad(planFor(server, { warmupMs: 0 })).start()
    await server.until('frames', () => server.frames >= 20)
    await load.finish()
    expect(new Set(load.intervals.map(({ phase }) => phase))).toEqual(new Set(['measured', 'drain']))
  })

  test('stop ends it at once and reports what there is', async () => {
    await using server = await EchoServer.listen()
    const load = await new RunningLoad(planFor(server)).start()
    await server.until('frames', () => server.frames >= 20)
    load.clock.advance(2000)
    load.runner.stop()
    const { summary } = await load.seen('done')
    expect(summary).toMatchObject({ cutShort: true, measuredUs: 2_000_000, errors: NO_ERRORS })
    expect(load.latency().samples).toBeGreaterThan(0)
    expect(load.clock.pendingTimers).toBe(0)
    await server.until('no connection', () => server.sockets.size === 0)
  })
})
