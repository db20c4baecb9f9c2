/** Rules of a connection that speaks JSON, against a server that does what the test says. */
import { FakeClock, mustCall, ScriptedPeer } from '@shardwire/testkit'
import type { PeerConnection } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { connect, ShardwireError } from '../../src/index.ts'
import type { Connection, ConnectionOptions, Message } from '../../src/index.ts'
import { bytesOf, rejectionOf, textOf } from '../support.ts'

interface Bench extends AsyncDisposable {
  readonly clock: FakeClock
  readonly connection: Connection
  readonly server: PeerConnection
  /** All text that came so far, once there are that many lines. */
  readonly lines: (count: number) => Promise<string[]>
  readonly say: (text: string) => Promise<void>
}

async function open(options: Partial<ConnectionOptions> = {}): Promise<Bench> {
  const peer = await ScriptedPeer.listen()
  const clock = new FakeClock()
  const connection = await connect({ host: '127.0.0.1', port: peer.port, codec: 'json', clock, ...options })
  const server = await peer.nextConnection()
  const linesNow = (): string[] => textOf(server.bytes).split('\n').slice(0, -1)
  return {
    ...{ clock, connection, server },
    lines: async (count) => {
      while (linesNow().length < count) await server.bytesReceived(server.bytes.length + 1)
      return linesNow()
    },
    say: async (text) => {
      await server.write(bytesOf(text))
    },
    [Symbol.asyncDispose]: async () => {
      connection.destroy()
      await connection.closed
      await peer[Symbol.asyncDispose]()
    },
  }
}

describe('a request over JSON', () => {
  it('is one line with a uid, and is given the val of the answer with the same uid, in any order', async () => {
    await using bench = await open()
    const answers = [
      bench.connection.requestValue('greet', { uid: 'mine', list: [1, null] }),
      bench.connection.requestValue(2, 'b'),
      bench.connection.requestValue(0, null),
    ]
    expect(await bench.lines(3)).toEqual([
      '{"uid":"1","route":"greet","val":{"uid":"mine","list":[1,null]}}',
      '{"uid":"2","route":2,"val":"b"}',
      '{"uid":"3","val":null}',
    ])
    await bench.say('{"uid":"3","val":3}{"UID":"1","Val":{"a":1},"ts":"x"}\n{"val":null,"uid":2}')
    expect(await Promise.all(answers)).toEqual([{ a: 1 }, null, 3])
    expect(bench.connection.stats.requestsInFlight).toBe(0)
    bench.clock.advance(100)
    expect(bench.clock.pendingTimers).toBe(0)
  })

  it('may have numbers for uids', async () => {
    await using bench = await open({ jsonUid: 'number' })
    const answer = bench.connection.requestValue(0, 'x')
    expect(await bench.lines(1)).toEqual(['{"uid":1,"val":"x"}'])
    await bench.say('{"uid":1,"val":"y"}')
    expect(await answer).toBe('y')
  })

  it('of bytes is a string both ways', async () => {
    await using bench = await open()
    const answer = bench.connection.request('echo', bytesOf('gr\u00fc\u00df "dich"'))
    const empty = bench.connection.request('echo')
    const wrong = rejectionOf(bench.connection.request('echo'))
    expect(await bench.lines(3)).toEqual([
      '{"uid":"1","route":"echo","val":"gr\u00fc\u00df \\"dich\\""}',
      '{"uid":"2","route":"echo","val":""}',
      '{"uid":"3","route":"echo","val":""}',
    ])
    await bench.say('{"uid":"1","val":"\u00fc"}{"uid":"2","val":null}{"uid":"3","val":{}}')
    expect(textOf(await answer)).toBe('\u00fc')
    expect(await empty).toEqual(new Uint8Array(0))
    expect(await wrong).toMatchObject({ code: 'BAD_ANSWER' })
    const noText = bench.connection.request('echo', Uint8Array.of(0xff))
    expect(await rejectionOf(noText)).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('UTF-8'),
    })
  })

  it('rejects with the error that is answered, however the server says it', async () => {
    await using bench = await open()
    const failing = [1, 2, 3, 4].map((route) => rejectionOf(bench.connection.requestValue(route, 1)))
    await bench.lines(4)
    await bench.say('{"uid":"1","error":{"code":11,"message":"busy","retryable":true,"retryAfterMs":5,"details":[1]}}')
    await bench.say('{"uid":"2","error":"broken"}{"uid":"3","error":{"code":900,"name":"MINE","retryable":true}}')
    await bench.say('{"uid":"4","Error":{"why":1}}')
    const errors = await Promise.all(failing)
    expect(errors.every((error) => error instanceof ShardwireError)).toBe(true)
    expect(errors).toMatchObject([
      { code: 11, name: 'OVERLOADED', message: 'busy', retryable: true, retryAfterMs: 5, details: [1] },
      { code: 15, message: 'broken' },
      { code: 900, name: 'MINE', retryable: true },
      { code: 15, message: '{"why":1}' },
    ])
  })

  it('ends at its deadline or by its signal, and the late answer is nobody\u2019s', async () => {
    await using bench = await open({ maxInFlight: 2 })
    const controller = new AbortController()
    const late = rejectionOf(bench.connection.requestValue(1, 1, { timeoutMs: 100 }))
    const aborted = rejectionOf(bench.connection.requestValue(1, 2, { signal: controller.signal }))
    await bench.lines(2)
    bench.clock.advance(140)
    controller.abort()
    expect(await late).toMatchObject({ code: 'REQUEST_TIMEOUT' })
    expect(await aborted).toMatchObject({ code: 'ABORTED' })
    // Nothing is owed: a server that never answers does not use up what may be in flight.
    const next = bench.connection.requestValue(1, 3)
    await bench.lines(3)
    await bench.say('{"uid":"1","val":"late"}{"uid":"3","val":"next"}')
    expect(await next).toBe('next')
    expect(bench.connection.stats).toMatchObject({ answersUnknown: 1, requestsCancelled: 0 })
  })

  it('with what JSON has no form for, or what would be lost, changes nothing', async () => {
    await using bench = await open({ maxFrameBytes: 1024 })
    const { connection } = bench
    expect(await rejectionOf(connection.requestValue(1, undefined))).toBeInstanceOf(TypeError)
    expect(await rejectionOf(connection.requestValue(1, 10n))).toBeInstanceOf(TypeError)
    expect(await rejectionOf(connection.requestValue(4096, 1))).toMatchObject({ code: 'INVALID_OPTION' })
    expect(await rejectionOf(connection.requestValue(1, 'x'.repeat(1000)))).toMatchObject({ code: 'FRAME_TOO_LARGE' })
    expect(await rejectionOf(connection.requestValue(1, 1, { meta: { tenant: 'a' } }))).toMatchObject({
      message: 'meta: JSON carries none, so tenant would be lost',
    })
    expect(await rejectionOf(connection.requestMsgpack(1, 1))).toMatchObject({
      message: 'requestMsgpack: this connection speaks JSON; use requestValue',
    })
    expect(() => connection.sendMsgpack(1, 1)).toThrow('use sendValue')
    expect(await rejectionOf(connection.ping())).toMatchObject({ code: 'INVALID_OPTION' })
    expect(() => connection.handle(1, () => undefined)).toThrow('which has no such thing')
    expect(connection.stats.requestsInFlight).toBe(0)
    // A trace and a deadline that a handler hands on are no reason to fail.
    const handedOn = connection.requestValue(1, 1, { meta: { traceparent: undefined, deadlineMs: 5 } })
    expect(await bench.lines(1)).toEqual(['{"uid":"1","route":1,"val":1}'])
    await bench.say('{"uid":"1","val":1}')
    expect(await handedOn).toBe(1)
  })
})

describe('what is sent and comes unasked over JSON', () => {
  it('is an object without uid, and a message without route', async () => {
    const messages = mustCall<[Message]>('onMessage', 2)
    await using bench = await open({ onMessage: messages.call })
    expect(bench.connection.sendValue('note', { a: 1 })).toBe(true)
    expect(bench.connection.send(3, bytesOf('text'))).toBe(true)
    expect(await bench.lines(2)).toEqual(['{"route":"note","val":{"a":1}}', '{"route":3,"val":"text"}'])
    await bench.say('{"val":[1]}{}{"ts":"x"}{"uid":"push-1","val":"hello"}')
    const [first] = await messages.reached(1)
    const [second] = await messages.reached(2)
    expect([first.route, first.value(), textOf(first.body), first.meta]).toEqual([0, [1], '[1]', undefined])
    expect([second.value(), second.meta]).toEqual(['hello', { rest: { uid: 'push-1' } }])
    messages.verify()
  })

  it('may be an error, about the connection or about nobody', async () => {
    const errors = mustCall<[ShardwireError, number]>('onError')
    await using bench = await open({ onError: errors.call })
    await bench.say('{"uid":"who","error":{"code":4,"message":"?"}}{"error":{"code":1,"message":"no JSON"}}')
    expect(await errors.reached(1)).toMatchObject([{ code: 1, message: 'no JSON' }, 0])
    bench.server.halfClose()
    expect(await bench.connection.closed).toMatchObject({
      end: 'ended',
      error: { message: expect.stringContaining('the server ended it (BAD_FRAME)') },
    })
    errors.verify()
  })

  it('breaks the connection where it is no JSON', async () => {
    await using bench = await open()
    const answer = rejectionOf(bench.connection.requestValue(1, 1))
    await bench.lines(1)
    await bench.say('HTTP/1.1 400 Bad Request')
    expect(await answer).toMatchObject({
      code: 'PROTOCOL_VIOLATION',
      message: expect.stringContaining('the server sent no valid object: BAD_FRAME: text that is no JSON object'),
    })
  })

  it('is a sign of life every heartbeatMs, if one is set', async () => {
    await using bench = await open({ heartbeatMs: 1000 })
    bench.clock.advance(1300)
    expect(await bench.lines(1)).toEqual(['{}'])
    bench.connection.destroy()
    bench.clock.advance(1300)
    expect(bench.clock.pendingTimers).toBe(0)
  })
})

describe('the end of a connection that speaks JSON', () => {
  it('close waits for answers, then sends FIN', async () => {
    await using bench = await open()
    const answer = bench.connection.requestValue(1, 1)
    await bench.lines(1)
    const closing = bench.connection.close()
    await bench.say('{"uid":"1","val":"done"}')
    expect(await answer).toBe('done')
    await bench.server.closed()
    await closing
    expect(await bench.connection.closed).toMatchObject({ end: 'closed' })
  })

  it('a FIN in the middle of an object is told', async () => {
    await using bench = await open()
    const answer = rejectionOf(bench.connection.requestValue(1, 1))
    await bench.lines(1)
    await bench.say('{"uid":"1","va')
    bench.server.halfClose()
    expect(await answer).toMatchObject({ message: expect.stringContaining('in the middle of a frame, after 14 bytes') })
  })
})

it.each([
  [{ hello: { token: 't' } }, 'hello: codec json has no such thing'],
  [{ handlers: { 1: () => undefined } }, 'handlers: codec json has no such thing'],
  [{ codec: 'xml' as 'json' }, 'codec: expected frame or json, got "xml"'],
  [{ jsonUid: 'bigint' as 'string' }, 'jsonUid: expected string or number, got "bigint"'],
])('%j is refused', async (options, message) => {
  const error = await rejectionOf(connect({ host: 'h', port: 1, codec: 'json', ...options }))
  expect(error).toMatchObject({ code: 'INVALID_OPTION', message })
})
