/** Owns the end-to-end tests of the PROXY protocol: from a trusted proxy's first byte to what a handler is told. */
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeFrame } from '@shardwire/protocol'
import { type Daemon, eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { header1, header2 } from '../worker/proxy-headers.ts'
import * as frames from './frames.ts'
import { TlsFiles } from './tls-files.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/client-address.ts', import.meta.url))
const TRUSTING = {
  SHARDWIRE_SERVICE: SERVICE,
  SHARDWIRE_PROXY_PROTOCOL: 'any',
  SHARDWIRE_PROXY_TRUSTED: '127.0.0.0/8',
}
const MODES = ['handoff', 'reuseport'] as const
const ASK = encodeFrame(frames.request(1, 1, ''))

async function refusals(daemon: Daemon): Promise<unknown> {
  expect(await daemon.stop()).toBe(0)
  return (await daemon.waitFor(({ event }) => event === 'stopped'))['refusals']
}

async function connect(daemon: Daemon, ...chunks: readonly Uint8Array[]): Promise<RawClient> {
  const client = await RawClient.connect(daemon.port)
  await client.writeChunks(chunks)
  return client
}

describe.each(MODES)('a header of a trusted proxy, by %s', (accept) => {
  it.each([
    ['version 1', header1('TCP4 192.0.2.7 10.0.0.1 4711 7400'), { address: '192.0.2.7', port: 4711 }],
    ['version 1, IPv6', header1('TCP6 2001:db8::7 ::1 4711 7400'), { address: '2001:db8::7', port: 4711 }],
    ['version 2', header2('192.0.2.7', 4711), { address: '192.0.2.7', port: 4711 }],
    ['version 2, IPv6 with TLVs', header2('2001:db8::7', 4711, 300), { address: '2001:db8::7', port: 4711 }],
  ])('of %s says who the client is, however it is cut', async (_, header, client) => {
    await using daemon = await startDaemon({ ...TRUSTING, SHARDWIRE_ACCEPT: accept })
    const whole = Buffer.concat([header, ASK])
    const cuts = [0, 1, 11, 12, 15, 16, header.length - 1, header.length, header.length + 3]
    for (const cut of cuts) {
      await using proxied = await connect(daemon, whole.subarray(0, cut), whole.subarray(cut))
      expect(frames.value(await proxied.nextFrame())).toEqual(client)
    }
    await using bytewise = await connect(daemon, ...Array.from(whole, (byte) => Uint8Array.of(byte)))
    expect(frames.value(await bytewise.nextFrame())).toEqual(client)
    bytewise.destroy()
    expect(await refusals(daemon)).toEqual({})
  })

  it('that speaks for the proxy itself leaves its own address', async () => {
    await using daemon = await startDaemon({ ...TRUSTING, SHARDWIRE_ACCEPT: accept })
    for (const header of [header1('UNKNOWN'), header2(undefined, 0)]) {
      await using client = await connect(daemon, header, ASK)
      expect(frames.value(await client.nextFrame())).toMatchObject({ address: '127.0.0.1' })
    }
    expect(await refusals(daemon)).toEqual({})
  })

  it('that is none is closed without a word, and counted', async () => {
    await using daemon = await startDaemon({ ...TRUSTING, SHARDWIRE_ACCEPT: accept, SHARDWIRE_PROXY_PROTOCOL: 'v2' })
    for (const bytes of [ASK, header1('TCP4 192.0.2.7 10.0.0.1 1 2'), Buffer.from('GET / HTTP/1.1\r\n\r\n')]) {
      await using client = await connect(daemon, bytes)
      await client.closed()
      expect(client.bytes).toHaveLength(0)
    }
    const record = await daemon.waitFor(({ event }) => event === 'bad-proxy-header')
    expect(record['msg']).toContain('does not begin with a PROXY header of v2')
    expect(await refusals(daemon)).toEqual({ BAD_PROXY_HEADER: 3 })
  })

  it('that does not come, or not to its end, is not waited for', async () => {
    const settings = { ...TRUSTING, SHARDWIRE_ACCEPT: accept, SHARDWIRE_HANDSHAKE_TIMEOUT_MS: '200' }
    await using daemon = await startDaemon(settings)
    // What each does is there when the daemon first sees it, however long it took them.
    daemon.signal('SIGSTOP', { group: true })
    await using silent = await connect(daemon)
    await using cut = await connect(daemon, header2('192.0.2.7', 1).subarray(0, 20))
    await using gone = await connect(daemon, header2('192.0.2.7', 1).subarray(0, 20))
    gone.halfClose()
    daemon.signal('SIGCONT', { group: true })
    await Promise.all([silent.closed(), cut.closed(), gone.closed()])
    expect(await refusals(daemon)).toEqual({ PROXY_TIMEOUT: 2, PEER_GONE: 1 })
  })

  it('is what limits and lists go by, not the address of the proxy', async () => {
    const limits = { SHARDWIRE_MAX_CONNECTIONS_PER_IP: '1', SHARDWIRE_DENY: '198.51.100.0/24' }
    await using daemon = await startDaemon({ ...TRUSTING, ...limits, SHARDWIRE_ACCEPT: accept })
    const [a, b] = [header2('192.0.2.1', 1), header2('192.0.2.2', 1)]
    await using first = await connect(daemon, a, ASK)
    await using second = await connect(daemon, b, ASK)
    for (const client of [first, second]) expect((await client.nextFrame()).kind).toBe(2)
    await using third = await connect(daemon, a)
    expect(frames.errorOf(await third.nextFrame()).name).toBe('TOO_MANY_CONNECTIONS')
    await using denied = await connect(daemon, header2('198.51.100.9', 1), ASK)
    expect(frames.errorOf(await denied.nextFrame())).toMatchObject({ name: 'PERMISSION_DENIED', retryable: false })
    expect((await denied.closed()).how).toBe('end')
    first.destroy()
    // As soon as its worker has noticed, there is room for another of this address.
    await eventually(
      async () => {
        await using again = await connect(daemon, a, ASK)
        return (await again.nextFrame()).kind === 2
      },
      () => 'the address stays full',
    )
    second.destroy()
    expect(await refusals(daemon)).toMatchObject({ DENIED: 1 })
  })
})

describe.each(MODES)('a proxy that connects by a Unix socket, by %s', (accept) => {
  it('is trusted where the list has unix:, and limits go by the client it speaks for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-proxy-'))
    const path = join(folder, 'socket')
    const settings = { ...TRUSTING, SHARDWIRE_PROXY_TRUSTED: 'unix:', SHARDWIRE_DENY: '198.51.100.0/24' }
    const listen = `tcp://127.0.0.1:0,unix:${path}`
    await using daemon = await startDaemon({ ...settings, SHARDWIRE_LISTEN: listen, SHARDWIRE_ACCEPT: accept })
    await using plain = await connect(daemon, ASK)
    expect(frames.value(await plain.nextFrame())).toMatchObject({ address: '127.0.0.1' })
    await using proxied = await RawClient.connectPath(path)
    await proxied.writeChunks([header2('192.0.2.7', 4711), ASK])
    expect(frames.value(await proxied.nextFrame())).toEqual({ address: '192.0.2.7', port: 4711 })
    await using denied = await RawClient.connectPath(path)
    await denied.writeChunks([header1('TCP4 198.51.100.9 10.0.0.1 1 2'), ASK])
    expect(frames.errorOf(await denied.nextFrame()).name).toBe('PERMISSION_DENIED')
    await using silent = await RawClient.connectPath(path)
    await silent.writeChunks([ASK])
    await silent.closed()
    for (const client of [plain, proxied]) client.destroy()
    expect(await refusals(daemon)).toEqual({ DENIED: 1, BAD_PROXY_HEADER: 1 })
    await rm(folder, { recursive: true })
  })

  it('is a client like others where it has not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-proxy-'))
    const path = join(folder, 'socket')
    const listen = `tcp://127.0.0.1:0,unix:${path}`
    await using daemon = await startDaemon({ ...TRUSTING, SHARDWIRE_LISTEN: listen, SHARDWIRE_ACCEPT: accept })
    await using client = await RawClient.connectPath(path)
    await client.writeChunks([ASK])
    expect((await client.nextFrame()).kind).toBe(2)
    client.destroy()
    expect(await refusals(daemon)).toEqual({})
    await rm(folder, { recursive: true })
  })
})

describe('who is not trusted', () => {
  it('is served as itself, without a header; with one it is a client that sends nonsense', async () => {
    await using daemon = await startDaemon({ ...TRUSTING, SHARDWIRE_PROXY_TRUSTED: '10.0.0.0/8' })
    await using plain = await connect(daemon, ASK)
    expect(frames.value(await plain.nextFrame())).toMatchObject({ address: '127.0.0.1' })
    await using liar = await connect(daemon, header2('192.0.2.7', 1), ASK)
    expect(frames.errorOf(await liar.nextFrame()).name).toMatch(/BAD|TOO_LARGE/)
    plain.destroy()
    expect(await refusals(daemon)).toEqual({})
  })
})

describe.each(MODES)('before TLS, by %s', (accept) => {
  it('the header comes first, then the handshake, in one segment or two', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await startDaemon({ ...files.environment, ...TRUSTING, SHARDWIRE_ACCEPT: accept })
    for (const header of [header2('192.0.2.7', 4711, 40), header1('TCP4 192.0.2.7 10.0.0.1 4711 1')]) {
      for (const cork of [true, false]) {
        const socket = net.connect({ port: daemon.port, host: '127.0.0.1' })
        if (cork) socket.cork()
        socket.write(header)
        if (cork) socket.once('connect', () => setImmediate(() => socket.uncork()))
        await using client = await RawClient.connectTls(daemon.port, { ...files.trust, socket })
        await client.write(ASK)
        expect(frames.value(await client.nextFrame())).toEqual({ address: '192.0.2.7', port: 4711 })
      }
    }
    await using wrong = await connect(daemon, ASK)
    await wrong.closed()
    expect(await refusals(daemon)).toEqual({ BAD_PROXY_HEADER: 1 })
  })
})
