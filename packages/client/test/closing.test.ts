/** Rules of the end of a connection: close, destroy, GOAWAY, FIN, reset, garbage; and that nothing is left after it. */
import {
  encodeBody,
  encodeErrorBody,
  encodeFrame,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  KIND_REQUEST,
  KIND_RESPONSE,
  OPCODE_HELLO,
  OPCODE_PING,
  OVERLOADED,
  ShardwireError,
} from '@shardwire/protocol'
import { mustCall } from '@shardwire/testkit'
import type { PeerConnection } from '@shardwire/testkit'
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { CloseInfo, Connection } from '../src/index.ts'
import { bytesOf, GOAWAY, GOAWAY_BYTES, openBench, rejectionOf, responseTo, textOf } from './support.ts'

const IN_ORDER = { error: undefined, requestsInFlight: 0, bytesUnsent: 0 }

describe('close', () => {
  it('waits for those in flight, then sends FIN, and settles when the server did too', async () => {
    const closes = mustCall<[CloseInfo]>('onClose')
    await using bench = await openBench({ onClose: closes.call })
    const answer = bench.connection.request(1)
    const request = await bench.peer.nextFrame()
    const closing = bench.connection.close()
    expect(bench.connection.isOpen).toBe(false)
    await expect(bench.connection.request(1)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    expect(() => bench.connection.send(1)).toThrow('is closed')
    await bench.server.sendFrames(responseTo(request, 'at last'))
    expect(textOf(await answer)).toBe('at last')
    expect(await bench.server.closed()).toMatchObject({ how: 'end' })
    await closing
    expect(await bench.connection.closed).toEqual({ end: 'closed', ...IN_ORDER })
    await bench.connection.close()
    closes.verify()
  })

  it('sends what was sent before it', async () => {
    await using bench = await openBench()
    bench.connection.send(1, bytesOf('last words'))
    const closing = bench.connection.close()
    expect(await bench.server.closed()).toMatchObject({ how: 'end' })
    await closing
    expect(bench.server.received).toMatchObject([{ kind: KIND_MESSAGE, body: bytesOf('last words') }])
  })

  it('does not wait for the answer of a request that was given up', async () => {
    await using bench = await openBench()
    const answer = rejectionOf(bench.connection.request(1, undefined, { timeoutMs: 100 }))
    await bench.peer.nextFrame()
    const closing = bench.connection.close()
    bench.clock.advance(140)
    expect(await answer).toMatchObject({ code: 'REQUEST_TIMEOUT' })
    expect(await bench.server.closed()).toMatchObject({ how: 'end' })
    await closing
  })

  it('gives up on a server that never ends', async () => {
    await using bench = await openBench({ closeTimeoutMs: 800 })
    const closing = bench.connection.close()
    bench.clock.advance(800)
    await closing
    expect(await bench.connection.closed).toEqual({ end: 'closed', ...IN_ORDER })
  })

  it('is what await using does', async () => {
    await using bench = await openBench()
    const { connection } = bench
    const ended = bench.server.closed()
    {
      await using held = connection
      expect(held.isOpen).toBe(true)
    }
    expect(await connection.closed).toMatchObject({ end: 'closed' })
    expect(await ended).toMatchObject({ how: 'end' })
  })
})

describe('destroy', () => {
  it('fails everything in flight now, with what it was given as the cause', async () => {
    await using bench = await openBench()
    const ends = [rejectionOf(bench.connection.request(1)), rejectionOf(bench.connection.request(2))]
    await bench.peer.frames(2)
    const why = new Error('shutting down')
    bench.connection.destroy(why)
    expect(bench.connection.stats.requestsInFlight).toBe(0)
    for (const error of await Promise.all(ends)) {
      expect(error).toMatchObject({ code: 'CONNECTION_DESTROYED', cause: why, requestsInFlight: 2, bytesUnsent: 0 })
    }
    expect(await bench.connection.closed).toMatchObject({ end: 'destroyed', requestsInFlight: 2 })
    bench.connection.destroy()
    await bench.connection.close()
    await expect(bench.connection.request(1)).rejects.toMatchObject({
      code: 'CONNECTION_CLOSED',
      cause: { code: 'CONNECTION_DESTROYED' },
    })
  })

  it('does not wait where close does', async () => {
    await using bench = await openBench()
    const answer = rejectionOf(bench.connection.request(1))
    const closing = bench.connection.close()
    bench.connection.destroy()
    await closing
    expect(await answer).toMatchObject({ code: 'CONNECTION_DESTROYED' })
  })

  it('may be called from within a listener, and nothing behind that frame is looked at', async () => {
    const messages: Connection[] = []
    await using bench = await openBench()
    bench.connection.onMessage = () => {
      messages.push(bench.connection)
      bench.connection.destroy()
    }
    await bench.server.sendFrames({ kind: KIND_MESSAGE, route: 1 }, { kind: KIND_MESSAGE, route: 1 })
    await bench.connection.closed
    expect(messages).toHaveLength(1)
  })
})

describe('GOAWAY', () => {
  it('is told, stops new requests, and closes after the last answer', async () => {
    const goaways = mustCall<[unknown]>('onGoaway')
    await using bench = await openBench({ onGoaway: goaways.call })
    const answer = bench.connection.request(1)
    const request = await bench.peer.nextFrame()
    await bench.server.write(GOAWAY_BYTES)
    expect(await goaways.reached(1)).toEqual([GOAWAY])
    expect(bench.connection.goaway).toEqual(GOAWAY)
    await expect(bench.connection.request(1)).rejects.toMatchObject({
      code: 'CONNECTION_DRAINING',
      message: expect.stringContaining('is draining (restart), retry later'),
    })
    expect(bench.connection.send(1, bytesOf('still taken'))).toBe(true)
    await bench.server.sendFrames(responseTo(request, 'last'))
    expect(textOf(await answer)).toBe('last')
    expect(await bench.server.closed()).toMatchObject({ how: 'end' })
    expect(await bench.connection.closed).toEqual({ end: 'goaway', ...IN_ORDER })
  })

  it('is in force before its listener is called: no REQUEST goes out after it', async () => {
    const refused: Promise<unknown>[] = []
    const goaways = mustCall('onGoaway')
    await using bench = await openBench({
      onGoaway: () => {
        goaways.call()
        expect(bench.connection.isOpen).toBe(false)
        expect(bench.connection.goaway).toEqual(GOAWAY)
        refused.push(rejectionOf(bench.connection.request(1)))
      },
    })
    const answer = bench.connection.request(7)
    const request = await bench.peer.nextFrame()
    await bench.server.write(GOAWAY_BYTES)
    await goaways.reached(1)
    expect(await refused[0]).toMatchObject({ code: 'CONNECTION_DRAINING' })
    await bench.server.sendFrames(responseTo(request, 'last'))
    await answer
    expect(await bench.server.closed()).toMatchObject({ how: 'end' })
    expect(bench.server.received.map(({ route }) => route)).toEqual([7])
  })

  it('lets its listener send MESSAGEs, which leave before the FIN also where nothing is in flight', async () => {
    await using bench = await openBench({
      onGoaway: () => {
        bench.connection.send(9, bytesOf('farewell'))
      },
    })
    await bench.server.write(GOAWAY_BYTES)
    expect(await bench.server.closed()).toMatchObject({ how: 'end' })
    expect(bench.server.received).toMatchObject([{ kind: KIND_MESSAGE, route: 9, body: bytesOf('farewell') }])
    expect(await bench.connection.closed).toEqual({ end: 'goaway', ...IN_ORDER })
  })

  it('leaves it to its listener to close or destroy instead', async () => {
    for (const [end, act] of [
      ['closed', (connection: Connection) => void connection.close()],
      ['destroyed', (connection: Connection) => connection.destroy()],
    ] as const) {
      await using bench = await openBench({
        onGoaway: () => {
          act(bench.connection)
        },
      })
      await bench.server.write(GOAWAY_BYTES)
      await bench.server.closed()
      expect(await bench.connection.closed).toMatchObject({ end })
    }
  })

  it('takes MESSAGEs until the last answer; from then on they are refused as on any closed connection', async () => {
    await using bench = await openBench({ onGoaway: () => {} })
    const answer = bench.connection.request(1)
    const request = await bench.peer.nextFrame()
    await bench.server.sendFrames({ kind: KIND_MESSAGE, route: 1 })
    await bench.server.write(GOAWAY_BYTES)
    await bench.server.sendFrames(responseTo(request, 'last'))
    await answer
    const refused = expect.objectContaining({ code: 'CONNECTION_CLOSED' }) as Error
    expect(() => bench.connection.send(1)).toThrow(refused)
    await expect(bench.connection.drained()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    await expect(bench.connection.request(1)).rejects.toMatchObject({ code: 'CONNECTION_DRAINING' })
  })

  it('closes at once where nothing is in flight, and a later one replaces it', async () => {
    await using bench = await openBench()
    await bench.server.write(Buffer.concat([GOAWAY_BYTES, GOAWAY_BYTES]))
    expect(await bench.server.closed()).toMatchObject({ how: 'end' })
    expect(await bench.connection.closed).toMatchObject({ end: 'goaway' })
  })
})

describe('drained', () => {
  it.each<[string, (connection: Connection) => void]>([
    ['close', (connection) => void connection.close()],
    ['destroy', (connection) => connection.destroy()],
  ])('rejects on a closed connection, where send would throw: after %s', async (_name, end) => {
    await using bench = await openBench()
    await bench.connection.drained()
    end(bench.connection)
    await expect(bench.connection.drained()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    await bench.server.closed()
    await bench.connection.closed
    await expect(bench.connection.drained()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
  })
})

describe('a lost connection', () => {
  it('fails all in flight with what was in flight', async () => {
    await using bench = await openBench()
    const ends = [1, 2, 3].map((route) => rejectionOf(bench.connection.request(route)))
    await bench.peer.frames(3)
    bench.server.reset()
    for (const error of await Promise.all(ends)) {
      expect(error).toMatchObject({
        code: 'CONNECTION_LOST',
        requestsInFlight: 3,
        bytesUnsent: 0,
        message: `connection to ${bench.connection.target}: ECONNRESET; 3 requests in flight, 0 bytes unsent`,
      })
    }
    expect(await bench.connection.closed).toMatchObject({ end: 'lost', requestsInFlight: 3 })
  })

  it('by FIN of the server keeps the answers before it and fails the rest', async () => {
    await using bench = await openBench()
    const answered = bench.connection.request(1)
    const lost = rejectionOf(bench.connection.request(2))
    const [request] = await bench.peer.frames(2)
    if (request !== undefined) await bench.server.sendFrames(responseTo(request, 'in time'))
    bench.server.halfClose()
    expect(textOf(await answered)).toBe('in time')
    expect(await lost).toMatchObject({ code: 'CONNECTION_LOST', requestsInFlight: 1 })
    expect(await bench.connection.closed).toMatchObject({ end: 'ended' })
    await expect(bench.connection.request(1)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
  })

  it('by FIN still sends what was sent in that tick', async () => {
    await using bench = await openBench()
    bench.connection.onMessage = () => {
      bench.connection.send(3, bytesOf('reply'))
    }
    await bench.server.sendFrames({ kind: KIND_MESSAGE, route: 1 })
    bench.server.halfClose()
    expect(await bench.peer.nextFrame()).toMatchObject({ route: 3, body: bytesOf('reply') })
    expect(await bench.connection.closed).toMatchObject({ end: 'ended' })
  })

  it('by FIN within a frame says how far that one came', async () => {
    await using bench = await openBench()
    const lost = rejectionOf(bench.connection.request(1))
    await bench.peer.nextFrame()
    await bench.server.write(encodeFrame({ kind: KIND_RESPONSE, route: 1, id: 1 }).subarray(0, 8))
    bench.server.halfClose()
    expect(await lost).toMatchObject({
      message: expect.stringContaining('the server ended in the middle of a frame, after 8 bytes of it'),
    })
  })
})

/** {deadlineMs: "soon"} */
const SOON = encodeBody({ deadlineMs: 'soon' })
const BUSY = encodeErrorBody(new ShardwireError(OVERLOADED, 'busy'))

describe('what is no valid frame', () => {
  const badCrc = encodeFrame({ kind: KIND_RESPONSE, route: 1, id: 1, body: bytesOf('x') })
  badCrc[10] = 0xff

  it.each([
    ['a wrong CRC', badCrc, 'BAD_CRC'],
    ['a reserved kind', Uint8Array.of(0x50, 0, 0, 0, 0, 0), 'BAD_FRAME'],
    ['a length above the limit', Uint8Array.of(0, 1, 0xff, 0, 0, 0), 'FRAME_TOO_LARGE'],
    ['a HELLO', encodeFrame({ kind: KIND_CONTROL, route: OPCODE_HELLO, body: Uint8Array.of(0x80) }), 'BAD_FRAME'],
    ['a WELCOME that is none', encodeFrame({ kind: KIND_CONTROL, route: 3 }), 'BAD_FRAME'],
    ['a GOAWAY that is none', encodeFrame({ kind: KIND_CONTROL, route: 4 }), 'BAD_FRAME'],
    ['a MESSAGE due soon', encodeFrame({ kind: KIND_MESSAGE, route: 1, meta: SOON }), 'BAD_FRAME'],
    ['a REQUEST due soon', encodeFrame({ kind: KIND_REQUEST, route: 1, id: 1, meta: SOON }), 'BAD_FRAME'],
    ['a RESPONSE due soon', encodeFrame({ kind: KIND_RESPONSE, route: 1, id: 1, meta: SOON }), 'BAD_FRAME'],
    ['a late RESPONSE due soon', encodeFrame({ kind: KIND_RESPONSE, route: 1, id: 9, meta: SOON }), 'BAD_FRAME'],
    ['an ERROR due soon', encodeFrame({ kind: KIND_ERROR, route: 1, id: 1, body: BUSY, meta: SOON }), 'BAD_FRAME'],
  ])('ends the connection: %s', async (_what, bytes, name) => {
    await using bench = await openBench()
    const lost = rejectionOf(bench.connection.request(1))
    await bench.peer.nextFrame()
    await bench.server.write(bytes)
    expect(await lost).toMatchObject({ code: 'PROTOCOL_VIOLATION', requestsInFlight: 1, cause: { name } })
    expect(await bench.connection.closed).toMatchObject({ end: 'violation' })
  })
})

describe('after its end, however it came,', () => {
  type Act = (connection: Connection, server: PeerConnection) => void

  it.each<[string, Act]>([
    ['close', (connection) => void connection.close()],
    ['destroy', (connection) => connection.destroy()],
    ['reset', (_connection, server) => server.reset()],
    ['FIN', (_connection, server) => server.halfClose()],
    ['garbage', (_connection, server) => void server.write(Buffer.from('garbage\r\n'))],
    ['goaway', (_connection, server) => void server.write(GOAWAY_BYTES)],
    [
      'ping',
      (_connection, server) =>
        void server.sendFrames({ kind: KIND_CONTROL, route: OPCODE_PING }).then(() => server.reset()),
    ],
  ])('nothing is left: %s', async (_name, act) => {
    await using bench = await openBench()
    const { clock, connection, server } = bench
    const { signal } = new AbortController()
    const answered = connection.request(1, undefined, { signal })
    const late = connection.request(1, undefined, { signal, timeoutMs: 100 })
    const waiting = connection.request(1, undefined, { signal })
    const ends = Promise.allSettled([answered, late, waiting])
    const [first] = await bench.peer.frames(3)
    if (first !== undefined) await server.sendFrames(responseTo(first, ''))
    await answered
    clock.advance(140)
    act(connection, server)
    server.socket.on('end', () => server.halfClose())
    clock.advance(3000)
    await connection.closed
    expect((await ends).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(connection.stats).toMatchObject({ requestsInFlight: 0, requestsCancelled: 0, bytesUnsent: 0 })
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })
})
