/** Owns the end-to-end tests of mirroring to targets that are reached by TLS or by a Unix socket. */
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, eventually, type LogRecord, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { compared, WATCHED } from './mirror-watch.ts'
import { TlsFiles } from './tls-files.ts'

const ECHO_BYTES = 20_000

async function startMirror(address: string): Promise<Daemon> {
  return await startDaemon({ ...WATCHED, SHARDWIRE_WORKERS: '1', SHARDWIRE_MIRROR: address })
}

/** Sends until something comes of it: the first frame dials. */
async function until(daemon: Daemon, client: RawClient, event: string): Promise<LogRecord> {
  return await eventually(
    async () => {
      await client.sendFrames(frames.message(frames.ROUTE_ECHO, 'x'))
      await client.nextFrame()
      return daemon.records.find((record) => record['event'] === event)
    },
    () => `no ${event}`,
  )
}

/** Requests are mirrored, and answered alike. */
async function isMirrored(daemon: Daemon): Promise<void> {
  await using client = await RawClient.connect(daemon.port)
  await until(daemon, client, 'mirror-connected')
  for (let id = 1; id <= 20; id++) {
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, id, new Uint8Array(ECHO_BYTES).fill(id)))
    await client.nextFrame()
  }
  await compared(daemon, 20)
  client.destroy()
  expect(await daemon.stop()).toBe(0)
  const { routes } = await daemon.waitFor(({ event }) => event === 'mirror-totals')
  expect(routes).toMatchObject([{ name: 'echo', matched: 20, differed: 0 }])
}

describe('a mirror over TLS', () => {
  it('checks the certificate of its target, and shows its own where that is asked for', async () => {
    await using files = await TlsFiles.create()
    const environment = { ...files.askingFor('require'), SHARDWIRE_SERVICE: '', SHARDWIRE_WORKERS: '1' }
    await using target = await startDaemon(environment)
    const { cert, key } = await files.authority.issue({ name: 'mirror', hosts: [] })
    await files.put('mirror.pem', cert)
    await files.put('mirror-key.pem', key)
    const own = `cert=${files.path('mirror.pem')}&key=${files.path('mirror-key.pem')}`
    const address = `tls://127.0.0.1:${target.port}?ca=${files.path('ca.pem')}&servername=localhost`
    await using daemon = await startMirror(`${address}&${own}&compare=echo`)
    await isMirrored(daemon)
    expect(await target.stop()).toBe(0)
  })

  it.each([
    ['an authority that it does not know', '', /unable to verify|self.signed|UNABLE|SELF_SIGNED/i],
    ['another name', '&servername=other.example', /other\.example/],
    ['a file that is not there', '&cert=/nowhere/c.pem&key=/nowhere/k.pem', /ENOENT.*\/nowhere\/c\.pem/],
  ])('tells of %s, and the original answers as ever', async (_, query, why) => {
    await using files = await TlsFiles.create()
    await using target = await startDaemon({ ...files.environment, SHARDWIRE_SERVICE: '', SHARDWIRE_WORKERS: '1' })
    const ca = query === '' ? '' : `ca=${files.path('ca.pem')}`
    await using daemon = await startMirror(`tls://127.0.0.1:${target.port}?${ca}${query}`.replace(/\?$/, ''))
    await using client = await RawClient.connect(daemon.port)
    const lost = await until(daemon, client, 'mirror-lost')
    expect(lost['why']).toMatch(why)
    client.destroy()
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.filter(({ level }) => level === 'error')).toEqual([])
    expect(await target.stop()).toBe(0)
  })

  it('is given up when its target stops in the middle of it, and dialled again', async () => {
    await using files = await TlsFiles.create()
    const environment = { ...files.environment, SHARDWIRE_SERVICE: '', SHARDWIRE_WORKERS: '1' }
    await using target = await startDaemon(environment)
    const { port } = target
    await using daemon = await startMirror(`tls://localhost:${port}?ca=${files.path('ca.pem')}`)
    await using client = await RawClient.connect(daemon.port)
    await until(daemon, client, 'mirror-connected')
    expect(await target.stop()).toBe(0)
    await until(daemon, client, 'mirror-lost')
    await using next = await startDaemon({ ...environment, SHARDWIRE_LISTEN: `tls://127.0.0.1:${port}` })
    await eventually(
      async () => {
        await client.sendFrames(frames.message(frames.ROUTE_ECHO, 'x'))
        await client.nextFrame()
        return daemon.records.filter(({ event }) => event === 'mirror-connected').length === 2
      },
      () => 'it is not mirrored again',
    )
    client.destroy()
    expect(await daemon.stop()).toBe(0)
    expect(await next.stop()).toBe(0)
  })
})

describe('a mirror by a Unix socket', () => {
  it('is a mirror like others, and lost when nobody listens', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-mirror-'))
    const path = join(folder, 'socket')
    await using target = await startDaemon({ SHARDWIRE_LISTEN: `unix:${path}`, SHARDWIRE_WORKERS: '1' })
    await using daemon = await startMirror(`unix:${path}?compare=echo`)
    await isMirrored(daemon)
    expect(await target.stop()).toBe(0)
    await using lonely = await startMirror(`unix:${path}`)
    await using client = await RawClient.connect(lonely.port)
    expect((await until(lonely, client, 'mirror-lost'))['why']).toContain('ENOENT')
    client.destroy()
    expect(await lonely.stop()).toBe(0)
    await rm(folder, { recursive: true })
  })

  it('that does not read is given up like others, and costs the original nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-mirror-'))
    const path = join(folder, 'socket')
    const server = net.createServer((socket) => socket.on('error', () => undefined).pause())
    await new Promise<void>((resolve) => void server.listen(path, resolve))
    await using daemon = await startMirror(`unix:${path}`)
    await using client = await RawClient.connect(daemon.port)
    for (let round = 0; round < 100; round++) {
      await client.sendFrames(frames.message(frames.ROUTE_ECHO, new Uint8Array(ECHO_BYTES)))
      await client.nextFrame()
    }
    const lost = await until(daemon, client, 'mirror-lost')
    expect(lost['why']).toContain('no WELCOME within')
    client.destroy()
    expect(await daemon.stop()).toBe(0)
    server.close()
    await rm(folder, { recursive: true })
  })
})
