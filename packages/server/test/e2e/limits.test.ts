/** Owns the tests of limits as a client and an operator meet them. */
import {
  encodeBody,
  encodeFrame,
  type Frame,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_RESPONSE,
  OPCODE_PING,
} from '@shardwire/protocol'
import { type LogRecord, RawClient, type ReceivedFrame, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVICE = new URL('../fixtures/limits.ts', import.meta.url).pathname
const FAST_SECONDS = new URL('../fixtures/fast-seconds.mjs', import.meta.url).href
const ROUTE_NEVER = 3
const ONE = { SHARDWIRE_WORKERS: '1' }

/** The next frame that is no PING. */
async function nextAnswer(client: RawClient): Promise<ReceivedFrame> {
  for (;;) {
    const frame = await client.nextFrame()
    if (frame.kind !== KIND_CONTROL) return frame
  }
}

describe('SHARDWIRE_MESSAGE_RATE', () => {
  it('a request beyond it is RATE_LIMITED, and one that comes retryAfterMs later is answered', async () => {
    // What time has passed for the server its PINGs tell: one is sent when it has heard nothing for so long.
    const heartbeat = { SHARDWIRE_HEARTBEAT_MS: '300', SHARDWIRE_HEARTBEAT_MISSES: '100' }
    await using daemon = await startDaemon({ ...ONE, ...heartbeat, SHARDWIRE_MESSAGE_RATE: '5' })
    await using client = await RawClient.connect(daemon.port)
    await using neighbour = await RawClient.connect(daemon.port)
    await client.sendFrames(...Array.from({ length: 30 }, (_, index) => frames.request(1, index + 1, 'x')))
    for (let id = 1; id <= 30; id++) {
      const answer = await nextAnswer(client)
      expect([answer.kind, answer.id]).toEqual([id <= 5 ? KIND_RESPONSE : KIND_ERROR, id])
      if (id <= 5) continue
      const { name, retryAfterMs = 0 } = frames.errorOf(answer)
      expect([name, retryAfterMs >= 1 && retryAfterMs <= 200]).toEqual(['RATE_LIMITED', true])
    }
    // A neighbour has a rate of its own.
    await neighbour.sendFrames(frames.request(1, 1, 'mine'))
    expect(frames.text(await nextAnswer(neighbour))).toBe('mine')
    expect(await client.nextFrame()).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PING })
    // Those that were refused took no token.
    await client.sendFrames(frames.request(1, 7, 'again'))
    expect(await nextAnswer(client)).toMatchObject({ kind: KIND_RESPONSE, id: 7 })
    expect(await daemon.stop()).toBe(0)
  })

  it('a flood of MESSAGEs costs the server one ERROR a second, and of PINGs no more than their rate', async () => {
    await using daemon = await startDaemon({ ...ONE, SHARDWIRE_MESSAGE_RATE: '10' })
    await using client = await RawClient.connect(daemon.port)
    const ping: Frame = { kind: KIND_CONTROL, route: OPCODE_PING, body: frames.bytesOf('flood') }
    const flood = Buffer.concat([
      ...Array.from({ length: 5000 }, () => encodeFrame(frames.message(1, 'x'))),
      ...Array.from({ length: 5000 }, () => encodeFrame(ping)),
    ])
    const startedMs = performance.now()
    await client.write(flood)
    client.halfClose()
    expect((await client.closed()).how).toBe('end')
    const errors = client.received.filter(({ kind }) => kind === KIND_ERROR)
    const pongs = client.received.filter(({ kind }) => kind === KIND_CONTROL)
    const echoes = client.received.filter(({ kind }) => kind === 0)
    // What is there at the beginning gets through, and what the rates give in the time that it took.
    const seconds = 1 + Math.ceil((performance.now() - startedMs) / 1000)
    expect(errors.length).toBeGreaterThanOrEqual(1)
    expect(errors.length).toBeLessThanOrEqual(seconds)
    expect(echoes.length).toBeLessThanOrEqual(10 * seconds)
    expect(pongs.length).toBeGreaterThanOrEqual(100)
    expect(pongs.length).toBeLessThanOrEqual(100 * seconds)
    expect(await daemon.stop()).toBe(0)
  })
})

describe('maxConcurrent of a route', () => {
  it('is for all connections of a worker, and a handler that is free again takes the next', async () => {
    await using daemon = await startDaemon({ ...ONE, SHARDWIRE_SERVICE: SERVICE })
    await using one = await RawClient.connect(daemon.port)
    await using two = await RawClient.connect(daemon.port)
    await one.sendFrames(frames.request(ROUTE_NEVER, 1, ''), frames.request(ROUTE_NEVER, 2, ''))
    await frames.settle(one)
    await two.sendFrames(frames.request(ROUTE_NEVER, 1, ''), frames.request(1, 2, 'free'))
    const [refused, free] = await two.frames(2)
    expect(refused === undefined ? undefined : frames.errorOf(refused)).toMatchObject({
      name: 'OVERLOADED',
      retryAfterMs: expect.any(Number),
    })
    expect(free).toMatchObject({ kind: 2, id: 2 })
  })
})

describe('the log of closed connections', () => {
  it('a flood of bad clients is told five times, and then as a count', async () => {
    await using daemon = await startDaemon(ONE, { execArgv: ['--import', FAST_SECONDS] })
    const count = 40
    // They are all there when it goes on: however long that took, they are bad within one interval.
    daemon.signal('SIGSTOP', { group: true })
    const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect(daemon.port)))
    await Promise.all(clients.map((client) => client.write(Buffer.from('500100000000', 'hex'))))
    daemon.signal('SIGCONT', { group: true })
    await Promise.all(clients.map((client) => client.closed()))
    const rest = await daemon.waitFor(({ event }) => event === 'connections-closed')
    const of = (name: string): LogRecord[] => daemon.records.filter(({ event }) => event === name)
    const suppressed = (): number => of('connections-closed').reduce((sum, each) => sum + Number(each['suppressed']), 0)
    // Where they are read in more than one interval, each has five of its own.
    await daemon.waitFor(() => of('connection-closed').length + suppressed() >= count)
    const told = of('connection-closed')
    expect(told.length + suppressed()).toBe(count)
    expect(told.length).toBeLessThan(count / 2)
    expect(told[0]).toMatchObject({ level: 'info', reason: 'BAD_FRAME', class: 'protocol', bytesIn: 6 })
    expect(String(told[0]?.['detail'])).toContain('kind')
    expect(told[0]?.['peer']).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(rest).toMatchObject({ level: 'info', reason: 'BAD_FRAME', class: 'protocol' })
    expect(await daemon.stop()).toBe(0)
  })

  it('says nothing of those that ended well', async () => {
    await using daemon = await startDaemon(ONE)
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(2, 1, encodeBody({ uid: 'a', val: 'b' })))
    await client.nextFrame()
    client.halfClose()
    await client.closed()
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.filter(({ event }) => String(event).startsWith('connection'))).toEqual([])
  })
})
