import { encodeFrame, KIND_CONTROL, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import { describe, expect, test } from 'vitest'

import { EchoServer, echoOf, withWrongByte } from '../fixtures/echo-server.ts'
import { holdPlanFor, RunningHold } from '../fixtures/running-hold.ts'

function isControl(frame: Buffer): boolean {
  return ((frame.readUInt8(0) >>> 4) & 7) === KIND_CONTROL
}

describe('connections', () => {
  test('are opened to the number asked for, few at a time, and closed to a smaller one', async () => {
    await using server = await EchoServer.listen()
    const hold = new RunningHold(holdPlanFor(server))
    const { failure, report } = await hold.resized(15)
    expect(failure).toBe(null)
    expect(report).toMatchObject({ up: 15, connecting: 0, lost: 0 })
    expect(report.connectUs).toHaveLength(15)
    await hold.resized(4, 2)
    await server.until('four left', () => server.sockets.size === 4)
    await hold.resized(9, 3)
    expect(await hold.report()).toMatchObject({ up: 9, connecting: 0, lost: 0 })
    await server.until('nine', () => server.sockets.size === 9)
  })

  test('never pass what was planned', async () => {
    await using server = await EchoServer.listen()
    const hold = new RunningHold(holdPlanFor(server, { connectionsMax: 3 }))
    expect((await hold.resized(1000)).report.up).toBe(3)
  })

  test('come at most as fast as they may', async () => {
    await using server = await EchoServer.listen()
    const hold = new RunningHold(holdPlanFor(server))
    hold.runner.obey({ type: 'resize', connections: 6, perSecond: 2 })
    await server.until('the first', () => server.sockets.size === 1)
    for (let second = 1; second <= 2; second++) {
      hold.clock.advance(1000)
      await server.until('two more', () => server.sockets.size === 1 + 2 * second)
    }
    hold.clock.advance(1000)
    expect((await hold.seen('resized')).report.up).toBe(6)
  })

  test('that the server ends are counted with the reason, and the others stay', async () => {
    await using server = await EchoServer.listen()
    const hold = new RunningHold(holdPlanFor(server))
    await hold.resized(5)
    await server.until('all there', () => server.sockets.size === 5)
    const [first, second] = server.sockets
    first?.end()
    second?.resetAndDestroy()
    await server.until('three left', () => server.sockets.size === 3)
    // An echo of those that are left comes after the ends of the others.
    expect(await hold.swept()).toMatchObject({ asked: 3, alive: 3 })
    expect(await hold.report()).toMatchObject({ up: 3, lost: 2, lostBy: { CLOSED: 1, ECONNRESET: 1 } })
  })

  test('that are refused end the order with what was there by then', async () => {
    const server = await EchoServer.listen()
    const hold = new RunningHold(holdPlanFor(server))
    await hold.resized(2)
    const plan = holdPlanFor(server)
    await server[Symbol.asyncDispose]()
    const { failure } = await new RunningHold(plan).resized(5)
    expect(failure).toMatchObject({ code: 'ECONNREFUSED', connected: 0 })
  })

  test('that do not come through are given up', async () => {
    await using server = await EchoServer.listen()
    const hold = new RunningHold(holdPlanFor(server))
    hold.runner.obey({ type: 'resize', connections: 5, perSecond: null })
    // No turn of the event loop passes: not one connect can come through.
    hold.clock.advance(40_000)
    expect((await hold.seen('resized')).failure?.code).toBe('CONNECT_STALLED')
  })
})

describe('connections that are asked first', () => {
  test('are up when they have answered, and no more than may be under way wait for the server', async () => {
    const held: (() => void)[] = []
    await using server = await EchoServer.listen(({ bytes, socket }) => {
      held.push(() => socket.write(echoOf(bytes)))
      return []
    })
    const hold = new RunningHold(holdPlanFor(server, { asksFirst: true, connectingMax: 3 }))
    hold.runner.obey({ type: 'resize', connections: 8, perSecond: null })
    await server.until('three questions', () => server.frames === 3)
    expect(await hold.report()).toMatchObject({ up: 0, connecting: 3 })
    expect(server.connectionsSeen).toBe(3)
    held.splice(0, 1)[0]?.()
    await server.until('a fourth question', () => server.frames === 4)
    expect(await hold.report(2)).toMatchObject({ up: 1, connecting: 3 })
    for (let asked = 4; asked <= 8; asked++) {
      for (const answer of held.splice(0)) answer()
      await server.until('the next', () => server.frames >= Math.min(8, asked + 1))
    }
    for (const answer of held.splice(0)) answer()
    const { failure, report } = await hold.seen('resized')
    expect([failure, report.up]).toEqual([null, 8])
  })

  test('that the server ends, or answers wrongly, end the order', async () => {
    await using closing = await EchoServer.listen(({ socket }) => {
      socket.end()
      return []
    })
    const ended = await new RunningHold(holdPlanFor(closing, { asksFirst: true })).resized(2)
    expect(ended.failure).toMatchObject({ code: 'CLOSED_EARLY', connected: 0 })
    await using wrong = await EchoServer.listen(({ bytes }) => [withWrongByte(echoOf(bytes), 12)])
    const answered = await new RunningHold(holdPlanFor(wrong, { asksFirst: true })).resized(2)
    expect(answered.failure).toMatchObject({ code: 'WRONG_ANSWER', connected: 0 })
    expect(answered.report.lost).toBe(0)
  })
})

describe('a sign of life', () => {
  test.each(['frame', 'line', 'raw', 'json'] as const)('is one echo of each, over %s', async (codec) => {
    await using server = codec === 'frame' ? await EchoServer.listen() : await EchoServer.listenBytes()
    const hold = new RunningHold(holdPlanFor(server, { codec }))
    await hold.resized(7)
    expect(await hold.swept()).toMatchObject({ asked: 7, alive: 7, wrong: 0 })
    const again = await hold.swept(2)
    expect(again).toMatchObject({ asked: 7, alive: 7, wrong: 0 })
    expect(again.answerUs).toHaveLength(7)
  })

  test('with a wrong byte is told apart from an end instead of an answer', async () => {
    await using server = await EchoServer.listen(({ bytes, number, socket }) => {
      if (number === 2) socket.end()
      if (number === 2) return []
      return [number === 3 ? withWrongByte(echoOf(bytes), 12) : echoOf(bytes)]
    })
    const hold = new RunningHold(holdPlanFor(server))
    await hold.resized(5)
    expect(await hold.swept()).toMatchObject({ asked: 5, alive: 3, wrong: 1 })
    expect(await hold.report()).toMatchObject({ up: 4, lostBy: { CLOSED: 1 } })
  })

  test('that does not come is waited for, but not for ever', async () => {
    await using server = await EchoServer.listen(() => [])
    const hold = new RunningHold(holdPlanFor(server))
    await hold.resized(5)
    hold.runner.obey({ type: 'sweep' })
    await server.until('all asked', () => server.frames === 5)
    hold.clock.advance(20_000)
    expect((await hold.seen('swept')).sweep).toEqual({ asked: 5, alive: 0, wrong: 0, answerUs: [] })
  })

  test('of a stream that breaks is an end, counted as our own', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      return [number === 2 ? withWrongByte(echoOf(bytes), 12, true) : echoOf(bytes)]
    })
    const hold = new RunningHold(holdPlanFor(server))
    await hold.resized(3)
    expect(await hold.swept()).toMatchObject({ asked: 3, alive: 2, wrong: 0 })
    expect(await hold.report()).toMatchObject({ up: 2, lost: 1, lostBy: { BROKEN: 1 } })
  })

  test('comes in pieces of any size', async () => {
    await using server = await EchoServer.listen(({ bytes, socket }) => {
      const answer = echoOf(bytes)
      for (let at = 0; at < answer.length; at += 3) socket.write(answer.subarray(at, at + 3))
      return []
    })
    const hold = new RunningHold(holdPlanFor(server))
    await hold.resized(4)
    expect(await hold.swept()).toMatchObject({ asked: 4, alive: 4, wrong: 0 })
  })
})

test('every PING is answered with its bytes', async () => {
  const pongs: string[] = []
  await using server = await EchoServer.listen(({ bytes }) => {
    if (!isControl(bytes)) return [echoOf(bytes)]
    pongs.push(bytes.toString('hex'))
    return []
  })
  const hold = new RunningHold(holdPlanFor(server))
  await hold.resized(3)
  await server.until('all there', () => server.sockets.size === 3)
  const control = (route: number, text: string): Buffer =>
    Buffer.from(encodeFrame({ kind: KIND_CONTROL, route, body: Buffer.from(text) }))
  for (const text of ['one', 'one', 'two', 'one'])
    for (const socket of server.sockets) socket.write(control(OPCODE_PING, text))
  await server.until('twelve PONGs', () => pongs.length === 12)
  const expected = ['one', 'one', 'two', 'one'].map((text) => control(OPCODE_PONG, text).toString('hex'))
  expect(pongs.toSorted()).toEqual([...expected, ...expected, ...expected].toSorted())
  expect((await hold.report()).pings).toBe(12)
})

test('a report comes each second', async () => {
  await using server = await EchoServer.listen()
  const hold = new RunningHold(holdPlanFor(server))
  await hold.resized(2)
  hold.clock.advance(3000)
  const { report } = await hold.seen('held', 3)
  expect(report).toMatchObject({ up: 2, memory: { residentBytes: 3, heapBytes: 2, externalBytes: 1 } })
})
