/** Owns the proof that limits, deadlines, drain and close reasons hold for every codec alike, over real sockets. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, RawClient, randomChunks, startDaemon, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { LineClient } from './line-client.ts'
import { TlsFiles } from './tls-files.ts'

const SERVICE = new URL('../fixtures/limits.ts', import.meta.url).pathname
const NETSTRING = new URL('../../../../examples/codecs/netstring.ts', import.meta.url).pathname
const ROUTE_RELEASE = 10
const ONE = { SHARDWIRE_WORKERS: '1' }

interface CodecCase {
  /** Parameters of the address; with a route of its own. */
  listen(route: string): string
  /** One message. */
  ask(body: string, route?: string): string
  /** What comes back for it, from echo. */
  answer(body: string): string
  /** A message without its end; undefined where there is no such thing. */
  readonly cut?: string
  /** What comes before the FIN when something is wrong; an error's name, or nothing. */
  told(name: string): RegExp
}

const TOLD_NOTHING = /^$/
const told = (name: string): RegExp => new RegExp(`^\\{("uid":1,)?"error":\\{[^{}]*"name":"${name}"[^{}]*\\}\\}\\n$`)

const CODECS: Readonly<Record<string, CodecCase>> = {
  json: {
    listen: () => 'codec=json',
    ask: (body, route = 'echo') => JSON.stringify({ uid: 1, route, val: body }),
    answer: (body) => `{"uid":1,"val":${JSON.stringify(body)},"ts":"*"}\n`,
    cut: '{"uid":1,"val":"',
    told,
  },
  line: {
    listen: (route) => `codec=line&route=${route}`,
    ask: (body) => `${body}\n`,
    answer: (body) => `${body}\n`,
    cut: 'a line',
    told: () => TOLD_NOTHING,
  },
  raw: {
    listen: (route) => `codec=raw&route=${route}`,
    ask: (body) => body,
    answer: (body) => body,
    told: () => TOLD_NOTHING,
  },
  netstring: {
    listen: (route) => `codec=${encodeURIComponent(NETSTRING)}&route=${route}`,
    ask: (body) => `${Buffer.byteLength(body)}:${body},`,
    answer: (body) => `${Buffer.byteLength(body)}:${body},`,
    cut: '5:hel',
    told: () => TOLD_NOTHING,
  },
}

const starred = (text: string): string => text.replaceAll(/"ts":"\d{4}-[^"]+Z"/g, '"ts":"*"')

async function serve(codec: CodecCase, environment = {}, route = 'echo'): Promise<Daemon> {
  return await startDaemon({
    ...ONE,
    SHARDWIRE_LISTEN: `tcp://127.0.0.1:0?${codec.listen(route)}`,
    SHARDWIRE_SERVICE: SERVICE,
    ...environment,
  })
}

/** A daemon with a second listener, for frames, and a client there that can release the handlers of `later`. */
async function serveLater(codec: CodecCase): Promise<{ daemon: Daemon; releaser: RawClient }> {
  const listen = `tcp://127.0.0.1:0?${codec.listen('later')},tcp://127.0.0.1:0`
  const daemon = await serve(codec, { SHARDWIRE_LISTEN: listen })
  const releaser = await RawClient.connect(daemon.addresses[1]?.port ?? 0)
  await frames.settle(releaser)
  return { daemon, releaser }
}

async function closesOf(daemon: Daemon): Promise<unknown> {
  expect(await daemon.stop()).toBe(0)
  return (await daemon.waitFor(({ event }) => event === 'stopped'))['closes']
}

describe.each(Object.entries(CODECS))('%s', (name, codec) => {
  const bodies = ['x', 'hello', 'ü€😀', 'long '.repeat(5000), ...(name === 'raw' ? [] : [''])]
  const asked = bodies.map((body) => codec.ask(body)).join('')
  const answered = bodies.map((body) => codec.answer(body)).join('')

  /** Sends all, torn anywhere, ends, and gets all. */
  async function talk(client: LineClient): Promise<void> {
    await withSeed(`${name} talk`, async (random) => {
      await client.raw.writeChunks(randomChunks(Buffer.from(asked), random, 2000))
      expect(starred(await client.finish())).toBe(answered)
    })
  }

  it('is answered over TCP, however it is torn, to the last message before a FIN', async () => {
    await using daemon = await serve(codec)
    await using client = await LineClient.connect(daemon.port)
    await talk(client)
    expect(await closesOf(daemon)).toEqual({ PEER_ENDED: 1 })
  })

  it('is answered over TLS', async () => {
    await using files = await TlsFiles.create()
    const listen = `tls://127.0.0.1:0?${codec.listen('echo')}`
    await using daemon = await serve(codec, {
      ...files.environment,
      SHARDWIRE_LISTEN: listen,
      SHARDWIRE_SERVICE: SERVICE,
    })
    await using client = new LineClient(await RawClient.connectTls(daemon.port, files.trust))
    await talk(client)
    expect(await closesOf(daemon)).toEqual({ PEER_ENDED: 1 })
  })

  it('is answered over a Unix socket', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'shardwire-codec-')), 'wire.sock')
    await using daemon = await serve(codec, { SHARDWIRE_LISTEN: `unix:${path}?${codec.listen('echo')}` })
    await using client = new LineClient(await RawClient.connectPath(path))
    await talk(client)
    expect(await closesOf(daemon)).toEqual({ PEER_ENDED: 1 })
    await rm(join(path, '..'), { recursive: true })
  })

  it('a thousand messages in one write are answered in order', async () => {
    await using daemon = await serve(codec)
    await using client = await LineClient.connect(daemon.port)
    const many = Array.from({ length: 1000 }, (_, n) => `message ${n}`)
    await client.send(many.map((body) => codec.ask(body)).join(''))
    expect(starred(await client.finish())).toBe(many.map((body) => codec.answer(body)).join(''))
    expect(await closesOf(daemon)).toEqual({ PEER_ENDED: 1 })
  })

  it('is drained by a FIN, without a word', async () => {
    await using daemon = await serve(codec)
    await using client = await LineClient.connect(daemon.port)
    await client.send(codec.ask('x'))
    await client.raw.bytesReceived(codec.answer('x').length)
    daemon.signal('SIGTERM')
    expect(starred(await client.ended())).toBe(codec.answer('x'))
    expect((await daemon.exited).code).toBe(0)
    expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({ closes: { DRAINED: 1 }, forced: 0 })
  })

  it('a handler that runs when the drain begins has its answer sent first', async () => {
    const scene = await serveLater(codec)
    await using daemon = scene.daemon
    await using releaser = scene.releaser
    await using client = await LineClient.connect(daemon.port)
    await client.send(codec.ask('x', 'later'))
    await daemon.waitFor(({ msg }) => msg === 'later has begun')
    daemon.signal('SIGTERM')
    // GOAWAY: the drain has begun in that worker.
    await releaser.nextFrame()
    await releaser.sendFrames(frames.message(ROUTE_RELEASE, ''))
    expect(starred(await client.ended())).toBe(codec.answer('x'))
    expect((await daemon.exited).code).toBe(0)
    expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({
      answered: 1,
      closes: { DRAINED: 2 },
    })
  })

  it('a handler that runs when the client ends has its answer sent first', async () => {
    const scene = await serveLater(codec)
    await using daemon = scene.daemon
    await using releaser = scene.releaser
    await using client = await LineClient.connect(daemon.port)
    await client.send(codec.ask('x', 'later'))
    const all = client.finish()
    await daemon.waitFor(({ msg }) => msg === 'later has begun')
    await releaser.sendFrames(frames.message(ROUTE_RELEASE, ''))
    expect(starred(await all)).toBe(codec.answer('x'))
    releaser.destroy()
    expect(await closesOf(daemon)).toEqual({ PEER_ENDED: 2 })
  })

  it('who says nothing is ended by a FIN, without a word', async () => {
    await using daemon = await serve(codec, { SHARDWIRE_IDLE_TIMEOUT_MS: '60' })
    await using client = await LineClient.connect(daemon.port)
    expect(await client.ended()).toBe('')
    expect(await closesOf(daemon)).toEqual({ IDLE_TIMEOUT: 1 })
  })

  it('who is as old as may be is ended by a FIN, without a word', async () => {
    await using daemon = await serve(codec, { SHARDWIRE_MAX_CONNECTION_AGE_MS: '100' })
    await using client = await LineClient.connect(daemon.port)
    expect(await client.ended()).toBe('')
    expect(await closesOf(daemon)).toEqual({ MAX_AGE: 1 })
  })

  it('who does not read is cut off as a slow consumer', async () => {
    await using daemon = await serve(codec, {
      SHARDWIRE_MAX_FRAME_BYTES: '65536',
      SHARDWIRE_WRITE_BUFFER_BYTES: '65546',
      SHARDWIRE_SLOW_CONSUMER_MS: '100',
    })
    await using client = await LineClient.connect(daemon.port)
    client.raw.pause()
    const gone = client.raw.gone.then(() => true)
    const message = codec.ask('y'.repeat(50_000))
    for (let isGone = false; !isGone && !client.socket.destroyed;) {
      const taken = client.socket.write(message)
      const drained = new Promise<false>((resolve) => {
        if (taken) resolve(false)
        else client.socket.once('drain', () => resolve(false))
      })
      isGone = await Promise.race([gone, drained])
    }
    await client.raw.gone
    expect(await closesOf(daemon)).toEqual({ SLOW_CONSUMER: 1 })
  })

  it('who sends too many messages a second is told so, where that can be told, or closed', async () => {
    await using daemon = await serve(codec, { SHARDWIRE_MESSAGE_RATE: '3' })
    const startedMs = performance.now()
    await using client = await LineClient.connect(daemon.port)
    const answerBytes = codec.answer('x').replace('*', '2026-01-02T03:04:05.678Z').length
    let count = 0
    // Each by itself, so that they are as many to raw as well, until something else comes than an answer.
    for (; client.text.length === count * answerBytes; count++) {
      await client.send(codec.ask('x'))
      await client.raw.bytesReceived((count + 1) * answerBytes).catch(() => undefined)
    }
    const text = starred(name === 'json' ? await client.finish() : await client.ended())
    const served = count - 1
    expect(text.slice(0, served * codec.answer('x').length)).toBe(codec.answer('x').repeat(served))
    expect(text.slice(served * codec.answer('x').length)).toMatch(codec.told('RATE_LIMITED'))
    // Three at once, and what the rate gives in the time that it took.
    expect(served).toBeGreaterThanOrEqual(3)
    expect(served).toBeLessThanOrEqual(3 + 3 * ((performance.now() - startedMs) / 1000))
    expect(await closesOf(daemon)).toEqual({ [name === 'json' ? 'PEER_ENDED' : 'RATE_LIMITED']: 1 })
  })

  it('an error of a handler is told, where that can be told, or closes', async () => {
    await using daemon = await serve(codec, {}, 'picky')
    await using client = await LineClient.connect(daemon.port)
    await client.send(codec.ask('x', 'picky'))
    const text = name === 'json' ? await client.finish() : await client.ended()
    expect(text).toMatch(codec.told('BAD_REQUEST'))
    expect(await closesOf(daemon)).toEqual({ [name === 'json' ? 'PEER_ENDED' : 'ERROR_UNSPOKEN']: 1 })
  })

  it('who comes beyond the limit of connections is told so, where that can be told, or closed', async () => {
    await using daemon = await serve(codec, { SHARDWIRE_MAX_CONNECTIONS: '1' })
    await using first = await LineClient.connect(daemon.port)
    await first.send(codec.ask('x'))
    await first.raw.bytesReceived(codec.answer('x').length)
    await using second = await LineClient.connect(daemon.port)
    expect(await second.ended()).toMatch(codec.told('TOO_MANY_CONNECTIONS'))
    await first.finish()
    expect(await closesOf(daemon)).toEqual({ PEER_ENDED: 1 })
  })

  it('anything at all harms nobody else', async () => {
    await using daemon = await serve(codec)
    await using neighbour = await LineClient.connect(daemon.port)
    for (let round = 0; round < 20; round++) {
      await using client = await LineClient.connect(daemon.port)
      client.socket.write(randomBytes(5000))
      client.raw.halfClose()
      await client.raw.gone
    }
    await neighbour.send(codec.ask('still here'))
    expect(starred(await neighbour.finish())).toBe(codec.answer('still here'))
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.filter(({ event }) => event === 'internal-fault')).toEqual([])
  })

  const { cut } = codec
  if (cut === undefined) return
  describe('a message without an end', () => {
    it('is ended when it takes too long', async () => {
      await using daemon = await serve(codec, { SHARDWIRE_FRAME_TIMEOUT_MS: '60' })
      await using client = await LineClient.connect(daemon.port)
      await client.send(cut)
      expect(await client.ended()).toMatch(codec.told('TIMEOUT'))
      expect(await closesOf(daemon)).toEqual({ FRAME_TIMEOUT: 1 })
    })

    it('is ended when it is too large', async () => {
      await using daemon = await serve(codec, { SHARDWIRE_MAX_FRAME_BYTES: '2048' })
      await using client = await LineClient.connect(daemon.port)
      await client.send(codec.ask('z'.repeat(3000)))
      expect(await client.ended()).toMatch(codec.told('FRAME_TOO_LARGE'))
      expect(await closesOf(daemon)).toEqual({ FRAME_TOO_LARGE: 1 })
    })

    it('is cut by a FIN, unless what is there is a message', async () => {
      await using daemon = await serve(codec)
      await using client = await LineClient.connect(daemon.port)
      await client.send(cut)
      expect(await client.finish()).toBe(name === 'line' ? codec.answer('a line') : '')
      expect(await closesOf(daemon)).toEqual({ [name === 'line' ? 'PEER_ENDED' : 'TRUNCATED']: 1 })
    })
  })
})
