/** Rules of connecting: dial and HELLO under one deadline and one signal. */
import { encodeWelcome, KIND_CONTROL, OPCODE_HELLO, parseHello, UNAUTHENTICATED } from '@shardwire/protocol'
import { FakeClock, mustCall, ScriptedPeer, silent } from '@shardwire/testkit'
import type { PeerConnection } from '@shardwire/testkit'
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { ClientError, connect, ShardwireError, systemClock } from '../src/index.ts'
import type { CloseInfo } from '../src/index.ts'
import { completeOptions } from '../src/options.ts'
import { errorFrame, openBench, rejectionOf, WELCOME, welcoming } from './support.ts'

const HOST = '127.0.0.1'

describe('connect', () => {
  it('says HELLO and gives the WELCOME', async () => {
    await using bench = await openBench({ hello: { name: 'tester', version: '9', token: 't' } }, welcoming())
    const hello = await bench.peer.nextFrame()
    expect([hello.kind, hello.route]).toEqual([KIND_CONTROL, OPCODE_HELLO])
    expect(parseHello(hello.body, 0, hello.body.length)).toEqual({
      protocol: 1,
      name: 'tester',
      version: '9',
      token: 't',
    })
    expect(bench.connection.welcome).toEqual(WELCOME)
    expect(bench.connection.isOpen).toBe(true)
    expect(bench.clock.pendingTimers).toBe(0)
  })

  it('says nothing with hello false', async () => {
    await using bench = await openBench({ hello: false })
    void bench.connection.close()
    await bench.server.closed()
    expect(bench.server.bytes).toHaveLength(0)
    expect(bench.connection.welcome).toBeUndefined()
  })

  it('keeps to the smaller of both limits', async () => {
    await using bench = await openBench({ hello: {} }, welcoming(silent, { ...WELCOME, maxFrameBytes: 100 }))
    const tooLarge = bench.connection.request(1, new Uint8Array(100))
    await expect(tooLarge).rejects.toMatchObject({ code: 'FRAME_TOO_LARGE', message: expect.stringContaining('100') })
  })

  it('runs on the clock of the system unless it is given one', async () => {
    await using peer = await ScriptedPeer.listen(welcoming())
    const beforeMs = systemClock.nowMs()
    const connection = await connect({ host: HOST, port: peer.port })
    expect(connection.welcome).toEqual(WELCOME)
    connection.destroy()
    expect(systemClock.nowMs()).toBeGreaterThan(beforeMs)
    expect(completeOptions({ host: HOST, port: 1 }).clock).toBe(systemClock)
  })
})

describe('a failed connect', () => {
  it('names phase and target when nobody listens', async () => {
    const peer = await ScriptedPeer.listen()
    const { port } = peer
    await peer[Symbol.asyncDispose]()
    const error = await rejectionOf(connect({ host: HOST, port }))
    expect(error).toBeInstanceOf(ClientError)
    expect(error).toMatchObject({
      code: 'CONNECT_FAILED',
      phase: 'connect',
      target: `${HOST}:${port}`,
      message: expect.stringMatching(
        /^connection to 127.0.0.1:\d+: connect failed \(ECONNREFUSED\); connect \d+\.\d ms$/,
      ),
    })
  })

  it('names the phase when the name cannot be resolved', async () => {
    const error = await rejectionOf(
      connect({
        host: 'nowhere.invalid',
        port: 1,
        lookup: (_host, _options, done) => {
          done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), '')
        },
      }),
    )
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', phase: 'resolve' })
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /^connection to nowhere.invalid:1: resolve failed \(ENOTFOUND\); resolve \d+\.\d ms$/,
      ),
    })
  })

  it('has one deadline, also while the name is resolved', async () => {
    const clock = new FakeClock()
    const lookup = mustCall('lookup')
    const connecting = rejectionOf(
      connect({ host: 'slow.invalid', port: 1, clock, timeoutMs: 700, lookup: lookup.call }),
    )
    await lookup.reached(1)
    clock.advance(700)
    expect(await connecting).toMatchObject({
      code: 'CONNECT_TIMEOUT',
      phase: 'resolve',
      phases: [{ phase: 'resolve', tookMs: 700 }],
      message: 'connection to slow.invalid:1: resolve not done within 700 ms; resolve 700.0 ms',
    })
    expect(clock.pendingTimers).toBe(0)
  })

  it('has one deadline, also while WELCOME is waited for', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    const clock = new FakeClock()
    const closes = mustCall<[CloseInfo]>('onClose', 0)
    const connecting = rejectionOf(connect({ host: HOST, port: peer.port, clock, onClose: closes.call }))
    await peer.nextFrame()
    clock.advance(5000)
    expect(await connecting).toMatchObject({ code: 'CONNECT_TIMEOUT', phase: 'hello' })
    expect(clock.pendingTimers).toBe(0)
    expect(await (await peer.nextConnection()).closed()).toMatchObject({ how: 'end' })
    closes.verify()
  })

  it('is aborted by its signal before, during and after the dial', async () => {
    await using peer = await ScriptedPeer.listen(silent)
    const target = { host: HOST, port: peer.port }
    expect(await rejectionOf(connect({ ...target, signal: AbortSignal.abort('no') }))).toMatchObject({
      code: 'ABORTED',
      cause: 'no',
    })
    const dialling = new AbortController()
    const early = rejectionOf(connect({ ...target, signal: dialling.signal }))
    dialling.abort('early')
    expect(await early).toMatchObject({ code: 'ABORTED', phase: 'connect', cause: 'early' })
    const greeting = new AbortController()
    const late = rejectionOf(connect({ ...target, signal: greeting.signal }))
    await peer.nextFrame()
    greeting.abort('late')
    expect(await late).toMatchObject({ code: 'ABORTED', phase: 'hello', cause: 'late' })
    for (const { signal } of [dialling, greeting]) expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('no longer listens to its signal once connected', async () => {
    const controller = new AbortController()
    await using bench = await openBench({ signal: controller.signal, hello: {} }, welcoming())
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    controller.abort()
    expect(bench.connection.isOpen).toBe(true)
  })

  it('rejects with what the server answers instead of WELCOME', async () => {
    await using peer = await ScriptedPeer.listen(async (_frame, connection) => {
      await connection.sendFrames(errorFrame(0, 0, UNAUTHENTICATED, 'who are you?'))
      connection.halfClose()
    })
    const errors = mustCall<[ShardwireError, number]>('onError', 0)
    const error = await rejectionOf(connect({ host: HOST, port: peer.port, onError: errors.call }))
    expect(error).toBeInstanceOf(ShardwireError)
    expect(error).toMatchObject({ name: 'UNAUTHENTICATED', message: 'who are you?' })
    errors.verify()
  })

  it.each<[string, string, (server: PeerConnection) => void]>([
    ['a FIN', 'CONNECTION_LOST', (server) => server.halfClose()],
    ['a reset', 'CONNECTION_LOST', (server) => server.reset()],
    ['garbage', 'PROTOCOL_VIOLATION', (server) => void server.write(Buffer.from('HTTP/1.1 400 Bad\r\n\r\n'))],
    [
      'another protocol',
      'PROTOCOL_VIOLATION',
      (server) => void server.write(encodeWelcome({ ...WELCOME, protocol: 2 })),
    ],
  ])('rejects when %s comes instead of WELCOME', async (_name, code, act) => {
    await using peer = await ScriptedPeer.listen((_frame, connection) => {
      act(connection)
    })
    const error = await rejectionOf(connect({ host: HOST, port: peer.port, clock: new FakeClock() }))
    expect(error).toMatchObject({ code })
  })

  it('refuses bad options by rejecting', async () => {
    await expect(connect({ host: HOST, port: 0 })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
