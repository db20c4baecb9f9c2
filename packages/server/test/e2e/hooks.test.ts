/** Owns the tests of a service with hooks, pushes and questions of its own, in the real daemon over real sockets. */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { encodeBody, encodeHello, KIND_MESSAGE, KIND_REQUEST, KIND_RESPONSE, OPCODE_WELCOME } from '@shardwire/protocol'
import { type Daemon, type LogRecord, RawClient, startDaemon } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { TlsFiles } from './tls-files.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/hooked.ts', import.meta.url))
const ONE = { SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' }
const CHUNK_BYTES = 65_536

async function start(environment: Readonly<Record<string, string>> = {}): Promise<Daemon> {
  return await startDaemon({ ...ONE, ...environment })
}

/** Says HELLO, and takes WELCOME and what onConnect pushes. */
async function enter(client: RawClient, token: string): Promise<void> {
  await client.write(encodeHello({ protocol: 1, token }))
  const [welcome, pushed] = await client.frames(2)
  expect([welcome?.route, pushed?.kind]).toEqual([OPCODE_WELCOME, KIND_MESSAGE])
}

function isEvent(event: string, fields: LogRecord = {}): (record: LogRecord) => boolean {
  return (record) => record['event'] === event && Object.entries(fields).every(([key, value]) => record[key] === value)
}

describe('a service with hooks', () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await start()
  })
  afterAll(async () => {
    expect(await daemon.stop()).toBe(0)
  })

  it('lets in by the token, keeps what it was told of who came, and hears of the end', async () => {
    await using client = await RawClient.connect(daemon.port)
    await enter(client, 'ali')
    await client.sendFrames(frames.request(2, 1, encodeBody(null)))
    expect(frames.value(await client.nextFrame())).toBe('ali')
    await client.sendFrames(frames.request(7, 2, ''))
    const agreed = { protocol: 1, isAuthenticated: true, maxFrameBytes: 1_048_576 }
    expect(frames.value(await client.nextFrame())).toMatchObject(agreed)
    client.halfClose()
    await client.closed()
    await daemon.waitFor(isEvent('test-left', { reason: 'PEER_ENDED', open: false }))
  })

  it('reads nothing behind HELLO before it has decided', async () => {
    await using client = await RawClient.connect(daemon.port)
    const hello = encodeHello({ protocol: 1, token: 'ali' })
    await client.write(Buffer.concat([hello, Buffer.from('000100000001', 'hex')]))
    await client.sendFrames()
    const [welcome, pushed] = await client.frames(2)
    expect([welcome?.route, frames.value(pushed as never)]).toEqual([OPCODE_WELCOME, expect.stringMatching(/^hello /)])
    // The rest of the cut frame.
    await client.write(Buffer.from('7811f5c494', 'hex'))
    expect(frames.text(await client.nextFrame())).toBe('x')
  })

  it.each([
    ['no HELLO first', () => frames.request(1, 9, 'x'), 'UNAUTHENTICATED'],
    ['a PING and no HELLO', () => frames.message(1, 'x'), 'UNAUTHENTICATED'],
  ])('%s is UNAUTHENTICATED, and a close', async (_, frame, name) => {
    await using client = await RawClient.connect(daemon.port)
    await frames.settle(client)
    await client.sendFrames(frame())
    expect(frames.errorOf(await client.nextFrame()).name).toBe(name)
    expect((await client.closed()).how).toBe('end')
  })

  it.each([
    ['expired', 'UNAUTHENTICATED', 'this token has expired'],
    ['refused', 'OVERLOADED', 'the room is full'],
    ['failed', 'HANDLER_FAILED', 'onConnect of the service failed'],
  ])('the token %s is told %s', async (token, name, text) => {
    await using client = await RawClient.connect(daemon.port)
    await client.write(encodeHello({ protocol: 1, token }))
    let frame = await client.nextFrame()
    if (frame.route === OPCODE_WELCOME) frame = await client.nextFrame()
    expect(frames.errorOf(frame)).toMatchObject({ name, message: text })
    expect((await client.closed()).how).toBe('end')
  })

  it('asks the client that asks it, with the same ids both ways, and answers with what it says', async () => {
    await using client = await RawClient.connect(daemon.port)
    await enter(client, 'ali')
    await client.sendFrames(frames.request(3, 1, encodeBody('one')), frames.request(3, 2, encodeBody('two')))
    const asked = await client.frames(2)
    expect(asked.map(({ kind, route, id }) => [kind, route, id])).toEqual([
      [KIND_REQUEST, 40, 1],
      [KIND_REQUEST, 40, 2],
    ])
    for (const question of asked.toReversed()) {
      const body = encodeBody(`${String(frames.value(question))}!`)
      await client.sendFrames({ kind: KIND_RESPONSE, route: 40, id: question.id, body })
    }
    const answers = await client.frames(2)
    expect(answers.map((answer) => [answer.id, frames.value(answer)])).toEqual([
      [2, 'two!'],
      [1, 'one!'],
    ])
  })

  it('sends 20 MB in chunks to one who reads slowly, whole and in order', async () => {
    const count = 320
    await using client = await RawClient.connect(daemon.port)
    await enter(client, 'ali')
    client.pause()
    await client.sendFrames(frames.request(4, 1, encodeBody(count)))
    // What the kernel takes is all that leaves until it reads.
    await using other = await RawClient.connect(daemon.port)
    await enter(other, 'bob')
    client.resume()
    const hash = createHash('sha256')
    for (let chunk = 0; chunk < count; chunk++) hash.update((await client.nextFrame()).body)
    const expected = createHash('sha256')
    for (let chunk = 0; chunk < count; chunk++) expected.update(new Uint8Array(CHUNK_BYTES).fill(chunk))
    expect(hash.digest('hex')).toBe(expected.digest('hex'))
    expect(frames.value(await client.nextFrame())).toBe('done')
  })

  it('that floods one who does not read loses that connection, and its other clients nothing', async () => {
    await using slow = await RawClient.connect(daemon.port)
    await using quick = await RawClient.connect(daemon.port)
    await enter(slow, 'slow one')
    await enter(quick, 'quick one')
    slow.pause()
    await slow.sendFrames(frames.message(5, encodeBody(1000)))
    await daemon.waitFor(isEvent('test-left', { reason: 'SLOW_CONSUMER' }))
    await quick.sendFrames(frames.request(1, 1, 'still here'))
    expect(frames.text(await quick.nextFrame())).toBe('still here')
  })

  it('reaches everybody in the room, from the handler of one', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(daemon.port)))
    for (const client of clients) await enter(client, 'member')
    await clients[0]?.sendFrames(frames.message(6, encodeBody('hear me')))
    for (const client of clients) expect(frames.value(await client.nextFrame())).toBe('hear me')
    for (const client of clients) await client[Symbol.asyncDispose]()
  })
})

describe('a caller who says nothing, or whose token takes too long', () => {
  it.each(['', 'slow'])('is told TIMEOUT when the handshake’s time is over (%s)', async (token) => {
    await using daemon = await start({ SHARDWIRE_HANDSHAKE_TIMEOUT_MS: '150' })
    await using client = await RawClient.connect(daemon.port)
    if (token !== '') await client.write(encodeHello({ protocol: 1, token }))
    expect(frames.errorOf(await client.nextFrame()).name).toBe('TIMEOUT')
    expect((await client.closed()).how).toBe('end')
    expect(await daemon.stop()).toBe(0)
  })
})

describe('hooks and TLS', () => {
  it('come behind the handshake, and work as without', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await start({ ...files.environment, SHARDWIRE_SERVICE: SERVICE })
    await using client = await RawClient.connectTls(daemon.port, files.trust)
    await enter(client, 'ali')
    await client.sendFrames(frames.request(4, 1, encodeBody(40)))
    const chunks = await client.frames(40)
    expect(chunks.every(({ body }, index) => body.every((byte) => byte === index))).toBe(true)
    expect(frames.value(await client.nextFrame())).toBe('done')
    await using stranger = await RawClient.connectTls(daemon.port, files.trust)
    await stranger.write(encodeHello({ protocol: 1, token: 'expired' }))
    expect(frames.errorOf(await stranger.nextFrame()).message).toBe('this token has expired')
    expect(await daemon.stop()).toBe(0)
  })
})

describe('the beginning and the end of a worker', () => {
  it('are there for each that a reload replaces', async () => {
    await using daemon = await start()
    await using client = await RawClient.connect(daemon.port)
    await enter(client, 'ali')
    daemon.signal('SIGHUP')
    await daemon.waitFor(isEvent('test-left', { reason: 'DRAINED' }))
    await daemon.waitFor(isEvent('test-stopped'))
    await using next = await RawClient.connect(daemon.port)
    await enter(next, 'bea')
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.filter(isEvent('test-started')).length).toBe(2)
    expect(daemon.records.filter(isEvent('test-stopped')).length).toBe(2)
  })

  it('run the service’s hooks in every worker, and the last words are waited for', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '2' })
    const started = daemon.records.filter(isEvent('test-started')).map(({ shard }) => shard)
    expect(new Set(started)).toEqual(new Set([0, 1]))
    await using client = await RawClient.connect(daemon.port)
    await enter(client, 'ali')
    expect(await daemon.stop()).toBe(0)
    const names = daemon.records.map(({ event }) => event)
    expect(names.filter((name) => name === 'test-stopped').length).toBe(2)
    expect(names.indexOf('test-left')).toBeLessThan(names.lastIndexOf('test-stopped'))
    expect(daemon.records.find(isEvent('test-left'))).toMatchObject({ reason: 'DRAINED' })
  })

  it('an onStart that fails stops the start, with its reason', async () => {
    process.env['TEST_HOOKS'] = 'start fails'
    try {
      const why =
        /SHARDWIRE_SERVICE=\S+: onStart of the service failed: the database is not there \(file:\S+hooked.ts:\d+:\d+\)/
      await expect(start()).rejects.toThrow(why)
    } finally {
      delete process.env['TEST_HOOKS']
    }
  })

  it('an onStop that hangs is told, and holds up nothing but its time', async () => {
    process.env['TEST_HOOKS'] = 'stop hangs'
    try {
      await using daemon = await start({ SHARDWIRE_DRAIN_TIMEOUT_MS: '200' })
      expect(await daemon.stop()).toBe(0)
      expect(daemon.records.find(isEvent('hook-failed'))).toMatchObject({ hook: 'onStop' })
    } finally {
      delete process.env['TEST_HOOKS']
    }
  })
})
