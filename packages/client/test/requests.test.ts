/** Rules of requests, answers and messages, over a real socket. */
import {
  encodeBody,
  encodeFrame,
  encodeMetadata,
  HANDLER_FAILED,
  KIND_CANCEL,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  OPCODE_PING,
  OPCODE_PONG,
  RATE_LIMITED,
  ShardwireError,
  SLOW_CONSUMER,
  UNKNOWN_ROUTE,
  decodeErrorBody,
} from '@shardwire/protocol'
import { echo, everySplit, joinBytes, mustCall, withSeed } from '@shardwire/testkit'
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Message } from '../src/index.ts'
import { bytesOf, errorFrame, metadataOf, openBench, rejectionOf, responseTo, textOf } from './support.ts'

describe('a request', () => {
  it('is a REQUEST with its deadline, and is given the body of its RESPONSE', async () => {
    await using bench = await openBench()
    const answer = bench.connection.request(7, bytesOf('ping'), { timeoutMs: 1234, meta: { tenant: 'a' } })
    const request = await bench.peer.nextFrame()
    expect(request).toMatchObject({ kind: KIND_REQUEST, route: 7, id: 1, body: bytesOf('ping') })
    expect(metadataOf(request)).toEqual({ deadlineMs: 1234, rest: { tenant: 'a' } })
    await bench.server.respond(request, bytesOf('pong'))
    expect(textOf(await answer)).toBe('pong')
    expect(bench.connection.stats).toMatchObject({ requestsInFlight: 0, requestsCancelled: 0 })
  })

  it('says the default deadline without being asked to', async () => {
    await using bench = await openBench({ requestTimeoutMs: 444 })
    const ended = Promise.allSettled([bench.connection.request(1), bench.connection.request(1)])
    for (const request of await bench.peer.frames(2)) expect(metadataOf(request)).toEqual({ deadlineMs: 444, rest: {} })
    bench.connection.destroy()
    await ended
  })

  it('is matched to its answer by id, in any order', async () => {
    await withSeed('answers in any order', async (random) => {
      await using bench = await openBench()
      const answers = Array.from({ length: 30 }, (_, index) => bench.connection.request(1, bytesOf(`${index}`)))
      const requests = await bench.peer.frames(30)
      const responses = random.shuffle(requests).map((request) => responseTo(request, `re ${textOf(request.body)}`))
      await bench.server.sendFrames(...responses)
      expect((await Promise.all(answers)).map(textOf)).toEqual(answers.map((_, index) => `re ${index}`))
    })
  })

  it('finds its answer at every split point and byte by byte', async () => {
    const body = bytesOf('abc')
    const probe = encodeFrame({ kind: KIND_RESPONSE, route: 1, id: 1, body })
    const splits = [...everySplit(probe)].map((parts) => parts.map((part) => part.length))
    await using bench = await openBench()
    for (const lengths of splits) {
      const answer = bench.connection.request(1)
      const { id } = await bench.peer.nextFrame()
      const bytes = encodeFrame({ kind: KIND_RESPONSE, route: 1, id, body })
      let at = 0
      await bench.server.writeChunks(lengths.map((length) => bytes.subarray(at, (at += length))))
      expect(await answer).toEqual(body)
    }
  })

  it('gets a plain Uint8Array that is nobody else\u2019s, also while later answers come', async () => {
    await using bench = await openBench({}, echo)
    const sizes = [0, 1, 32, 33, 500, 8192, 8193, 20_000]
    const bodyOf = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(bytes % 251)
    const answers: Uint8Array[] = []
    for (let round = 0; round < 3; round++) {
      answers.push(...(await Promise.all(sizes.map((bytes) => bench.connection.request(1, bodyOf(bytes))))))
    }
    for (const [index, answer] of answers.entries()) {
      expect(Buffer.isBuffer(answer)).toBe(false)
      expect(answer).toEqual(bodyOf(sizes[index % sizes.length] ?? 0))
      answer.fill(0)
    }
  })

  it('leaves with others of its tick in one write', async () => {
    await using bench = await openBench()
    const reads: number[] = []
    bench.server.socket.on('data', (chunk: Buffer) => reads.push(chunk.length))
    const ended = Promise.allSettled(Array.from({ length: 20 }, () => bench.connection.request(1, new Uint8Array(10))))
    await bench.peer.frames(20)
    expect(reads).toHaveLength(1)
    bench.connection.destroy()
    await ended
  })

  it('carries msgpack values both ways', async () => {
    await using bench = await openBench({}, echo)
    const value = { uid: 'u', list: [1, 2.5, null, true], when: new Date(1_700_000_000_000) }
    expect(await bench.connection.requestMsgpack(2, value)).toEqual(value)
    expect(await bench.connection.requestMsgpack(2, undefined)).toBeUndefined()
  })

  it('rejects a msgpack answer that is none, and a value that has no form', async () => {
    await using bench = await openBench({}, (frame, connection) => connection.respond(frame, Uint8Array.of(0xc1)))
    await expect(bench.connection.requestMsgpack(2, 1)).rejects.toMatchObject({ code: 'BAD_ANSWER' })
    await expect(bench.connection.requestMsgpack(2, () => 1)).rejects.toBeInstanceOf(TypeError)
  })

  it('rejects with the ERROR that the server answers', async () => {
    await using bench = await openBench()
    const answer = rejectionOf(bench.connection.request(3))
    const { id } = await bench.peer.nextFrame()
    await bench.server.sendFrames(errorFrame(3, id, HANDLER_FAILED, 'broken'))
    const error = await answer
    expect(error).toBeInstanceOf(ShardwireError)
    expect(error).toMatchObject({ code: HANDLER_FAILED, name: 'HANDLER_FAILED', message: 'broken', retryable: false })
  })

  it.each([
    [0, {}, 'INVALID_OPTION'],
    [4096, {}, 'INVALID_OPTION'],
    [1, { timeoutMs: 0 }, 'INVALID_OPTION'],
  ])('to route %d with %j is refused before anything is sent', async (route, options, code) => {
    await using bench = await openBench()
    await expect(bench.connection.request(route, undefined, options)).rejects.toMatchObject({ code })
    expect(bench.connection.stats).toMatchObject({ requestsInFlight: 0, bytesUnsent: 0 })
  })

  it('rejects for metadata that cannot be encoded, and takes no id', async () => {
    await using bench = await openBench({}, echo)
    const meta = { blob: new Uint8Array(5000) }
    await expect(bench.connection.request(1, undefined, { meta })).rejects.toBeInstanceOf(RangeError)
    await bench.connection.request(1)
    expect(bench.peer.received[0]?.id).toBe(1)
  })

  it('beyond maxInFlight is refused', async () => {
    await using bench = await openBench({ maxInFlight: 1 })
    const first = rejectionOf(bench.connection.request(1))
    await expect(bench.connection.request(1)).rejects.toMatchObject({ code: 'TOO_MANY_IN_FLIGHT' })
    bench.connection.destroy()
    await first
  })
})

describe('a body that is no Uint8Array', () => {
  /** What code without types may hand over. */
  function asBody(value: unknown): Uint8Array {
    return value as Uint8Array
  }

  it.each([
    ['str', 'a string (TextEncoder makes bytes of it)'],
    [7, 'a number'],
    [null, 'null'],
    [[1, 2], 'an instance of Array'],
    [new ArrayBuffer(3), 'an instance of ArrayBuffer'],
    [Uint16Array.of(1, 2), 'an instance of Uint16Array'],
    [Object.create(null), 'an object'],
  ])('(%o) is refused by request and send, which say what they got', async (value, got) => {
    await using bench = await openBench()
    const message = `body: expected a Uint8Array, got ${got}; for a value use the msgpack call`
    const refusal = { code: 'INVALID_OPTION', message }
    expect(await rejectionOf(bench.connection.request(1, asBody(value)))).toMatchObject(refusal)
    expect(() => bench.connection.send(1, asBody(value))).toThrow(expect.objectContaining(refusal))
    bench.connection.send(2, Buffer.from('next'))
    expect(await bench.peer.nextFrame()).toMatchObject({ kind: KIND_MESSAGE, route: 2, body: bytesOf('next') })
    expect(bench.connection.stats.requestsInFlight).toBe(0)
  })
})

describe('a body whose memory was transferred', () => {
  it('is refused, and nothing is left of its request', async () => {
    await using bench = await openBench()
    const body = new Uint8Array(10)
    structuredClone(body, { transfer: [body.buffer] })
    const refusal = { code: 'INVALID_OPTION', message: expect.stringContaining('transferred') as unknown }
    expect(await rejectionOf(bench.connection.request(1, body))).toMatchObject(refusal)
    expect(() => bench.connection.send(1, body)).toThrow(expect.objectContaining(refusal))
    expect(bench.connection.stats.requestsInFlight).toBe(0)
  })
})

describe('a request that is given up', () => {
  it('after its deadline sends CANCEL, and its late answer is dropped and counted', async () => {
    await using bench = await openBench()
    const answer = rejectionOf(bench.connection.request(6, undefined, { timeoutMs: 100 }))
    const request = await bench.peer.nextFrame()
    bench.clock.advance(140)
    expect(await answer).toMatchObject({ code: 'REQUEST_TIMEOUT', handler: 'may have run' })
    expect(await bench.peer.nextFrame()).toMatchObject({ kind: KIND_CANCEL, route: 6, id: request.id, meta: undefined })
    expect(bench.connection.stats).toMatchObject({ requestsInFlight: 0, requestsCancelled: 1, answersLate: 0 })
    const next = bench.connection.request(6)
    await bench.server.sendFrames(responseTo(request, 'late'), responseTo(await bench.peer.nextFrame(), 'next'))
    expect(textOf(await next)).toBe('next')
    expect(bench.connection.stats).toMatchObject({ requestsCancelled: 0, answersLate: 1 })
  })

  it('by its signal before it is sent sends nothing', async () => {
    await using bench = await openBench()
    const aborted = bench.connection.request(1, undefined, { signal: AbortSignal.abort('why') })
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', cause: 'why' })
    void bench.connection.close()
    await bench.server.closed()
    expect(bench.server.bytes).toHaveLength(0)
  })

  it('by its signal later sends CANCEL', async () => {
    await using bench = await openBench()
    const controller = new AbortController()
    const answer = rejectionOf(bench.connection.request(4, undefined, { signal: controller.signal }))
    const { id } = await bench.peer.nextFrame()
    controller.abort('enough')
    expect(await answer).toMatchObject({ code: 'ABORTED', cause: 'enough' })
    expect(await bench.peer.nextFrame()).toMatchObject({ kind: KIND_CANCEL, route: 4, id })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('by a signal that many share costs no warning', async () => {
    await using bench = await openBench()
    const warnings = mustCall<[Error]>('warning', 0)
    process.on('warning', warnings.call)
    const controller = new AbortController()
    const { signal } = controller
    const all = Promise.allSettled(
      Array.from({ length: 100 }, () => bench.connection.request(1, undefined, { signal })),
    )
    controller.abort()
    expect((await all).every(({ status }) => status === 'rejected')).toBe(true)
    await bench.peer.frames(200)
    process.off('warning', warnings.call)
    warnings.verify()
  })
})

describe('a MESSAGE', () => {
  it('goes out without an answer', async () => {
    await using bench = await openBench()
    expect(bench.connection.send(9, bytesOf('one way'), { meta: { trace: 'x' } })).toBe(true)
    expect(bench.connection.sendMsgpack(10, [1])).toBe(true)
    const [bytes, msgpack] = await bench.peer.frames(2)
    expect(bytes).toMatchObject({ kind: KIND_MESSAGE, route: 9, id: 0, body: bytesOf('one way') })
    expect(msgpack).toMatchObject({ route: 10, body: encodeBody([1]), meta: undefined })
    expect(() => bench.connection.send(0)).toThrow('route: expected an integer from 1 to 4095, got 0')
  })

  it('that comes reaches the listener with its metadata, or is counted', async () => {
    const messages = mustCall<[Message]>('onMessage', 2)
    await using bench = await openBench({ onMessage: messages.call })
    const meta = encodeMetadata({ deadlineMs: 5, shelf: 2 })
    await bench.server.sendFrames({ kind: KIND_MESSAGE, route: 8, body: bytesOf('news'), meta })
    await bench.server.sendFrames({ kind: KIND_MESSAGE, route: 9 })
    await messages.reached(2)
    expect(messages.calls).toEqual([
      [{ route: 8, body: bytesOf('news'), meta: { deadlineMs: 5, rest: { shelf: 2 } } }],
      [{ route: 9, body: new Uint8Array(0), meta: undefined }],
    ])
    bench.connection.onMessage = undefined
    await bench.server.sendFrames({ kind: KIND_MESSAGE, route: 9 })
    bench.server.halfClose()
    await bench.connection.closed
    expect(bench.connection.stats.messagesUnheard).toBe(1)
    messages.verify()
  })

  it('whose listener throws harms neither the connection nor the frames behind it', async () => {
    const uncaught = mustCall<[Error]>('uncaughtException')
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException').on('uncaughtException', uncaught.call)
    try {
      await using bench = await openBench({
        onMessage: () => {
          throw new Error('listener')
        },
      })
      const answer = bench.connection.request(1)
      const request = await bench.peer.nextFrame()
      await bench.server.sendFrames({ kind: KIND_MESSAGE, route: 1 }, responseTo(request, 'fine'))
      expect(textOf(await answer)).toBe('fine')
      expect((await uncaught.reached(1))[0].message).toBe('listener')
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const other of others) process.on('uncaughtException', other)
    }
  })

  it('that the server refuses is told by route, and what it says of the connection by route 0', async () => {
    const errors = mustCall<[ShardwireError, number]>('onError', 2)
    await using bench = await openBench({ onError: errors.call })
    await bench.server.sendFrames(errorFrame(5, 0, RATE_LIMITED, 'slower'), errorFrame(0, 0, SLOW_CONSUMER, 'bye'))
    await errors.reached(2)
    expect(errors.calls.map(([error, route]) => [error.name, route])).toEqual([
      ['RATE_LIMITED', 5],
      ['SLOW_CONSUMER', 0],
    ])
    bench.server.halfClose()
    const { error } = await bench.connection.closed
    expect(error?.message).toContain('the server ended it (SLOW_CONSUMER)')
    expect(error?.cause).toMatchObject({ name: 'SLOW_CONSUMER' })
  })
})

describe('what the server asks', () => {
  it('by PING is answered by PONG with the same bytes', async () => {
    await using bench = await openBench()
    const body = bytesOf('same bytes')
    await bench.server.sendFrames({ kind: KIND_CONTROL, route: OPCODE_PING, body })
    expect(await bench.peer.nextFrame()).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PONG, body })
  })

  it('by REQUEST is answered UNKNOWN_ROUTE', async () => {
    await using bench = await openBench()
    await bench.server.sendFrames({ kind: KIND_REQUEST, route: 77, id: 5 })
    const error = await bench.peer.nextFrame()
    expect(error).toMatchObject({ kind: KIND_ERROR, route: 77, id: 5 })
    expect(decodeErrorBody(error.body, 0, error.body.length)).toMatchObject({ code: UNKNOWN_ROUTE })
  })

  it('in a later version of the protocol is ignored, as is what nobody asked for', async () => {
    await using bench = await openBench()
    const answer = bench.connection.request(1)
    const request = await bench.peer.nextFrame()
    await bench.server.sendFrames(
      { kind: KIND_CONTROL, route: OPCODE_PONG },
      { kind: KIND_CONTROL, route: 60, body: bytesOf('?') },
      { kind: KIND_CANCEL, route: 1, id: 4 },
      { kind: KIND_RESPONSE, route: 1, id: 99 },
      errorFrame(1, 98, HANDLER_FAILED, ''),
      responseTo(request, 'still here'),
    )
    expect(textOf(await answer)).toBe('still here')
    expect(bench.connection.stats.answersUnknown).toBe(3)
    expect(joinBytes([bench.server.bytes])).toEqual(request.bytes)
  })
})
