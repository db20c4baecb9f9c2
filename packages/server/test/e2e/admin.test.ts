/** Owns the tests of the admin server of a live daemon: health through its life, its address, and its secrets. */
import { encodeBody } from '@shardwire/protocol'
import { Daemon, eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { mkdtempSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const TOKEN = 'a-secret-that-nobody-may-see'
const ON = { SHARDWIRE_ADMIN: 'http://127.0.0.1:0' }

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url))
}

interface Readiness {
  readonly status: number
  readonly ready: boolean
  readonly reasons: readonly string[]
}

async function readiness(address: string): Promise<Readiness> {
  const response = await fetch(`${address}/readyz`)
  return { status: response.status, ...((await response.json()) as Omit<Readiness, 'status'>) }
}

async function isLive(address: string): Promise<boolean> {
  return (await fetch(`${address}/livez`)).ok
}

/** Asks until it is as told. */
async function becomes(address: string, ready: boolean): Promise<Readiness> {
  return await eventually(
    async () => {
      const now = await readiness(address)
      return now.ready === ready ? now : undefined
    },
    () => `never ready=${ready}`,
  )
}

describe('health', () => {
  it('through the start: live at once, ready when every worker serves', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'shardwire-start-'))
    const file = join(directory, 'go')
    await using daemon = new Daemon(
      { ...ON, SHARDWIRE_SERVICE: fixture('slow-start'), START_FILE: file, SHARDWIRE_LOG_LEVEL: 'debug' },
      {},
    )
    const { address } = await daemon.waitFor(({ event }) => event === 'admin-listening')
    const admin = String(address)
    expect(await readiness(admin)).toEqual({ status: 503, ready: false, reasons: ['the daemon is starting'] })
    expect(await isLive(admin)).toBe(true)
    writeFileSync(file, '')
    await daemon.waitFor(({ event }) => event === 'listening')
    expect(daemon.admin).toBe(admin)
    expect(await readiness(admin)).toEqual({ status: 200, ready: true, reasons: [] })
    expect(await daemon.stop()).toBe(0)
  })

  it('in a drain: live, and not ready, until the end', async () => {
    await using daemon = await startDaemon(ON)
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 60_000))
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, 2, 'x'))
    await client.nextFrame()
    daemon.signal('SIGTERM')
    await daemon.waitFor(({ event }) => event === 'draining')
    expect(await readiness(daemon.admin)).toEqual({ status: 503, ready: false, reasons: ['the daemon is stopping'] })
    expect(await isLive(daemon.admin)).toBe(true)
    client.destroy()
    expect(await daemon.exited).toMatchObject({ code: 0 })
  })

  it('in a crash loop: live, and not ready until a worker has lasted', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '1', SHARDWIRE_SERVICE: fixture('faulty') })
    for (let death = 0; death < 4; death++) {
      await using client = await RawClient.connect(daemon.port)
      await client.sendFrames(frames.request(11, 1, ''))
      await client.closed()
    }
    await daemon.waitFor(({ event }) => event === 'crash-loop')
    const { reasons } = await becomes(daemon.admin, false)
    expect(reasons.join()).toContain('slot 0 is in a crash loop')
    expect(await isLive(daemon.admin)).toBe(true)
  })

  it('under overload of all workers: live, not ready, and ready again when it is over', async () => {
    await using daemon = await startDaemon({
      ...ON,
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_SERVICE: fixture('limits'),
      SHARDWIRE_OVERLOAD_DELAY_MS: '30',
    })
    const clients = await Promise.all([1, 2, 3, 4].map(() => RawClient.connect(daemon.port)))
    const burn = async (client: RawClient): Promise<void> => {
      for (let id = 1; (await readiness(daemon.admin)).ready; id++) {
        await client.sendFrames(frames.request(2, id, encodeBody(60)))
        await client.nextFrame()
      }
    }
    await Promise.all(clients.map(burn))
    expect(await isLive(daemon.admin)).toBe(true)
    const record = await daemon.waitFor(({ event, ready }) => event === 'readiness' && ready === false)
    expect(String(record['reasons'])).toContain('overloaded')
    await becomes(daemon.admin, true)
    for (const client of clients) client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})

describe('the address', () => {
  it('that was asked for and is taken ends the start, and says by whom', async () => {
    const other = net.createServer().listen({ port: 0, host: '127.0.0.1' })
    await once(other, 'listening')
    const { port } = other.address() as net.AddressInfo
    await using daemon = new Daemon({ SHARDWIRE_ADMIN: `http://127.0.0.1:${port}` }, {})
    expect(await daemon.exited).toMatchObject({ code: 1 })
    expect(daemon.stderr).toContain(`cannot listen on http://127.0.0.1:${port}: the port is in use by process`)
    expect(daemon.stderr).toContain('SHARDWIRE_ADMIN')
    other.close()
  })

  it('beyond loopback takes a token, and then reading does too', async () => {
    await using refused = new Daemon({ SHARDWIRE_ADMIN: 'http://0.0.0.0:0' }, {})
    expect(await refused.exited).toMatchObject({ code: 2 })
    expect(refused.stderr).toContain('SHARDWIRE_ADMIN_TOKEN is not set')
    await using daemon = await startDaemon({ SHARDWIRE_ADMIN: 'http://0.0.0.0:0', SHARDWIRE_ADMIN_TOKEN: TOKEN })
    const admin = daemon.admin.replace('0.0.0.0', '127.0.0.1')
    expect((await fetch(`${admin}/metrics`)).status).toBe(401)
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect((await fetch(`${admin}/metrics`, { headers })).status).toBe(200)
    expect((await readiness(admin)).ready).toBe(true)
    expect(await daemon.waitFor(({ event }) => event === 'admin-denied')).toMatchObject({ path: '/metrics' })
    expect(await daemon.stop()).toBe(0)
  })

  it('can be off', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_ADMIN: 'off' })
    expect(() => daemon.admin).toThrow('no admin server')
  })
})

describe('a token', () => {
  it('is in no line of the log and in no worker, and may come from a file', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'shardwire-token-')), 'token')
    writeFileSync(file, `${TOKEN}\n`)
    await using daemon = await startDaemon({
      ...ON,
      SHARDWIRE_ADMIN_READ: 'token',
      SHARDWIRE_ADMIN_TOKEN_FILE: file,
      SHARDWIRE_ADMIN_READ_TOKEN: `${TOKEN}-2`,
      SHARDWIRE_SERVICE: fixture('faulty'),
      SHARDWIRE_LOG_LEVEL: 'trace',
    })
    for (const [token, status] of [
      [TOKEN, 200],
      [`${TOKEN}-2`, 200],
      ['guessed-guessed-guessed', 401],
    ] as const) {
      const headers = { authorization: `Bearer ${token}` }
      expect((await fetch(`${daemon.admin}/metrics`, { headers })).status).toBe(status)
    }
    await using client = await RawClient.connect(daemon.port)
    for (const name of ['SHARDWIRE_ADMIN_TOKEN', 'SHARDWIRE_ADMIN_READ_TOKEN']) {
      await client.sendFrames(frames.request(10, 1, encodeBody(name)))
      expect(frames.value(await client.nextFrame())).toBe(null)
    }
    expect(await daemon.stop()).toBe(0)
    expect(daemon.describe()).not.toContain(TOKEN)
    expect(daemon.describe()).not.toContain('guessed')
  })

  it('is replaced by a reload', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'shardwire-token-')), 'settings')
    const use = (token: string): void => {
      writeFileSync(file, `SHARDWIRE_ADMIN_TOKEN=${token}\nSHARDWIRE_ADMIN_READ=token\n`)
    }
    use(TOKEN)
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_ENV_FILE: file })
    const read = async (token: string): Promise<number> => {
      return (await fetch(`${daemon.admin}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status
    }
    expect(await read(TOKEN)).toBe(200)
    use(`${TOKEN}-new`)
    daemon.signal('SIGHUP')
    await daemon.waitFor(({ event }) => event === 'reloaded')
    expect([await read(TOKEN), await read(`${TOKEN}-new`)]).toEqual([401, 200])
    expect(await daemon.stop()).toBe(0)
    expect(daemon.describe()).not.toContain(TOKEN)
  })
})
