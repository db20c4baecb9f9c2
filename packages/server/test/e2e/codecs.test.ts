/** Owns the proof that limits, deadlines, drain and close reasons hold for every codec alike, over real sockets. */
import { randomBytes } from 'node:crypto'
import { type Daemon, type LogRecord, RawClient, randomChunks, startDaemon, withSeed } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

/** A daemon with a configuration of its own. */
async function serve(codec: CodecCase, environment = {}): Promise<Daemon> {
  return await startDaemon({
    ...ONE,
    SHARDWIRE_LISTEN: `tcp://127.0.0.1:0?${codec.listen('echo')}`,
    SHARDWIRE_SERVICE: SERVICE,
    ...environment,
  })
}

/** A client that can release the handlers of `later`. */
async function releaserAt(port: number): Promise<RawClient> {
  const releaser = await RawClient.connect(port)
  await frames.settle(releaser)
  return releaser
}

/** One daemon with listeners of a codec, for all that can be asked without another configuration. */
class SharedDaemon {
  readonly daemon: Daemon
  readonly files: TlsFiles
  /** Of the Unix socket. */
  readonly path: string
  /** By what is served there. */
  readonly ports: Readonly<Record<'echo' | 'tls' | 'picky' | 'idle' | 'small' | 'later' | 'frames', number>>

  private constructor(daemon: Daemon, files: TlsFiles, path: string) {
    this.daemon = daemon
    this.files = files
    this.path = path
    const [echo = 0, tls = 0, picky = 0, idle = 0, small = 0, later = 0, own = 0] = daemon.addresses.map(
      ({ port }) => port,
    )
    this.ports = { echo, tls, picky, idle, small, later, frames: own }
  }

  static async start(codec: CodecCase): Promise<SharedDaemon> {
    const files = await TlsFiles.create()
    const path = files.path('wire.sock')
    const listen = [
      `tcp://127.0.0.1:0?${codec.listen('echo')}`,
      `tls://127.0.0.1:0?${codec.listen('echo')}`,
      `tcp://127.0.0.1:0?${codec.listen('picky')}`,
      `tcp://127.0.0.1:0?${codec.listen('echo')}&idle-timeout-ms=60`,
      `tcp://127.0.0.1:0?${codec.listen('echo')}&max-frame-bytes=2048`,
      `tcp://127.0.0.1:0?${codec.listen('later')}`,
      'tcp://127.0.0.1:0',
      `unix:${path}?${codec.listen('echo')}`,
    ]
    const settings = { SHARDWIRE_LISTEN: listen.join(), SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_LOG_LEVEL: 'debug' }
    const daemon = await startDaemon({ ...ONE, ...files.environment, ...settings })
    return new SharedDaemon(daemon, files, path)
  }

  /** Connects to one of its ports. `reason` is why the connection was closed, once it is. */
  async connect(port: number): Promise<{ client: LineClient; reason: () => Promise<unknown> }> {
    const client = await LineClient.connect(port)
    const peer = `127.0.0.1:${client.socket.localPort}`
    return { client, reason: () => this.reason((its) => its === peer) }
  }

  async reason(isPeer: (peer: string) => boolean): Promise<unknown> {
    const isOne = ({ event, peer }: LogRecord): boolean => event === 'connection-closed' && isPeer(String(peer))
    return (await this.daemon.waitFor(isOne))['reason']
  }

  async stop(): Promise<void> {
    expect(await this.daemon.stop()).toBe(0)
    expect(this.daemon.records.filter(({ event }) => event === 'internal-fault')).toEqual([])
    await this.daemon[Symbol.asyncDispose]()
    await this.files[Symbol.asyncDispose]()
  }
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

  let shared: SharedDaemon
  beforeAll(async () => {
    shared = await SharedDaemon.start(codec)
  })
  afterAll(async () => {
    await shared.stop()
  })

  it('is answered over TCP, however it is torn, to the last message before a FIN', async () => {
    const { client, reason } = await shared.connect(shared.ports.echo)
    await using _ = client
    await talk(client)
    expect(await reason()).toBe('PEER_ENDED')
  })

  it('is answered over TLS', async () => {
    await using client = new LineClient(await RawClient.connectTls(shared.ports.tls, shared.files.trust))
    const peer = `127.0.0.1:${client.socket.localPort}`
    await talk(client)
    expect(await shared.reason((its) => its === peer)).toBe('PEER_ENDED')
  })

  it('is answered over a Unix socket', async () => {
    await using client = new LineClient(await RawClient.connectPath(shared.path))
    await talk(client)
    expect(await shared.reason((peer) => !peer.startsWith('127.'))).toBe('PEER_ENDED')
  })

  it('a thousand messages in one write are answered in order', async () => {
    const { client, reason } = await shared.connect(shared.ports.echo)
    await using _ = client
    const many = Array.from({ length: 1000 }, (_each, n) => `message ${n}`)
    await client.send(many.map((body) => codec.ask(body)).join(''))
    expect(starred(await client.finish())).toBe(many.map((body) => codec.answer(body)).join(''))
    expect(await reason()).toBe('PEER_ENDED')
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
    const listen = `tcp://127.0.0.1:0?${codec.listen('later')},tcp://127.0.0.1:0`
    await using daemon = await serve(codec, { SHARDWIRE_LISTEN: listen })
    await using client = await LineClient.connect(daemon.port)
    await using releaser = await releaserAt(daemon.addresses[1]?.port ?? 0)
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
    const { client, reason } = await shared.connect(shared.ports.later)
    await using _ = client
    await using releaser = await releaserAt(shared.ports.frames)
    await client.send(codec.ask('x', 'later'))
    const all = client.finish()
    await shared.daemon.waitFor(({ msg }) => msg === 'later has begun')
    await releaser.sendFrames(frames.message(ROUTE_RELEASE, ''))
    expect(starred(await all)).toBe(codec.answer('x'))
    expect(await reason()).toBe('PEER_ENDED')
  })

  it('who says nothing is ended by a FIN, without a word', async () => {
    const { client, reason } = await shared.connect(shared.ports.idle)
    await using _ = client
    expect(await client.ended()).toBe('')
    expect(await reason()).toBe('IDLE_TIMEOUT')
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
    const { client, reason } = await shared.connect(shared.ports.picky)
    await using _ = client
    await client.send(codec.ask('x', 'picky'))
    const text = name === 'json' ? await client.finish() : await client.ended()
    expect(text).toMatch(codec.told('BAD_REQUEST'))
    expect(await reason()).toBe(name === 'json' ? 'PEER_ENDED' : 'ERROR_UNSPOKEN')
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
    await using neighbour = await LineClient.connect(shared.ports.echo)
    for (let round = 0; round < 20; round++) {
      await using client = await LineClient.connect(shared.ports.echo)
      client.socket.write(randomBytes(5000))
      client.raw.halfClose()
      await client.raw.gone
    }
    await neighbour.send(codec.ask('still here'))
    expect(starred(await neighbour.finish())).toBe(codec.answer('still here'))
    expect(shared.daemon.records.filter(({ event }) => event === 'internal-fault')).toEqual([])
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
      const { client, reason } = await shared.connect(shared.ports.small)
      await using _ = client
      await client.send(codec.ask('z'.repeat(3000)))
      expect(await client.ended()).toMatch(codec.told('FRAME_TOO_LARGE'))
      expect(await reason()).toBe('FRAME_TOO_LARGE')
    })

    it('is cut by a FIN, unless what is there is a message', async () => {
      const { client, reason } = await shared.connect(shared.ports.echo)
      await using _ = client
      await client.send(cut)
      expect(await client.finish()).toBe(name === 'line' ? codec.answer('a line') : '')
      expect(await reason()).toBe(name === 'line' ? 'PEER_ENDED' : 'TRUNCATED')
    })
  })
})
