import { encodeBody, KIND_ERROR, KIND_RESPONSE } from '@shardwire/protocol'
import { createServer, defineService, type Server, type ServerOptions, route, typed } from '@shardwire/server'
import { eventually, Latch, RawClient, type ReceivedFrame } from '@shardwire/testkit'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect as dial, createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as frames from '../e2e/frames.ts'
import { TlsFiles } from '../e2e/tls-files.ts'
import { bytes } from '../fixtures/tasks.ts'

const [ROUTE_DOUBLE, ROUTE_ECHO, ROUTE_WAIT, ROUTE_BYTES] = [1, 2, 3, 4]

/** What a service of one test keeps. */
interface Scene {
  readonly release: Latch<string>
  readonly waiting: Latch
  readonly seen: string[]
}

function scene(): Scene {
  return { release: new Latch<string>(), waiting: new Latch(), seen: [] }
}

function serviceOf({ release, waiting, seen }: Scene) {
  return defineService({
    name: 'embedded',
    routes: {
      double: route(ROUTE_DOUBLE, { body: typed<number>() }, ({ body }) => body * 2),
      echo: route(ROUTE_ECHO, { body: 'bytes' }, (request) => request.forward()),
      wait: route(ROUTE_WAIT, { body: 'none' }, async () => {
        waiting.open()
        return await release.promise
      }),
      bytes: route(ROUTE_BYTES, { body: 'bytes', offload: bytes }),
    },
    onStart: () => void seen.push('start'),
    onStop: () => void seen.push('stop'),
    onDisconnect: () => void seen.push('disconnect'),
  })
}

async function serve(options: ServerOptions = {}, on = scene()): Promise<Server> {
  return await createServer({ service: serviceOf(on), logLevel: 'silent', heartbeatMs: 0, ...options })
}

async function ask(client: RawClient, route_: number, id: number, body: Uint8Array | string): Promise<ReceivedFrame> {
  await client.sendFrames(frames.request(route_, id, body))
  return await client.nextFrame()
}

/** The error that a client finds at the door. */
async function refusal(port: number): Promise<string> {
  await using client = await RawClient.connect(port)
  const frame = await client.nextFrame().catch(() => undefined)
  return frame === undefined ? 'closed' : frames.errorOf(frame).name
}

describe.each([{ transport: 'auto' }, { transport: 'socket', debugViews: true }] as const)('a server with %j', (by) => {
  it('serves on a free port, over real sockets', async () => {
    await using server = await serve(by)
    await using client = await RawClient.connect(server.port)
    expect(server.addresses).toEqual([
      { url: `tcp://127.0.0.1:${server.port}`, scheme: 'tcp', host: '127.0.0.1', port: server.port, path: undefined },
    ])
    expect(frames.value(await ask(client, ROUTE_DOUBLE, 1, encodeBody(21)))).toBe(42)
    const large = new Uint8Array(900_000).map((_, index) => index * 3)
    expect(Buffer.compare((await ask(client, ROUTE_ECHO, 2, large)).body, large)).toBe(0)
    expect(frames.text(await ask(client, ROUTE_BYTES, 3, 'to a thread and back'))).toBe('to a thread and back')
    expect((await frames.greetServer(client).catch(() => undefined))?.shard ?? 0).toBe(0)
  })

  it('ends when what is in flight is answered, with its hooks, and lets nobody in meanwhile', async () => {
    const on = scene()
    const server = await serve(by, on)
    await using client = await RawClient.connect(server.port)
    await client.sendFrames(frames.request(ROUTE_WAIT, 1, ''))
    await on.waiting.promise
    const [first, second] = [server.close(), server.close()]
    expect((await client.nextFrame()).kind).toBe(7)
    await expect(RawClient.connect(server.port)).rejects.toThrow('ECONNREFUSED')
    on.release.open('late')
    expect(frames.value(await client.nextFrame())).toBe('late')
    client.destroy()
    await Promise.all([first, second, server.close()])
    expect(on.seen).toEqual(['start', 'disconnect', 'stop'])
  })

  it('cuts what is still busy at drainTimeoutMs', async () => {
    const on = scene()
    const server = await serve({ ...by, drainTimeoutMs: 50 }, on)
    await using client = await RawClient.connect(server.port)
    await client.sendFrames(frames.request(ROUTE_WAIT, 1, ''))
    await on.waiting.promise
    await server.close()
    expect((await client.gone).how).toBe('reset')
  })

  it('has limits of its own: connections in all and of an address, whom it denies, the size of frames', async () => {
    {
      await using server = await serve({ ...by, maxConnections: 1 })
      await using first = await RawClient.connect(server.port)
      await ask(first, ROUTE_DOUBLE, 1, encodeBody(1))
      expect(await refusal(server.port)).toBe('TOO_MANY_CONNECTIONS')
      first.destroy()
      // Its place is free as soon as its end has been seen.
      await eventually(
        async () => {
          await using next = await RawClient.connect(server.port)
          await next.sendFrames(frames.request(ROUTE_DOUBLE, 1, encodeBody(1)))
          return (await next.nextFrame()).kind === KIND_RESPONSE
        },
        () => 'nobody is let in any more',
      )
    }
    {
      await using server = await serve({ ...by, maxConnectionsPerIp: 1 })
      await using first = await RawClient.connect(server.port)
      await ask(first, ROUTE_DOUBLE, 1, encodeBody(1))
      expect(await refusal(server.port)).toBe('TOO_MANY_CONNECTIONS')
    }
    {
      await using server = await serve({ ...by, deny: '127.0.0.0/8' })
      expect(await refusal(server.port)).toBe('PERMISSION_DENIED')
    }
    await using server = await serve({ ...by, maxFrameBytes: 1024, writeBufferBytes: 4096 })
    await using client = await RawClient.connect(server.port)
    expect(frames.errorOf(await ask(client, ROUTE_ECHO, 1, 'x'.repeat(2000))).name).toBe('FRAME_TOO_LARGE')
  })
})

describe('addresses', () => {
  it('are as many as wanted: TCP, TLS with its files, and a Unix socket', async () => {
    await using files = await TlsFiles.create()
    const directory = mkdtempSync(join(tmpdir(), 'shardwire-embed-'))
    try {
      const path = join(directory, 's')
      await using server = await serve({
        listen: ['tcp://127.0.0.1:0', 'tls://127.0.0.1:0', `unix:${path}`],
        tlsCert: files.path('cert.pem'),
        tlsKey: files.path('key.pem'),
      })
      expect(server.addresses.map(({ scheme }) => scheme)).toEqual(['tcp', 'tls', 'unix'])
      expect(server.addresses[2]).toEqual({
        url: `unix:${path}`,
        scheme: 'unix',
        host: undefined,
        port: undefined,
        path,
      })
      expect(readdirSync(directory)).toEqual(['s'])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('may be of another codec, beside frames', async () => {
    await using server = await serve({ listen: ['tcp://127.0.0.1:0', 'tcp://127.0.0.1:0?codec=json'] })
    const [, json] = server.addresses
    const socket = dial(json?.port ?? 0, '127.0.0.1').setEncoding('utf8')
    socket.end('{"uid":1,"route":"double","val":4}{"uid":2,"route":"bytes","val":"by a thread"}')
    let received = ''
    for await (const text of socket) received += String(text)
    const answers = received.trim().split('\n')
    expect(answers.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { uid: 1, val: 8 },
      { uid: 2, val: 'by a thread' },
    ])
  })

  it('one that is taken is an error that names it, and leaves nothing behind', async () => {
    const taken = createNetServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const on = scene()
    await expect(serve({ listen: `tcp://127.0.0.1:${port}` }, on)).rejects.toThrow(`127.0.0.1:${port}`)
    expect(on.seen).toEqual(['start', 'stop'])
    taken.close()
  })
})

describe('options', () => {
  it.each([[undefined], [''], [[]]])('listen %j is one that is not set: a free port', async (listen) => {
    await using server = await serve({ listen })
    expect(server.addresses.map(({ url, port }) => [url, port === 7400])).toEqual([
      [expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:\d+$/), false],
    ])
  })

  it('are those of the table, in camelCase, and what is wrong is said all at once in these names', async () => {
    const wrong = { maxInFlight: 0, nodelay: 'yes', heartbeatMs: 60_000, idleTimeoutMs: 30_000 }
    const error: unknown = await serve(wrong as unknown as ServerOptions).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TypeError)
    const { message } = error as Error
    expect(message).toContain('3 problems with the configuration')
    expect(message).toContain('maxInFlight is "0"')
    expect(message).toContain('nodelay is "yes"')
    expect(message).toContain('heartbeatMs is 60000 and idleTimeoutMs is 30000')
    expect(message).toContain('example:  maxInFlight: 64')
    expect(message).not.toContain('SHARDWIRE_')
  })

  it('are numbers and switches where they mean such, and what is wrong of whatever kind is said together', async () => {
    const refused = async (options: object): Promise<string> => await serve(options).then(String, String)
    const types = await refused({ maxInFlight: '64', nodelay: 'true' })
    expect(types).toContain('2 problems with the configuration')
    expect(types).toContain('maxInFlight is "64", of type string\n  expected: a number\n  example:  maxInFlight: 64')
    expect(types).toContain('nodelay is "true", of type string\n  expected: true or false')
    expect(await refused({ maxInFlight: 'x' })).toContain('1 problem with')
    const many = await refused({ maxInFlight: -1, workers: 3, foo: 1, maxInFligh: 1, listen: 'tcp://127.0.0.1:99999' })
    expect(many).toContain('maxInFlight is "-1"')
    expect(many).toContain('workers is about processes of the daemon')
    expect(many).toContain('there is no option foo')
    expect(many).toContain('there is no option maxInFligh; did you mean maxInFlight?')
    expect(many).toContain('99999')
  })

  it('are what a taken port is explained with', async () => {
    await using first = await serve()
    const taken = serve({ listen: `tcp://127.0.0.1:${first.port}` })
    await expect(taken).rejects.toThrow(
      /the port is in use by this process itself\. Set listen to another port \(port 0/,
    )
  })

  it('that there are none of, or that only the daemon has, are refused', async () => {
    const refused = async (options: object): Promise<string> => await serve(options).then(String, String)
    expect(await refused({ maxInFlght: 1 })).toContain('there is no option maxInFlght; did you mean maxInFlight?')
    expect(await refused({ workers: 4 })).toContain('workers is about processes of the daemon')
    expect(await createServer({ service: {} as never }).then(String, String)).toContain('service: expected what define')
  })

  it('come from nowhere else: variables of the environment are not read', async () => {
    process.env['SHARDWIRE_MAX_IN_FLIGHT'] = 'nonsense'
    try {
      await using server = await serve()
      expect(server.port).toBeGreaterThan(0)
    } finally {
      delete process.env['SHARDWIRE_MAX_IN_FLIGHT']
    }
  })
})

describe('a process', () => {
  it('has room for several servers, each with its own service and limits', async () => {
    const other = defineService({ name: 'other', routes: { triple: route(1, ({ body }) => Number(body) * 3) } })
    await using one = await serve()
    await using two = await createServer({ service: other, logLevel: 'silent', maxInFlight: 1 })
    const clients = await Promise.all([one, two].map(({ port }) => RawClient.connect(port)))
    const answers = await Promise.all(clients.map((client) => ask(client, 1, 1, encodeBody(5))))
    expect(answers.map((frame) => frames.value(frame))).toEqual([10, 15])
    for (const client of clients) client.destroy()
  })

  it('keeps nothing of a server that was closed: no file, no timer, no thread', async () => {
    const round = async (): Promise<void> => {
      await using server = await serve({ maxConnectionsPerIp: 100, drainTimeoutMs: 200 })
      await using client = await RawClient.connect(server.port)
      expect((await ask(client, ROUTE_BYTES, 1, 'x')).kind).toBe(KIND_RESPONSE)
      expect((await ask(client, 99, 1, 'x')).kind).toBe(KIND_ERROR)
    }
    const open = (): { files: number; timers: number } => ({
      files: readdirSync('/proc/self/fd').length,
      timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    })
    await round()
    const before = open()
    for (let rounds = 0; rounds < 5; rounds++) await round()
    await eventually(
      () => open().files <= before.files && open().timers <= before.timers,
      () => `${JSON.stringify(open())} after, ${JSON.stringify(before)} before`,
    )
  })

  it('hears of a service that does not start', async () => {
    const service = defineService({
      name: 'broken',
      routes: {},
      onStart: () => {
        throw new Error('no database')
      },
    })
    await expect(createServer({ service, logLevel: 'silent' })).rejects.toThrow('no database')
  })
})

describe('codecs', () => {
  it('are spoken as by the daemon, and a route that is not there is told', async () => {
    await using server = await serve({ listen: 'tcp://127.0.0.1:0?codec=json' })
    await using client = await RawClient.connect(server.port)
    await client.write(Buffer.from('{"uid":1,"route":"double","val":21}'))
    client.halfClose()
    await client.closed()
    expect(Buffer.from(client.bytes).toString()).toMatch(/^\{"uid":1,"val":42,"ts":"[^"]+"\}\n$/)
    await expect(serve({ listen: 'tcp://127.0.0.1:0?codec=line&route=nope' })).rejects.toThrow(
      'needs a route nope, which the service embedded does not have',
    )
    await expect(serve({ listen: 'tcp://127.0.0.1:0?codec=./nope.ts' })).rejects.toThrow('codec=./nope.ts')
  })
})
