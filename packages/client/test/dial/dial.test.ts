/** Rules of the way to a connected socket, over real ones. */
import { BlackHole, eventually, FakeClock, mustCall, ScriptedPeer, silent } from '@shardwire/testkit'
import { execFileSync, spawnSync } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { connect } from '../../src/index.ts'
import type { AddressFamily, Connection, ConnectionOptions, Resolver } from '../../src/index.ts'
import { rejectionOf, welcoming } from '../support.ts'

/** iproute2's look at the timers of the kernel's sockets. */
const hasSs = spawnSync('ss', ['-V']).status === 0

/** A resolver that knows what it is told. */
function resolverOf(addresses: { readonly [Family in AddressFamily]?: readonly string[] }): Resolver & {
  readonly forgotten: string[]
} {
  const forgotten: string[] = []
  return {
    forgotten,
    resolve: async (_host, family) => addresses[family] ?? [],
    forget: (host) => forgotten.push(host),
  }
}

async function withConnection<T>(
  options: ConnectionOptions & { readonly host: string; readonly port: number },
  use: (connection: Connection) => T,
): Promise<T> {
  const connection = await connect({ heartbeatMs: 0, hello: false, ...options })
  try {
    return use(connection)
  } finally {
    connection.destroy()
    await connection.closed
  }
}

describe('several addresses', () => {
  it('are raced: a black hole costs 250 ms, and not the connection', async () => {
    await using hole = await BlackHole.open('127.0.0.2')
    const server = net.createServer((socket) => socket.resume())
    server.listen(hole.port, '127.0.0.1')
    await once(server, 'listening')
    const clock = new FakeClock()
    const sockets: Socket[] = []
    const resolver = resolverOf({ 4: ['127.0.0.2', '127.0.0.1'] })
    const connecting = withConnection(
      { host: 'two.test', port: hole.port, resolver, clock, onSocket: (socket) => sockets.push(socket) },
      (connection) => connection.dialed,
    )
    await eventually(
      () => clock.pendingTimers === 2,
      () => 'no attempt was begun',
    )
    clock.advance(250)
    expect(await connecting).toMatchObject({ address: `127.0.0.1:${hole.port}`, tries: [] })
    expect(sockets).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
    expect(resolver.forgotten).toEqual([])
    server.close()
    await once(server, 'close')
  })

  it('that all fail are all named, with what each said, and are looked up anew the next time', async () => {
    const peer = await ScriptedPeer.listen()
    const { port } = peer
    await peer[Symbol.asyncDispose]()
    const resolver = resolverOf({ 4: ['127.0.0.1', '127.0.0.2'] })
    const error = await rejectionOf(connect({ host: 'two.test', port, resolver }))
    expect(error).toMatchObject({
      code: 'CONNECT_FAILED',
      phase: 'connect',
      phases: [{ phase: 'resolve' }, { phase: 'connect' }],
      tries: [
        { address: '127.0.0.1', error: { code: 'ECONNREFUSED' } },
        { address: '127.0.0.2', error: { code: 'ECONNREFUSED' } },
      ],
      message: expect.stringMatching(
        /^connection to two\.test:\d+: connect failed \(ECONNREFUSED\); resolve \d+\.\d ms, connect \d+\.\d ms$/,
      ),
    })
    expect(resolver.forgotten).toEqual(['two.test'])
  })

  it('are not tried beyond the deadline, and none is left connecting', async () => {
    await using hole = await BlackHole.open()
    const clock = new FakeClock()
    const resolver = resolverOf({ 4: ['127.0.0.1'] })
    const connecting = rejectionOf(connect({ host: 'hole.test', port: hole.port, resolver, clock, timeoutMs: 2000 }))
    await eventually(
      () => clock.pendingTimers === 2,
      () => 'no attempt was begun',
    )
    clock.advance(2000)
    expect(await connecting).toMatchObject({
      code: 'CONNECT_TIMEOUT',
      phase: 'connect',
      phases: [
        { phase: 'resolve', tookMs: 0 },
        { phase: 'connect', tookMs: 2000 },
      ],
      message: expect.stringMatching(/: connect not done within 2000 ms; resolve 0\.0 ms, connect 2000\.0 ms$/),
    })
    expect(clock.pendingTimers).toBe(0)
    expect(resolver.forgotten).toEqual(['hole.test'])
  })
})

describe('an abort', () => {
  it.each(['resolve', 'connect', 'hello'])('during %s ends it and leaves nothing', async (phase) => {
    await using hole = await BlackHole.open()
    await using peer = await ScriptedPeer.listen(silent)
    const clock = new FakeClock()
    const controller = new AbortController()
    const asked = mustCall<[AbortSignal | undefined]>('resolve', 2)
    const resolver: Resolver = {
      resolve: async (_host, family, signal) => {
        asked.call(signal)
        if (phase === 'resolve') return await Promise.withResolvers<readonly string[]>().promise
        return family === 4 ? ['127.0.0.1'] : []
      },
    }
    const port = phase === 'connect' ? hole.port : peer.port
    const connecting = rejectionOf(connect({ host: 'h.test', port, resolver, clock, signal: controller.signal }))
    const [signal] = await asked.reached(2)
    if (phase === 'hello') await peer.nextFrame()
    if (phase === 'connect') {
      await eventually(
        () => clock.pendingTimers === 2,
        () => 'no attempt was begun',
      )
    }
    controller.abort('enough')
    expect(await connecting).toMatchObject({ code: 'ABORTED', phase, cause: 'enough' })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    // Who has answered is not told.
    expect(signal?.aborted).toBe(phase === 'resolve')
    expect(clock.pendingTimers).toBe(0)
    asked.verify()
    if (phase === 'hello') expect(await (await peer.nextConnection()).closed()).toMatchObject({ how: 'end' })
  })
})

describe('an abort out of onSocket', () => {
  it.each([
    ['at once', true, (abort: () => void) => abort()],
    ['a moment later', true, (abort: () => void) => queueMicrotask(abort)],
    ['at once, without HELLO', false, (abort: () => void) => abort()],
  ])('%s leaves no connection that nobody has', async (_when, says, when) => {
    await using peer = await ScriptedPeer.listen(silent)
    const clock = new FakeClock()
    const controller = new AbortController()
    const closes = mustCall<unknown[]>('onClose', 0)
    const connecting = connect({
      ...{ host: '127.0.0.1', port: peer.port, clock, signal: controller.signal, onClose: closes.call },
      ...(says ? {} : { hello: false }),
      onSocket: () => when(() => controller.abort('enough')),
    })
    expect(await rejectionOf(connecting)).toMatchObject({ code: 'ABORTED', cause: 'enough' })
    expect((await (await peer.nextConnection()).closed()).how).not.toBe('reset')
    expect(clock.pendingTimers).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    closes.verify()
  })
})

describe('a socket', () => {
  it('is given to onSocket once, connected, before anything is sent', async () => {
    await using peer = await ScriptedPeer.listen(welcoming())
    const seen: unknown[] = []
    const connection = await connect({
      ...{ host: '127.0.0.1', port: peer.port },
      onSocket: (socket) => seen.push([socket.connecting, socket.bytesWritten, socket.remotePort]),
    })
    expect(seen).toEqual([[false, 0, peer.port]])
    expect(connection.dialed).toMatchObject({
      address: `127.0.0.1:${peer.port}`,
      phases: [{ phase: 'connect' }, { phase: 'hello' }],
      tls: undefined,
    })
    connection.destroy()
  })

  it('whose onSocket throws is closed, and that is the error', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    const error = await rejectionOf(
      connect({
        ...{ host: '127.0.0.1', port: peer.port },
        onSocket: () => {
          throw new Error('no such option')
        },
      }),
    )
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', cause: { message: 'no such option' } })
    expect((await (await peer.nextConnection()).closed()).how).not.toBe('reset')
  })

  it('comes from the local address, and only addresses of its family are looked for', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    const families: number[] = []
    const resolver: Resolver = {
      resolve: async (_host, family) => {
        families.push(family)
        return ['127.0.0.1']
      },
    }
    await withConnection(
      { host: 'h.test', port: peer.port, resolver, localAddress: '127.0.0.3' },
      (connection) => connection.target,
    )
    expect((await peer.nextConnection()).socket.remoteAddress).toBe('127.0.0.3')
    expect(families).toEqual([4])
  })

  it('may be a Unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'shardwire-dial-'))
    const path = join(directory, 's')
    const server = net.createServer((socket) => socket.end())
    server.listen(path)
    await once(server, 'listening')
    const connection = await connect({ path, hello: false })
    expect([connection.target, connection.dialed.address]).toEqual([path, path])
    expect(await connection.closed).toMatchObject({ end: 'ended' })
    server.close()
    await once(server, 'close')
    expect(await rejectionOf(connect({ path }))).toMatchObject({
      code: 'CONNECT_FAILED',
      phase: 'connect',
      message: expect.stringMatching(/^connection to .*\/s: connect failed \(ENOENT\); connect/),
    })
    rmSync(directory, { recursive: true })
  })

  it.skipIf(!hasSs)('has keepalive as the options say, as the kernel sees it', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    const target = { host: '127.0.0.1', port: peer.port }
    const seen = async (keepAliveMs: number): Promise<string> =>
      await withConnection({ ...target, keepAliveMs }, () =>
        execFileSync('ss', ['-tnoeH', 'state', 'established', `dport = :${peer.port}`], { encoding: 'utf8' }),
      )
    const left = Number(/timer:\(keepalive,(\d+)sec,/.exec(await seen(50_000))?.[1])
    expect(left).toBeGreaterThan(30)
    expect(left).toBeLessThanOrEqual(50)
    expect(await seen(0)).not.toContain('keepalive')
  })
})

describe('options of dialling', () => {
  it.each([
    [{ localAddress: 'localhost' }, 'localAddress: expected an IPv4 or IPv6 address of this machine, got "localhost"'],
    [{ localPort: 0 }, 'localPort: expected an integer from 1 to 65535, got 0'],
    [{ attemptDelayMs: 0 }, 'attemptDelayMs: expected an integer from 1 to 2147483647, got 0'],
    [{ lookup: () => undefined, resolver: resolverOf({}) }, 'expected a resolver or a lookup; got both'],
    [{ tls: { ca: 'x', caFile: 'y' } }, 'tls: expected ca or caFile, got both'],
    [{ tls: { certFile: 'x' } }, 'tls: a certificate was given without its key'],
    [{ tls: { key: 'x' } }, 'tls: a key was given without cert'],
    [{ tls: { spiffeId: 'spiffe://A/b' } }, 'tls.spiffeId: expected spiffe://trust-domain/path'],
  ])('%j is refused', async (options, message) => {
    const error = await rejectionOf(connect({ host: 'h', port: 1, ...(options as ConnectionOptions) }))
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(message) })
  })

  it('a path and a host contradict each other', async () => {
    const both = { path: '/p', host: 'h' } as unknown as { readonly path: string }
    expect(await rejectionOf(connect(both))).toMatchObject({
      message: 'expected a host and a port, or a path; got both',
    })
    expect(await rejectionOf(connect({ path: '' }))).toMatchObject({ code: 'INVALID_OPTION' })
  })
})
