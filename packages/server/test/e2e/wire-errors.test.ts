import {
  encodeBody,
  encodeFrame,
  encodeHello,
  type Frame,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_RESPONSE,
  OPCODE_GOAWAY,
  OPCODE_HELLO,
  OPCODE_PING,
  OPCODE_PONG,
} from '@shardwire/protocol'
import { type Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

let daemon: Daemon
let bystander: RawClient
beforeAll(async () => {
  daemon = await startDaemon({
    SHARDWIRE_WORKERS: '1',
    SHARDWIRE_MAX_FRAME_BYTES: '65536',
    SHARDWIRE_MAX_IN_FLIGHT: '2',
  })
  bystander = await RawClient.connect(daemon.port)
})
afterAll(async () => {
  bystander.destroy()
  expect(await daemon.stop()).toBe(0)
})

function damaged(frame: Frame, at: number): Uint8Array {
  const bytes = encodeFrame(frame)
  bytes[at] = (bytes[at] ?? 0) ^ 0x40
  return bytes
}

const metaOnCancel = encodeFrame({ kind: 4, route: 1, id: 1, meta: encodeBody({}) })
const BREAKING: readonly [string, string, Uint8Array][] = [
  ['a bad CRC', 'BAD_CRC', damaged(frames.message(1, 'hello'), 14)],
  ['a damaged payload', 'BAD_CRC', damaged(frames.request(1, 4, 'hello'), 11)],
  ['a length above the limit', 'FRAME_TOO_LARGE', Buffer.from('000100010001', 'hex')],
  ['the largest length there is', 'FRAME_TOO_LARGE', Buffer.from('0001ffffffff', 'hex')],
  ['reserved kind 5', 'BAD_FRAME', Buffer.from('500100000000', 'hex')],
  ['reserved kind 6', 'BAD_FRAME', Buffer.from('600100000000', 'hex')],
  ['a REQUEST with id 0', 'BAD_FRAME', encodeFrame(frames.request(1, 0, 'x'))],
  ['META on CANCEL', 'BAD_FRAME', metaOnCancel],
  [
    'a PING above 125 bytes',
    'BAD_FRAME',
    encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PING, body: new Uint8Array(126) }),
  ],
  [
    'GOAWAY from a client',
    'BAD_FRAME',
    encodeFrame({ kind: KIND_CONTROL, route: OPCODE_GOAWAY, body: encodeBody({}) }),
  ],
  ['HELLO without a map', 'BAD_FRAME', encodeFrame({ kind: KIND_CONTROL, route: OPCODE_HELLO })],
]

describe('what breaks a connection', () => {
  it.each(BREAKING)('%s: frames before are answered, then %s, then FIN', async (_, name, bytes) => {
    await using client = await RawClient.connect(daemon.port)
    await client.write(Buffer.concat([encodeFrame(frames.message(1, 'before')), bytes]))
    const isHello = bytes[0] === 0x70 && bytes[1] === OPCODE_HELLO
    const [before, error] = await client.frames(2)
    expect(before === undefined ? '' : frames.text(before)).toBe('before')
    expect(error).toMatchObject({ kind: KIND_ERROR, id: 0, route: 0 })
    expect(error === undefined ? '' : frames.errorOf(error).name).toBe(isHello ? 'BAD_FRAME' : name)
    expect(await client.closed()).toMatchObject({ how: 'end', leftover: new Uint8Array(0) })
  })

  it('an id that is still in flight: calls are aborted, nothing but BAD_FRAME comes', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(5, 3_600_000), frames.request(1, 5, 'again'))
    expect(frames.errorOf(await client.nextFrame()).name).toBe('BAD_FRAME')
    expect((await client.closed()).how).toBe('end')
  })

  it('never disturbs another connection of the same worker', async () => {
    await using victim = await RawClient.connect(daemon.port)
    for (let round = 0; round < 20; round++) {
      await bystander.sendFrames(frames.request(1, round + 1, `round ${round}`))
      const vandal = await RawClient.connect(daemon.port)
      await vandal.write(damaged(frames.message(1, 'x'.repeat(round * 100)), 3))
      vandal.reset()
      expect(frames.text(await bystander.nextFrame())).toBe(`round ${round}`)
    }
    await victim.sendFrames(frames.message(1, 'fine'))
    expect(frames.text(await victim.nextFrame())).toBe('fine')
  })

  it('throws away what comes behind the error', async () => {
    await using client = await RawClient.connect(daemon.port)
    const garbage = Buffer.concat([Buffer.from('500100000000', 'hex'), Buffer.alloc(200_000, 0xff)])
    await client.write(garbage)
    expect(frames.errorOf(await client.nextFrame()).name).toBe('BAD_FRAME')
    expect((await client.closed()).how).toBe('end')
    expect(client.received).toHaveLength(1)
  })
})

describe('what a connection survives', () => {
  it.each([
    ['an unknown route', frames.request(9, 1, 'x'), 'UNKNOWN_ROUTE'],
    ['route 0', frames.request(0, 1, 'x'), 'UNKNOWN_ROUTE'],
    ['a msgpack body cut short', frames.request(2, 1, Buffer.from('82a3', 'hex')), 'BAD_BODY'],
    ['an empty msgpack body', frames.request(2, 1, ''), 'BAD_BODY'],
    ['a msgpack bomb', frames.request(2, 1, Buffer.alloc(60_000, 0x91)), 'BAD_BODY'],
    ['a map with four billion entries', frames.request(2, 1, Buffer.from('dfffffffff', 'hex')), 'BAD_BODY'],
    ['a body of the wrong shape', frames.request(2, 1, encodeBody({ uid: 1 })), 'BAD_BODY'],
  ])('%s', async (_, frame, name) => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frame, frames.request(1, 2, 'alive'))
    const [error, alive] = await client.frames(2)
    expect(error).toMatchObject({ id: 1, route: frame.route })
    expect(error === undefined ? '' : frames.errorOf(error).name).toBe(name)
    expect(alive).toMatchObject({ kind: KIND_RESPONSE, id: 2 })
  })

  it('more requests in flight than allowed: OVERLOADED, with a time to come back', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 3_600_000), frames.sleep(2, 3_600_000), frames.sleep(3, 1))
    const refused = await client.nextFrame()
    expect(refused.id).toBe(3)
    expect(frames.errorOf(refused)).toMatchObject({
      name: 'OVERLOADED',
      retryable: true,
      retryAfterMs: expect.any(Number),
    })
    const cancel = (id: number): Frame => ({ kind: 4, route: 4, id })
    await client.sendFrames(cancel(1), frames.request(1, 4, 'room again'), cancel(2))
    expect((await client.frames(3)).map(({ kind, id }) => [kind, id])).toEqual([
      [KIND_ERROR, 1],
      [KIND_RESPONSE, 4],
      [KIND_ERROR, 2],
    ])
  })

  it('a CANCEL, RESPONSE or ERROR for an id that is not in flight: dropped', async () => {
    await using client = await RawClient.connect(daemon.port)
    const body = encodeBody({ code: 1 })
    await client.sendFrames(
      { kind: 4, route: 1, id: 3 },
      { kind: 2, route: 1, id: 4 },
      { kind: 3, route: 1, id: 5, body },
    )
    await client.sendFrames(frames.request(1, 1, 'alive'))
    expect(await client.nextFrame()).toMatchObject({ kind: KIND_RESPONSE, id: 1 })
  })

  it('an unknown control opcode: NOT_IMPLEMENTED that names it', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames({ kind: KIND_CONTROL, route: 33 }, frames.request(1, 1, 'alive'))
    const [error, alive] = await client.frames(2)
    expect(error === undefined ? undefined : frames.errorOf(error)).toMatchObject({
      name: 'NOT_IMPLEMENTED',
      details: { opcode: 33 },
    })
    expect(alive).toMatchObject({ id: 1 })
  })
})

describe('control frames', () => {
  it('PING is answered with the same bytes, PONG with nothing', async () => {
    await using client = await RawClient.connect(daemon.port)
    const body = Buffer.alloc(125, 7)
    await client.sendFrames(
      { kind: KIND_CONTROL, route: OPCODE_PONG, body },
      { kind: KIND_CONTROL, route: OPCODE_PING, body },
    )
    const pong = await client.nextFrame()
    expect(pong).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PONG })
    expect(Buffer.from(pong.body)).toEqual(body)
  })

  it('HELLO is answered with WELCOME, frames may follow at once, and a second one breaks', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.write(Buffer.concat([encodeHello({ protocol: 1 }), encodeFrame(frames.message(1, 'at once'))]))
    const [, echo] = await client.frames(2)
    expect(echo === undefined ? '' : frames.text(echo)).toBe('at once')
    await client.write(encodeHello({ protocol: 1 }))
    expect(frames.errorOf(await client.nextFrame()).name).toBe('BAD_FRAME')
  })

  it('WELCOME tells limits, and a connection id that no other has', async () => {
    await using one = await RawClient.connect(daemon.port)
    await using two = await RawClient.connect(daemon.port)
    const [first, second] = [await frames.greetServer(one), await frames.greetServer(two)]
    expect(first).toMatchObject({ protocol: 1, shard: 0, maxFrameBytes: 65_536, heartbeatMs: 30_000 })
    expect(first.connection).not.toBe(second.connection)
  })

  it('another version of the protocol is NOT_IMPLEMENTED, with those that are spoken, and a close', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames({ kind: KIND_CONTROL, route: OPCODE_HELLO, body: encodeBody({ protocol: 2 }) })
    const error = frames.errorOf(await client.nextFrame())
    expect(error).toMatchObject({ name: 'NOT_IMPLEMENTED', details: { supported: [1] } })
    expect((await client.closed()).how).toBe('end')
  })
})

describe('end of stream', () => {
  it('a FIN behind requests: every one is answered, then FIN', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 50), frames.request(1, 2, 'x'))
    client.halfClose()
    expect((await client.frames(2)).map(({ id }) => id)).toEqual([2, 1])
    expect((await client.closed()).how).toBe('end')
  })

  it('a FIN in the middle of a frame: what was whole is answered, then FIN', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.write(
      Buffer.concat([encodeFrame(frames.message(1, 'whole')), encodeFrame(frames.message(1, 'cut')).subarray(0, 8)]),
    )
    client.halfClose()
    expect(frames.text(await client.nextFrame())).toBe('whole')
    expect((await client.closed()).how).toBe('end')
  })
})
