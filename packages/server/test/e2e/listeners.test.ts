import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { TlsFiles } from './tls-files.ts'

/** iproute2's look at the kernel's sockets. */
const hasSs = spawnSync('ss', ['-V']).status === 0

function ss(flags: string, port: number): string {
  return execFileSync('ss', [flags, 'sport', '=', `:${port}`], { encoding: 'utf8' }).trim()
}

async function echo(client: RawClient, text: string): Promise<string> {
  await client.sendFrames(frames.message(1, text))
  return frames.text(await client.nextFrame())
}

describe.each(['handoff', 'reuseport'])('several listeners at once, by %s', (accept) => {
  it('TCP on IPv4, IPv6 and both, TLS and a Unix socket are served side by side', async () => {
    await using files = await TlsFiles.create()
    const path = files.path('wire.sock')
    const listen = `tcp://127.0.0.1:0,unix:${path},tcp://[::1]:0,tls://127.0.0.1:0,tcp://[::]:0`
    await using daemon = await startDaemon({
      ...files.environment,
      SHARDWIRE_LISTEN: listen,
      SHARDWIRE_ACCEPT: accept,
    })
    const [v4, v6, tls, both] = daemon.addresses.map(({ port }) => port)
    const clients = [
      await RawClient.connect(v4 ?? 0),
      await RawClient.connectPath(path),
      await RawClient.connect(v6 ?? 0, '::1'),
      await RawClient.connectTls(tls ?? 0, files.trust),
      await RawClient.connect(both ?? 0, '::1'),
      await RawClient.connect(both ?? 0, '127.0.0.1'),
    ]
    for (const [index, client] of clients.entries()) expect(await echo(client, `to ${index}`)).toBe(`to ${index}`)
    for (const client of clients) client.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it.skipIf(!hasSs)('each has its own keepalive and backlog', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_ACCEPT: accept,
      SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?keepalive-ms=0&backlog=7,tcp://127.0.0.1:0?keepalive-ms=50000&nodelay=false',
    })
    const [first, second] = daemon.addresses.map(({ port }) => port)
    await using none = await RawClient.connect(first ?? 0)
    await using kept = await RawClient.connect(second ?? 0)
    for (const client of [none, kept]) expect(await echo(client, 'x')).toBe('x')
    expect(ss('-tnoeH', first ?? 0)).not.toContain('keepalive')
    expect(ss('-tnoeH', second ?? 0)).toMatch(/timer:\(keepalive,(4\d|50)sec,/)
    const backlogs = ss('-tnlH', first ?? 0)
      .split('\n')
      .map((line) => Number(line.trim().split(/\s+/)[2]))
    expect(new Set(backlogs)).toEqual(new Set([7]))
    for (const client of [none, kept]) client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})

describe('a start with TLS files that cannot serve', () => {
  async function refusal(environment: Readonly<Record<string, string>>): Promise<string> {
    await using daemon = new Daemon(environment, {})
    expect(await daemon.exited).toEqual({ code: 1, signal: null })
    return daemon.stderr
  }

  it('stops, and says which file, what is wrong with it and what to do', async () => {
    await using files = await TlsFiles.create()
    const { environment } = files
    const said = async (changes: Readonly<Record<string, string>>): Promise<string> =>
      await refusal({ ...environment, ...changes })
    const none = files.path('none.pem')
    expect(await said({ SHARDWIRE_TLS_CERT: none })).toContain(
      `SHARDWIRE_TLS_CERT is "${none}", which cannot be read (ENOENT)`,
    )
    const swapped = { SHARDWIRE_TLS_CERT: files.path('key.pem'), SHARDWIRE_TLS_KEY: files.path('cert.pem') }
    const both = await said(swapped)
    expect(both).toContain('which holds a private key and no certificate')
    expect(both).toContain('which holds a certificate and no private key')
    await files.put('other.pem', (await files.authority.issue()).key)
    expect(await said({ SHARDWIRE_TLS_KEY: files.path('other.pem') })).toContain('does not fit the certificate')
    await files.put('locked.pem', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n')
    expect(await said({ SHARDWIRE_TLS_KEY: files.path('locked.pem') })).toContain('without a passphrase')
  })

  it('an expired certificate is only warned of', async () => {
    await using files = await TlsFiles.create()
    await files.serve(await files.authority.issue({ validToMs: performance.timeOrigin - 60_000 }))
    await using daemon = await startDaemon(files.environment)
    const { msg } = await daemon.waitFor(({ event }) => event === 'tls-certificate')
    expect(msg).toContain('holds CN=localhost, which expired on')
    expect(await daemon.stop()).toBe(0)
  })
})

it('a directory of a Unix socket that may not be written to is said', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'shardwire-listen-'))
  await using daemon = new Daemon({ SHARDWIRE_LISTEN: `unix:${directory}/a/b.sock` }, {})
  expect(await daemon.exited).toEqual({ code: 1, signal: null })
  expect(daemon.stderr).toContain(`there is no directory ${directory}/a`)
  await rm(directory, { recursive: true })
})
