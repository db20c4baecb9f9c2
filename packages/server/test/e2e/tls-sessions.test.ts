import { symlink, rename, mkdir, writeFile } from 'node:fs/promises'
import type { ConnectionOptions, SecureVersion } from 'node:tls'
import { RawClient, startDaemon, TestAuthority, type TlsClient, withinLimit } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { TlsFiles } from './tls-files.ts'

const DEVICE = 'spiffe://example.org/device'

interface Visit {
  readonly shard: unknown
  readonly resumed: unknown
  readonly peer: unknown
  /** Undefined where an earlier one was resumed. */
  readonly session: Buffer | undefined
}

/** Connects, asks who serves it, and leaves with a ticket. */
async function visit(port: number, options: ConnectionOptions): Promise<Visit> {
  await using client = await RawClient.connectTls(port, options)
  const shard = await ask(client, 3)
  const peer = await ask(client, 2)
  const resumed = client.tls.isSessionReused()
  const session = resumed ? undefined : await withinLimit(client.ticket, () => 'no ticket')
  return { shard, peer, resumed, session }
}

async function ask(client: TlsClient, route: number): Promise<unknown> {
  await client.sendFrames(frames.request(route, 1, ''))
  return frames.value(await client.nextFrame())
}

function serialOf(client: TlsClient): string {
  return client.tls.getPeerCertificate().serialNumber
}

async function echoes(client: RawClient): Promise<void> {
  await client.sendFrames(frames.message(1, 'x'))
  expect(frames.text(await client.nextFrame())).toBe('x')
}

/** Connects until the certificate that is shown is another. */
async function untilSerialChanges(port: number, options: ConnectionOptions, before: string): Promise<void> {
  for (;;) {
    await using client = await RawClient.connectTls(port, options)
    await echoes(client)
    if (serialOf(client) !== before) return
  }
}

describe.each<SecureVersion>(['TLSv1.2', 'TLSv1.3'])('a session of %s', (version) => {
  it('that one worker made is resumed by the other, with the identity it was made with', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await startDaemon({ ...files.askingFor('require', DEVICE), SHARDWIRE_WORKERS: '2' })
    const options = { ...(await files.client({ uris: [DEVICE] })), minVersion: version, maxVersion: version }
    const first = await visit(daemon.port, options)
    // Where the kernel places connections, it may take a few until another worker has one.
    let second: Visit
    do second = await visit(daemon.port, { ...options, session: first.session })
    while (second.resumed === true && second.shard === first.shard)
    expect([first.resumed, second.resumed]).toEqual([false, true])
    expect(second.shard).not.toBe(first.shard)
    expect(first.peer).toMatchObject({ authorized: true, spiffeId: DEVICE, resumed: false })
    expect(second.peer).toEqual({ ...(first.peer as object), resumed: true })
    expect(await daemon.stop()).toBe(0)
  })

  it('whose certificate has expired meanwhile is not let in by its ticket', async () => {
    await using files = await TlsFiles.create()
    await using daemon = await startDaemon({ ...files.askingFor('require'), SHARDWIRE_WORKERS: '2' })
    // Long enough for the first visit; certificates know whole seconds.
    const validToMs = Math.floor((performance.timeOrigin + performance.now()) / 1000) * 1000 + 4000
    const options = { ...(await files.client({ validToMs })), minVersion: version, maxVersion: version }
    let { session } = await visit(daemon.port, options)
    for (;;) {
      await using client = await RawClient.connectTls(daemon.port, { ...options, session })
      await client.sendFrames(frames.request(3, 1, ''))
      const answer = await client.nextFrame()
      if (answer.kind === 2) {
        session = client.tls.getSession() ?? session
        continue
      }
      expect(frames.errorOf(answer).message).toBe('the client certificate is not valid: CERT_HAS_EXPIRED')
      break
    }
    expect(await daemon.stop()).toBe(0)
  })
})

it('a new certificate serves new connections, none is dropped, and a ticket of before is still good', async () => {
  await using files = await TlsFiles.create()
  await using daemon = await startDaemon(files.environment)
  await using old = await RawClient.connectTls(daemon.port, files.trust)
  await echoes(old)
  const { session } = await visit(daemon.port, files.trust)
  await files.serve(await files.authority.issue({ name: 'renewed' }))
  await daemon.waitFor(({ event }) => event === 'tls-reread')
  await untilSerialChanges(daemon.port, files.trust, serialOf(old))
  expect((await visit(daemon.port, { ...files.trust, session })).resumed).toBe(true)
  await echoes(old)
  old.destroy()
  expect(await daemon.stop()).toBe(0)
})

it('a worker that is started later has the new certificate', async () => {
  await using files = await TlsFiles.create()
  await using daemon = await startDaemon({ ...files.environment, SHARDWIRE_WORKERS: '1' })
  await using old = await RawClient.connectTls(daemon.port, files.trust)
  const before = serialOf(old)
  await files.serve(await files.authority.issue({ name: 'renewed' }))
  await daemon.waitFor(({ event }) => event === 'tls-reread')
  process.kill(daemon.workers[0]?.pid ?? 0, 'SIGKILL')
  await old.closed()
  await using client = await RawClient.connectTls(daemon.port, files.trust)
  await echoes(client)
  expect(serialOf(client)).not.toBe(before)
  client.destroy()
  expect(await daemon.stop()).toBe(0)
})

it('files that cannot serve are told, with what is wrong, and what was there before serves on', async () => {
  await using files = await TlsFiles.create()
  await using daemon = await startDaemon(files.environment)
  const { key } = await files.authority.issue()
  await files.put('key.pem', key)
  const { problems } = await daemon.waitFor(({ event }) => event === 'tls-not-reread')
  expect(problems).toEqual([
    `SHARDWIRE_TLS_KEY is "${files.path('key.pem')}", which does not fit the certificate in SHARDWIRE_TLS_CERT: ` +
      'both must come from one request',
  ])
  await using client = await RawClient.connectTls(daemon.port, files.trust)
  await echoes(client)
  client.destroy()
  expect(await daemon.stop()).toBe(0)
  for (const record of daemon.records) expect(JSON.stringify(record)).not.toMatch(/PRIVATE KEY|ticketKey/)
})

it('a change by symbolic link, as Kubernetes makes it, is one', async () => {
  await using files = await TlsFiles.create()
  const deploy = async (version: string): Promise<void> => {
    const { cert, key } = await files.authority.issue()
    await mkdir(files.path(version))
    await writeFile(files.path(`${version}/tls.crt`), cert)
    await writeFile(files.path(`${version}/tls.key`), key)
    await symlink(version, files.path('..data_tmp'))
    await rename(files.path('..data_tmp'), files.path('..data'))
  }
  await deploy('..1')
  await symlink('..data/tls.crt', files.path('tls.crt'))
  await symlink('..data/tls.key', files.path('tls.key'))
  const paths = { SHARDWIRE_TLS_CERT: files.path('tls.crt'), SHARDWIRE_TLS_KEY: files.path('tls.key') }
  await using daemon = await startDaemon({ ...files.environment, ...paths })
  await using old = await RawClient.connectTls(daemon.port, files.trust)
  await deploy('..2')
  await daemon.waitFor(({ event }) => event === 'tls-reread')
  await untilSerialChanges(daemon.port, files.trust, serialOf(old))
  old.destroy()
  expect(await daemon.stop()).toBe(0)
})

it('authorities that change end what their tickets were good for', async () => {
  await using files = await TlsFiles.create()
  await using daemon = await startDaemon(files.askingFor('require'))
  const options = await files.client()
  const { session } = await visit(daemon.port, options)
  const other = await TestAuthority.create('Other CA')
  await files.put('ca.pem', other.cert)
  await daemon.waitFor(({ event }) => event === 'tls-reread')
  for (;;) {
    await using client = await RawClient.connectTls(daemon.port, { ...options, session })
    await client.sendFrames(frames.request(3, 1, ''))
    const answer = await client.nextFrame()
    // The message to the worker may still be on its way.
    if (answer.kind === 2) continue
    expect([client.tls.isSessionReused(), frames.errorOf(answer).name]).toEqual([false, 'UNAUTHENTICATED'])
    break
  }
  expect(await daemon.stop()).toBe(0)
})
