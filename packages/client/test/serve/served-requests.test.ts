/** Rules of REQUESTs that the server sends, and of the handlers that answer them, over a real socket. */
import {
  BAD_REQUEST,
  CANCELLED,
  DEADLINE_EXCEEDED,
  decodeBody,
  decodeErrorBody,
  DRAINING,
  encodeBody,
  encodeFrame,
  encodeMetadata,
  encodeWelcome,
  HANDLER_FAILED,
  KIND_CANCEL,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_REQUEST,
  KIND_RESPONSE,
  OVERLOADED,
  ShardwireError,
  UNKNOWN_ROUTE,
} from '@shardwire/protocol'
import { joinBytes, Latch, mustCall } from '@shardwire/testkit'
import type { ReceivedFrame } from '@shardwire/testkit'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { msgpackHandler } from '../../src/index.ts'
import type { ServerRequest } from '../../src/index.ts'
import { bytesOf, openBench, textOf, WELCOME } from '../support.ts'
import type { Bench } from '../support.ts'

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

interface Asking {
  readonly id?: number
  readonly route?: number
  readonly body?: Uint8Array
  readonly meta?: Uint8Array
}

async function send({ server }: Bench, { id = 1, route = 40, body = bytesOf('q'), meta }: Asking = {}): Promise<void> {
  await server.sendFrames({ kind: KIND_REQUEST, route, id, body, ...(meta === undefined ? {} : { meta }) })
}

function errorOf(frame: ReceivedFrame): ShardwireError {
  expect(frame.kind).toBe(KIND_ERROR)
  return decodeErrorBody(frame.body, 0, frame.body.length)
}

describe('a REQUEST of the server', () => {
  it('is answered by the handler of its route, at once or later, with its id', async () => {
    await using bench = await openBench({
      handlers: {
        40: ({ body }) => bytesOf(`re ${textOf(body)}`),
        41: async ({ route }) => await Promise.resolve(bytesOf(`later ${route}`)),
        42: () => undefined,
      },
    })
    for (const [index, route] of [40, 41, 42].entries()) await send(bench, { id: index + 7, route })
    const frames = await bench.peer.frames(3)
    const answers = frames.map(({ kind, route, id, body }) => [kind, route, id, textOf(body)])
    expect(answers.sort((one, other) => Number(one[2]) - Number(other[2]))).toEqual([
      [KIND_RESPONSE, 40, 7, 're q'],
      [KIND_RESPONSE, 41, 8, 'later 41'],
      [KIND_RESPONSE, 42, 9, ''],
    ])
    expect(bench.connection.stats.requestsServed).toBe(0)
    bench.clock.advance(100)
    expect(bench.clock.pendingTimers).toBe(0)
  })

  it('of msgpack has values in and out, and BAD_BODY where there is none', async () => {
    await using bench = await openBench({ handlers: { 40: msgpackHandler((value) => [value, value]) } })
    bench.connection.handleMsgpack(41, async (value) => await Promise.resolve({ value }))
    await send(bench, { body: encodeBody({ a: 1 }) })
    const [answer] = await bench.peer.frames(1)
    expect(decodeBody(answer?.body ?? new Uint8Array(0), 0, answer?.body.length ?? 0)).toEqual([{ a: 1 }, { a: 1 }])
    await send(bench, { route: 41, body: new Uint8Array(0) })
    const [later] = await bench.peer.frames(1)
    expect(decodeBody(later?.body ?? new Uint8Array(0), 0, later?.body.length ?? 0)).toEqual({})
    await send(bench, { body: Uint8Array.of(0xc1) })
    expect(errorOf(await bench.peer.nextFrame())).toMatchObject({ name: 'BAD_BODY' })
  })

  it('to a route that nobody serves, or no longer, is UNKNOWN_ROUTE', async () => {
    await using bench = await openBench({ handlers: { 40: () => undefined } })
    await send(bench, { route: 41 })
    expect(errorOf(await bench.peer.nextFrame())).toMatchObject({ code: UNKNOWN_ROUTE })
    bench.connection.handle(40, undefined)
    await send(bench)
    expect(errorOf(await bench.peer.nextFrame())).toMatchObject({ code: UNKNOWN_ROUTE })
    expect(() => bench.connection.handle(4096, () => undefined)).toThrow('route: expected an integer from 1 to 4095')
  })

  it('that came with the WELCOME finds its handler', async () => {
    const handlers = { 40: () => bytesOf('early') }
    const both = joinBytes([encodeWelcome(WELCOME), encodeFrame({ kind: KIND_REQUEST, route: 40, id: 1 })])
    await using bench = await openBench({ hello: {}, handlers }, async (frame, connection) => {
      if (frame.kind === KIND_CONTROL) await connection.write(both)
    })
    const [, answer] = await bench.peer.frames(2)
    expect(textOf(answer?.body ?? new Uint8Array(0))).toBe('early')
  })

  it('brings its deadline, its trace and its signal, to be handed on', async () => {
    const seen = new Latch<ServerRequest>()
    await using bench = await openBench({
      handlers: {
        40: (request) => {
          seen.open(request)
          return new Promise(() => undefined)
        },
      },
    })
    await send(bench, { meta: encodeMetadata({ deadlineMs: 500, traceparent: TRACE, tenant: 'a' }) })
    const request = await seen.promise
    expect(request).toMatchObject({ route: 40, deadlineMs: 500, meta: { traceparent: TRACE, rest: { tenant: 'a' } } })
    bench.clock.advance(120)
    const { signal, timeoutMs, meta } = request.callOptions
    expect([timeoutMs, meta, signal]).toEqual([380, { traceparent: TRACE }, request.signal])
    const aborted = once(request.signal, 'abort')
    bench.clock.advance(420)
    await aborted
    expect(errorOf(await bench.peer.nextFrame())).toMatchObject({ code: DEADLINE_EXCEEDED })
    expect(request.signal.reason).toMatchObject({ code: DEADLINE_EXCEEDED })
  })

  it('without any time left does not run', async () => {
    const handler = mustCall('handler', 0)
    await using bench = await openBench({ handlers: { 40: handler.call } })
    await send(bench, { meta: encodeMetadata({ deadlineMs: 0 }) })
    expect(errorOf(await bench.peer.nextFrame())).toMatchObject({ code: DEADLINE_EXCEEDED })
    handler.verify()
  })

  it('that is cancelled is answered so at once, its signal fires, and what its handler says is dropped', async () => {
    const late = new Latch<Uint8Array>()
    const seen = new Latch<ServerRequest>()
    await using bench = await openBench({
      handlers: {
        40: async (request) => {
          seen.open(request)
          return await late.promise
        },
      },
    })
    await send(bench)
    const { signal } = await seen.promise
    await bench.server.sendFrames({ kind: KIND_CANCEL, route: 40, id: 1 })
    expect(errorOf(await bench.peer.nextFrame())).toMatchObject({ code: CANCELLED })
    expect(signal.reason).toMatchObject({ code: CANCELLED })
    late.open(bytesOf('too late'))
    // The id is free again, and the next answer is the next request's.
    bench.connection.handle(40, () => bytesOf('next'))
    await send(bench)
    expect(textOf((await bench.peer.nextFrame()).body)).toBe('next')
    await bench.server.sendFrames({ kind: KIND_CANCEL, route: 40, id: 1 })
    await send(bench, { id: 2 })
    await bench.peer.nextFrame()
    expect(bench.connection.stats.answersUnknown).toBe(1)
  })

  it('with an id that is in flight breaks the rules', async () => {
    await using bench = await openBench({ handlers: { 40: () => new Promise(() => undefined) } })
    await send(bench)
    await send(bench)
    expect(await bench.connection.closed).toMatchObject({
      end: 'violation',
      error: { message: expect.stringContaining('REQUEST with id 1, which is in flight') },
    })
  })

  it('beyond maxHandlers is OVERLOADED', async () => {
    await using bench = await openBench({ maxHandlers: 2, handlers: { 40: () => new Promise(() => undefined) } })
    for (const id of [1, 2, 3]) await send(bench, { id })
    const refused = await bench.peer.nextFrame()
    expect([refused.id, errorOf(refused).code]).toEqual([3, OVERLOADED])
    expect(bench.connection.stats.requestsServed).toBe(2)
  })
})

describe('a handler', () => {
  it('that throws a ShardwireError chooses the answer', async () => {
    await using bench = await openBench({
      handlers: {
        40: () => {
          throw new ShardwireError(BAD_REQUEST, 'no such sensor', { details: { sensor: 'roof' } })
        },
      },
    })
    await send(bench)
    expect(errorOf(await bench.peer.nextFrame())).toMatchObject({
      ...{ code: BAD_REQUEST, message: 'no such sensor', details: { sensor: 'roof' } },
    })
  })

  it.each<[string, () => unknown]>([
    [
      'that throws',
      () => {
        throw new Error('secret')
      },
    ],
    ['that rejects', async () => await Promise.reject(new Error('secret'))],
    ['that answers with no bytes', () => 'secret'],
    ['that answers with more than a frame may hold', () => new Uint8Array(70_000)],
  ])('%s is HANDLER_FAILED for the server, and told here', async (_what, handler) => {
    const failures = mustCall<[unknown, number]>('onHandlerError')
    await using bench = await openBench({
      maxFrameBytes: 65_536,
      handlers: { 40: handler as () => Uint8Array },
      onHandlerError: failures.call,
    })
    await send(bench)
    const error = errorOf(await bench.peer.nextFrame())
    expect(error).toMatchObject({ code: HANDLER_FAILED })
    expect(error.message).not.toContain('secret')
    expect(await failures.reached(1)).toEqual([expect.any(Error), 40])
    failures.verify()
  })

  it('that fails while nobody listens is a warning of the process', async () => {
    const warned = once(process, 'warning')
    await using bench = await openBench({ handlers: { 40: async () => await Promise.reject(new Error('oops')) } })
    await send(bench)
    await bench.peer.nextFrame()
    expect(await warned).toMatchObject([{ code: 'handler-failed', message: expect.stringContaining('oops') }])
  })

  it('may end the connection', async () => {
    await using bench = await openBench({
      handlers: {
        40: () => {
          bench.connection.destroy()
        },
      },
    })
    await send(bench)
    expect(await bench.connection.closed).toMatchObject({ end: 'destroyed' })
  })

  it('is waited for by close, which begins no other', async () => {
    const answer = new Latch<Uint8Array>()
    await using bench = await openBench({ handlers: { 40: async () => await answer.promise } })
    await send(bench)
    await send(bench, { id: 2, route: 41 })
    await bench.peer.nextFrame()
    const closing = bench.connection.close()
    await send(bench, { id: 3 })
    expect(errorOf(await bench.peer.nextFrame())).toMatchObject({ code: DRAINING })
    answer.open(bytesOf('done'))
    expect(textOf((await bench.peer.nextFrame()).body)).toBe('done')
    await bench.server.closed()
    await closing
    bench.clock.advance(100)
    expect(bench.clock.pendingTimers).toBe(0)
  })

  it('has its signal fired by the end of the connection, and no deadline is left', async () => {
    const seen = new Latch<ServerRequest>()
    await using bench = await openBench({
      handlers: {
        40: (request) => {
          seen.open(request)
          return new Promise(() => undefined)
        },
      },
    })
    await send(bench)
    const { signal } = await seen.promise
    bench.server.reset()
    await bench.connection.closed
    expect(signal.reason).toMatchObject({ code: 'CONNECTION_LOST' })
    bench.clock.advance(100)
    expect(bench.clock.pendingTimers).toBe(0)
  })
})
