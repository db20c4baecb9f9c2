import { once } from 'node:events'
import { connect } from 'node:net'
import { encodeFrame } from '@shardwire/protocol'
import { type Daemon, type LogRecord, RawClient, startDaemon, TestAuthority, withinLimit } from '@shardwire/testkit'
import { connect as connectTls, type SecureVersion } from 'node:tls'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { TlsFiles } from './tls-files.ts'

const DEVICE = 'spiffe://example.org/ns/prod/sa/device'

async function closesOf(daemon: Daemon): Promise<unknown> {
  expect(await daemon.stop()).toBe(0)
  const { closes } = await daemon.waitFor(({ event }) => event === 'stopped')
  return closes
}

/** The first that was closed so: where several workers tell of several connections, their order is anybody's. */
async function closedAs(daemon: Daemon, reason: string, detail: string): Promise<LogRecord> {
  return await daemon.waitFor((record) => {
    return record['event'] === 'connection-closed' && record['reason'] === reason && record['detail'] === detail
  })
}

async function echo(client: RawClient, text: string): Promise<string> {
  await client.sendFrames(frames.message(1, text))
  return frames.text(await client.nextFrame())
}

async function ask(client: RawClient, route: number): Promise<unknown> {
  await client.sendFrames(frames.request(route, 1, ''))
  return frames.value(await client.nextFrame())
}

describe.each<SecureVersion>(['TLSv1.2', 'TLSv1.3'])('over %s', (version) => {
  it('frames are answered, the handler knows the protocol, and each side may end first', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await startDaemon(files.environment)
    const options = { ...files.trust, minVersion: version, maxVersion: version }
    await using client = await RawClient.connectTls(daemon.port, options)
    expect(await echo(client, 'over tls')).toBe('over tls')
    expect(await ask(client, 2)).toEqual({ protocol: version, resumed: false, authorized: false })
    // Half of it ends: what was asked before is still answered.
    const asked = frames.request(2, 2, '')
    await client.sendFrames(asked)
    client.halfClose()
    expect((await client.nextFrame()).id).toBe(2)
    expect(await client.closed()).toMatchObject({ how: 'end' })
    await using second = await RawClient.connectTls(daemon.port, options)
    await second.write(Buffer.from('not a frame at all'))
    expect(frames.errorOf(await second.nextFrame()).name).toBe('BAD_FRAME')
    expect(await second.closed()).toMatchObject({ how: 'end' })
    expect(await closesOf(daemon)).toEqual({ PEER_ENDED: 1, BAD_FRAME: 1 })
  })

  it('large bodies come back whole', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await startDaemon(files.environment)
    const options = { ...files.trust, minVersion: version, maxVersion: version }
    await using client = await RawClient.connectTls(daemon.port, options)
    const body = new Uint8Array(1_000_000).fill(7)
    for (let round = 0; round < 3; round++) {
      await client.sendFrames(frames.message(1, body))
      expect((await client.nextFrame()).body).toEqual(body)
    }
  })
})

it('an older TLS is refused, and so is what is no TLS', async () => {
  await using files = await TlsFiles.create()
  await using daemon = await startDaemon({ ...files.environment, SHARDWIRE_LOG_LEVEL: 'debug' })
  const old = { ...files.trust, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  await expect(RawClient.connectTls(daemon.port, old)).rejects.toThrow(/alert protocol version/)
  await using plain = await RawClient.connect(daemon.port)
  await plain.write(encodeFrame(frames.message(1, 'no tls')))
  await plain.closed()
  expect(await closedAs(daemon, 'HANDSHAKE_FAILED', 'unsupported protocol')).toMatchObject({ class: 'protocol' })
  expect(await closesOf(daemon)).toEqual({ HANDSHAKE_FAILED: 2 })
})

it('a handshake that is not done in time is closed, whether nothing came of it or half', async () => {
  await using files = await TlsFiles.create()
  await using daemon = await startDaemon({ ...files.environment, SHARDWIRE_HANDSHAKE_TIMEOUT_MS: '300' })
  // What each does is there when the daemon first sees it, however long it took them.
  daemon.signal('SIGSTOP', { group: true })
  await using silent = await RawClient.connect(daemon.port)
  await using slow = await RawClient.connect(daemon.port)
  // The beginning of a ClientHello of 512 bytes.
  await slow.write(Buffer.from('1603010200', 'hex'))
  await using leaves = await RawClient.connect(daemon.port)
  await leaves.write(Buffer.from('1603010200', 'hex'))
  leaves.halfClose()
  await using visits = await RawClient.connect(daemon.port)
  visits.halfClose()
  daemon.signal('SIGCONT', { group: true })
  for (const client of [leaves, visits, silent, slow]) await client.closed()
  expect(await closesOf(daemon)).toEqual({ HANDSHAKE_TIMEOUT: 2, HANDSHAKE_ABANDONED: 2 })
})

it('handshakes beyond SHARDWIRE_MAX_HANDSHAKES wait for their turn, which nobody can hold for long', async () => {
  await using files = await TlsFiles.create()
  const limits = { SHARDWIRE_MAX_HANDSHAKES: '1', SHARDWIRE_WORKERS: '1', SHARDWIRE_HANDSHAKE_TIMEOUT_MS: '5000' }
  await using daemon = await startDaemon({ ...files.environment, ...limits })
  // It has the only turn, and does nothing with it.
  await using stuck = await RawClient.connect(daemon.port)
  await stuck.write(Buffer.from('1603010200', 'hex'))
  // Silent ones take no turn.
  await using silent = await RawClient.connect(daemon.port)
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connectTls(daemon.port, files.trust)))
  for (const client of clients) {
    expect(await echo(client, 'served')).toBe('served')
    client.destroy()
  }
  await Promise.all([stuck.closed(), silent.closed()])
  expect(await closesOf(daemon)).toMatchObject({ HANDSHAKE_TIMEOUT: 2 })
})

it('a handshake that is under way when the daemon stops is finished and told GOAWAY', async () => {
  await using files = await TlsFiles.create()
  await using daemon = await startDaemon({ ...files.environment, SHARDWIRE_WORKERS: '1' })
  const raw = connect({ port: daemon.port, host: '127.0.0.1' })
  await once(raw, 'connect')
  await using other = await RawClient.connectTls(daemon.port, files.trust)
  expect(await echo(other, 'x')).toBe('x')
  const stopped = daemon.stop()
  expect((await other.nextFrame()).kind).toBe(7)
  const secure = connectTls({ ...files.trust, socket: raw })
  await withinLimit(once(secure, 'secureConnect'), () => 'no handshake while draining')
  const [goaway] = (await withinLimit(once(secure, 'data'), () => 'no GOAWAY')) as [Buffer]
  expect(goaway.length).toBeGreaterThan(10)
  secure.destroy()
  other.destroy()
  expect(await stopped).toBe(0)
})

describe('client certificates', () => {
  it('that are required: who shows a valid one is served and known, who shows none is told and closed', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await startDaemon(files.askingFor('require'))
    await using known = await RawClient.connectTls(daemon.port, await files.client({ uris: [DEVICE] }))
    const peer = await ask(known, 2)
    expect(peer).toMatchObject({ authorized: true, spiffeId: DEVICE, subject: 'CN=client' })
    expect(peer).toHaveProperty('fingerprint', expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/))
    await using unknown = await RawClient.connectTls(daemon.port, files.trust)
    const error = frames.errorOf(await unknown.nextFrame())
    expect(error.name).toBe('UNAUTHENTICATED')
    expect(error.message).toBe('a client certificate is required, and none was shown')
    expect(await unknown.closed()).toMatchObject({ how: 'end' })
    expect(await closedAs(daemon, 'PEER_NOT_ALLOWED', error.message)).toMatchObject({ level: 'info' })
    known.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it('of another authority, or expired, are refused also where certificates are only requested', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await startDaemon(files.askingFor('request'))
    const other = await files.client({}, await TestAuthority.create('Other CA'))
    const expired = await files.client({ validToMs: performance.timeOrigin - 1000 })
    const reasons = ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERT_HAS_EXPIRED']
    for (const [index, options] of [other, expired].entries()) {
      await using client = await RawClient.connectTls(daemon.port, options)
      // What it sends meanwhile reaches no handler.
      await client.sendFrames(frames.request(2, 1, ''))
      const error = frames.errorOf(await client.nextFrame())
      expect(error.message).toBe(`the client certificate is not valid: ${reasons[index] ?? ''}`)
      await client.closed()
    }
    await using without = await RawClient.connectTls(daemon.port, files.trust)
    expect(await ask(without, 2)).toMatchObject({ authorized: false })
    without.destroy()
    expect(await closesOf(daemon)).toMatchObject({ PEER_NOT_ALLOWED: 2 })
  })

  it('must have a SPIFFE ID that a pattern allows, and one only', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await startDaemon(files.askingFor('require', 'spiffe://example.org/ns/*/sa/device'))
    await using device = await RawClient.connectTls(daemon.port, await files.client({ uris: [DEVICE] }))
    expect(await ask(device, 2)).toMatchObject({ spiffeId: DEVICE })
    const others = ['example.org/ns/prod/sa/admin', 'example.org/ns/a/b/sa/device', 'other.org/ns/prod/sa/device']
    const refused: readonly [readonly string[], string][] = [
      ...others.map((other): [string[], string] => {
        return [[`spiffe://${other}`], `spiffe://${other} is not among those that are allowed`]
      }),
      [[DEVICE, 'spiffe://example.org/ns/b/sa/device'], 'the client certificate has no SPIFFE ID'],
      [['https://example.org/ns/prod/sa/device'], 'the client certificate has no SPIFFE ID'],
      [[], 'the client certificate has no SPIFFE ID'],
    ]
    for (const [uris, message] of refused) {
      await using client = await RawClient.connectTls(daemon.port, await files.client({ uris }))
      expect(frames.errorOf(await client.nextFrame()).message).toBe(message)
      await client.closed()
    }
    device.destroy()
    expect(await closesOf(daemon)).toMatchObject({ PEER_NOT_ALLOWED: refused.length })
  })
})
