/** Owns the tests of the limits of the admin server, over real sockets. */
import { eventually, systemClock as clock } from '@shardwire/testkit'
import { once } from 'node:events'
import net from 'node:net'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { HTTP_LIMITS, type HttpLimits, HttpServer } from '../../src/admin/http-server.ts'
import { json, type Reply } from '../../src/admin/reply.ts'
import type { AdminRequest, AdminRoute } from '../../src/admin/router.ts'

const GET_ONE = 'GET /one HTTP/1.1\r\nHost: localhost\r\n\r\n'

interface Running extends AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly denied: string[]
}

async function start(
  handle: (request: AdminRequest) => Reply | Promise<Reply>,
  limits: Partial<HttpLimits> = {},
): Promise<Running> {
  const denied: string[] = []
  const routes: AdminRoute[] = [
    { method: 'GET', path: '/one', need: 'read', handle },
    { method: 'DELETE', path: '/things/:id', need: 'act', handle: ({ parameters }) => json(parameters) },
  ]
  const server = new HttpServer({
    clock,
    log: pino({ level: 'silent' }),
    settings: () => ({
      admin: { host: '127.0.0.1', port: 0 },
      adminToken: 'a-token-for-this-test',
      adminRead: 'auto',
      adminReadToken: null,
    }),
    limits: { ...HTTP_LIMITS, checkIntervalMs: 20, ...limits },
    routes,
    onDenied: (_, status, path) => denied.push(`${status} ${path}`),
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    denied,
    [Symbol.asyncDispose]: () => {
      server.close()
      return Promise.resolve()
    },
  }
}

describe('a request', () => {
  it('is answered, again and again on one connection', async () => {
    await using server = await start(() => json({ a: 1 }))
    for (let round = 0; round < 3; round++) {
      const response = await fetch(`${server.url}/one`)
      expect(await response.json()).toEqual({ a: 1 })
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    }
  })

  it('whose handler throws costs nothing but itself, and tells nothing', async () => {
    await using server = await start(() => Promise.reject(new Error('the secret of the handler')))
    const response = await fetch(`${server.url}/one`)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
    expect((await fetch(`${server.url}/none`)).status).toBe(404)
  })

  it('of a wrong path or method is told so', async () => {
    await using server = await start(() => json(1))
    expect((await fetch(`${server.url}/two`)).status).toBe(404)
    const wrong = await fetch(`${server.url}/one`, { method: 'POST', body: 'x' })
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET'])
    expect((await fetch(`${server.url}/one`, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${server.url}/things/%zz`, { method: 'DELETE' })).status).toBe(404)
  })

  it('that acts takes a token, and who has none is told of', async () => {
    await using server = await start(() => json(1))
    const act = async (authorization: string) => {
      return await fetch(`${server.url}/things/a%2Fb`, { method: 'DELETE', headers: { authorization } })
    }
    expect((await act('Bearer nonsense')).status).toBe(401)
    expect(server.denied).toEqual(['401 /things/:id'])
    expect(await (await act('Bearer a-token-for-this-test')).json()).toEqual({ id: 'a/b' })
  })
})

/** A client that says what it is told, and keeps what it gets. */
class Talker implements AsyncDisposable {
  readonly #socket: net.Socket
  readonly closed: Promise<unknown>
  text = ''

  constructor(port: number) {
    this.#socket = net.connect({ port, host: '127.0.0.1' })
    this.closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.on('error', () => undefined)
    this.#socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')))
  }

  static async connect(port: number): Promise<Talker> {
    const talker = new Talker(port)
    await once(talker.#socket, 'connect')
    return talker
  }

  say(text: string): void {
    this.#socket.write(text)
  }
  pause(): void {
    this.#socket.pause()
  }
  /** The first line that comes. */
  async answer(): Promise<string> {
    while (!this.text.includes('\r\n')) await once(this.#socket, 'data')
    return this.text.slice(0, this.text.indexOf('\r\n'))
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }
}

const noPlace = (): string => 'nobody else was let in'

describe('a limit', () => {
  it('of headers is 16 KB', async () => {
    await using server = await start(() => json(1))
    const headers = { 'x-much': 'x'.repeat(17_000) }
    expect((await fetch(`${server.url}/one`, { headers })).status).toBe(431)
    expect((await fetch(`${server.url}/one`)).status).toBe(200)
  })

  it('of connections takes the place of who asks nothing, the longest first, for who comes', async () => {
    await using server = await start(() => json(1), { connections: 2 })
    await using first = await Talker.connect(server.port)
    first.say(GET_ONE)
    expect(await first.answer()).toBe('HTTP/1.1 200 OK')
    await using silent = await Talker.connect(server.port)
    await using begun = await Talker.connect(server.port)
    await first.closed
    begun.say(GET_ONE.slice(0, -2))
    await using last = await Talker.connect(server.port)
    await silent.closed
    last.say(GET_ONE)
    expect(await last.answer()).toBe('HTTP/1.1 200 OK')
    begun.say('\r\n')
    expect(await begun.answer()).toBe('HTTP/1.1 200 OK')
  })

  it('of connections closes one more where all wait for answers, and takes the next when one has its', async () => {
    const { promise, resolve } = Promise.withResolvers<Reply>()
    let asked = 0
    await using server = await start(() => (asked++, promise), { connections: 2 })
    await using first = await Talker.connect(server.port)
    await using second = await Talker.connect(server.port)
    first.say(GET_ONE)
    second.say(GET_ONE)
    await eventually(
      () => asked === 2,
      () => 'they did not ask',
    )
    await using third = await Talker.connect(server.port)
    await third.closed
    expect(third.text).toBe('')
    resolve(json(1))
    expect(await first.answer()).toBe('HTTP/1.1 200 OK')
    // That it has its answer the server learns when it does.
    const answer = await eventually(async () => {
      await using next = await Talker.connect(server.port)
      next.say(GET_ONE)
      await Promise.race([next.closed, next.answer()])
      return next.text === '' ? undefined : next.text
    }, noPlace)
    expect(answer).toContain('HTTP/1.1 200')
  })

  it('of requests ends who sends more than are answered, and does no more for it', async () => {
    let asked = 0
    const { promise, resolve } = Promise.withResolvers<Reply>()
    await using server = await start(() => (asked++, promise), { requestsUnanswered: 3 })
    await using patient = await Talker.connect(server.port)
    patient.say(GET_ONE.repeat(3))
    await using greedy = await Talker.connect(server.port)
    greedy.say(GET_ONE.repeat(1000))
    await greedy.closed
    expect(asked).toBe(6)
    resolve(json(1))
    await eventually(
      () => patient.text.split('HTTP/1.1 200').length === 4,
      () => patient.text,
    )
    patient.say(GET_ONE.repeat(3))
    await eventually(
      () => patient.text.split('HTTP/1.1 200').length === 7,
      () => patient.text,
    )
  })

  it('of time ends who does not finish a request', async () => {
    await using server = await start(() => json(1), { requestMs: 100 })
    await using slow = await Talker.connect(server.port)
    slow.say(GET_ONE.slice(0, -2))
    await slow.closed
    expect(slow.text).toContain('HTTP/1.1 408')
  })

  it('of time ends who does not read the answer', async () => {
    await using server = await start(() => json('x'.repeat(64 * 1024 * 1024)), { requestMs: 100, connections: 1 })
    await using deaf = await Talker.connect(server.port)
    deaf.pause()
    deaf.say(GET_ONE)
    // Somebody else gets in only when it has been cut off.
    const status = await eventually(async () => {
      await using next = await Talker.connect(server.port)
      next.say(GET_ONE)
      await Promise.race([next.closed, next.answer()])
      return next.text === '' ? undefined : next.text.slice(0, 12)
    }, noPlace)
    expect(status).toBe('HTTP/1.1 200')
  })

  it('of bodies ends who sends one', async () => {
    await using server = await start(() => json(1))
    await using client = await Talker.connect(server.port)
    client.say('POST /one HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n')
    client.say('x'.repeat(100_000))
    await client.closed
  })
})
