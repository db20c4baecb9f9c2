/** Owns the tests of what an operator sees of connections on a live daemon, and of acting on them. */
import { encodeBody, encodeFrame, KIND_CONTROL, KIND_REQUEST, OPCODE_GOAWAY } from '@shardwire/protocol'
import { type Daemon, eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { ClosedRow, ConnectionDetails, ConnectionRow } from '../../src/admin/inspect/rows.ts'
import * as frames from './frames.ts'

const FAULTY = fileURLToPath(new URL('../fixtures/faulty.ts', import.meta.url))
const [ROUTE_HOLDS, ROUTE_RELEASE] = [5, 6]
const TOKEN = 'a-token-that-may-act'
const ON = { SHARDWIRE_ADMIN: 'http://127.0.0.1:0', SHARDWIRE_ADMIN_TOKEN: TOKEN }
const WITH_TOKEN = { authorization: `Bearer ${TOKEN}` }

interface Page {
  readonly connections: readonly ConnectionRow[]
  readonly matched: number
  readonly total: number
  readonly next: string | null
  readonly missing: readonly number[]
}

async function ask<T>(daemon: Daemon, path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(`${daemon.admin}${path}`, init)
  const body = (await response.json()) as T
  if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(body)}`)
  return body
}

/** A page that every worker has answered for: one that stands still is told as missing, after a second. */
async function wholePage(daemon: Daemon, path: string): Promise<Page> {
  return await eventually(
    async () => {
      const page = await ask<Page>(daemon, path)
      return page.missing.length === 0 ? page : undefined
    },
    () => `a worker does not answer ${path}`,
  )
}

async function connectMany(daemon: Daemon, count: number): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect(daemon.port)))
  // Whoever has an answer is in the table.
  for (const [index, client] of clients.entries()) {
    for (let id = 1; id <= index + 1; id++) await client.sendFrames(frames.request(frames.ROUTE_ECHO, id, 'x'))
    await client.frames(index + 1)
  }
  return clients
}

async function idOf(client: RawClient): Promise<string> {
  return (await frames.greetServer(client)).connection
}

function destroyAll(clients: readonly RawClient[]): void {
  for (const client of clients) client.destroy()
}

describe('the table of connections', () => {
  it('comes in pages that are sorted over all workers', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '2' })
    const clients = await connectMany(daemon, 9)
    const seen: ConnectionRow[] = []
    let path = '/api/connections?sort=frames-in&limit=4'
    for (let next: string | null = ''; next !== null;) {
      const page: Page = await wholePage(daemon, `${path}${next === '' ? '' : `&after=${next}`}`)
      expect(page).toMatchObject({ matched: 9, total: 9, missing: [] })
      seen.push(...page.connections)
      next = page.next
    }
    expect(seen.map(({ framesIn }) => framesIn)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1])
    expect(new Set(seen.map(({ worker }) => worker))).toEqual(new Set([0, 1]))
    expect(new Set(seen.map(({ id }) => id)).size).toBe(9)
    const ports = clients.map(({ socket }) => `127.0.0.1:${socket.localPort}`)
    expect(new Set(seen.map(({ peer }) => peer))).toEqual(new Set(ports))
    path = '/api/connections?sort=frames-in&order=asc&limit=1'
    expect((await wholePage(daemon, path)).connections).toMatchObject([{ framesIn: 1, state: 'open', bytesIn: 15 }])
    destroyAll(clients)
  })

  it('is filtered where connections are', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '2' })
    const clients = await connectMany(daemon, 4)
    const workers = (await wholePage(daemon, '/api/connections')).connections.map(({ worker }) => worker)
    const matched = async (filter: string): Promise<number> => {
      const page = await wholePage(daemon, `/api/connections?${filter}`)
      expect(page.connections).toHaveLength(page.matched)
      return page.matched
    }
    for (const slot of [0, 1]) {
      expect(await matched(`worker=${slot}`)).toBe(workers.filter((worker) => worker === slot).length)
    }
    expect(await matched('listener=0&state=open')).toBe(4)
    expect(await matched('listener=1')).toBe(0)
    expect(await matched('address=127.0.0.0/8')).toBe(4)
    expect(await matched('address=10.0.0.0/8')).toBe(0)
    expect(await matched('idle-ms=3600000')).toBe(0)
    expect(await matched('unsent-bytes=1')).toBe(0)
    expect((await fetch(`${daemon.admin}/api/connections?adress=::1`)).status).toBe(400)
    destroyAll(clients)
  })

  it('shows who is slow, and what it holds', async () => {
    const buffers = { SHARDWIRE_MAX_FRAME_BYTES: '65536', SHARDWIRE_WRITE_BUFFER_BYTES: '65546' }
    await using daemon = await startDaemon({ ...ON, ...buffers, SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    client.pause()
    const frame = encodeFrame(frames.message(frames.ROUTE_ECHO, new Uint8Array(60_000)))
    while (client.socket.write(frame));
    for (let more = 0; more < 200; more++) client.socket.write(frame)
    const [row] = await eventually(
      async () => {
        const page: Page = await ask(daemon, '/api/connections?sort=unsent&unsent-bytes=1')
        return page.connections.some(({ hold }) => hold === 'unsent') ? page.connections : undefined
      },
      () => 'nobody is slow',
    )
    expect(row?.unsentBytes).toBeGreaterThan(60_000)
    expect(row?.heldBytes).toBeGreaterThan(60_000)
  })
})

describe('one connection', () => {
  it('is told in detail, with the headers of its last frames', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '2' })
    await using client = await RawClient.connect(daemon.port)
    const id = await idOf(client)
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, 77, 'four'), frames.sleep(78, 60_000))
    await client.nextFrame()
    const details = await eventually(
      async () => {
        const now: ConnectionDetails = await ask(daemon, `/api/connections/${id}`)
        return now.callsInFlight === 1 ? now : undefined
      },
      () => 'no call in flight',
    )
    expect(details).toMatchObject({ id, state: 'open', framesIn: 3, partialBytes: 0, tlsProtocol: null })
    expect(details.lastFrames).toMatchObject([
      { kind: KIND_CONTROL },
      { kind: KIND_REQUEST, route: frames.ROUTE_ECHO, id: 77, bytes: 18 },
      { kind: KIND_REQUEST, route: frames.ROUTE_SLEEP, id: 78 },
    ])
    expect((await fetch(`${daemon.admin}/api/connections/${id}x`)).status).toBe(404)
    expect((await fetch(`${daemon.admin}/api/connections/nonsense`)).status).toBe(404)
  })

  it('is closed by who has the token: told to leave, and answered', async () => {
    const settings = { SHARDWIRE_SERVICE: FAULTY, SHARDWIRE_WORKERS: '2', SHARDWIRE_LOG_LEVEL: 'debug' }
    await using daemon = await startDaemon({ ...ON, ...settings })
    await using client = await RawClient.connect(daemon.port)
    const id = await idOf(client)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 5, ''))
    expect((await fetch(`${daemon.admin}/api/connections/${id}`, { method: 'DELETE' })).status).toBe(401)
    const closing = await ask(daemon, `/api/connections/${id}`, { method: 'DELETE', headers: WITH_TOKEN })
    expect(closing).toEqual({ closing: id, reset: false })
    expect(await client.nextFrame()).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_GOAWAY })
    await client.sendFrames(frames.message(ROUTE_RELEASE, ''))
    expect(await client.nextFrame()).toMatchObject({ id: 5 })
    expect((await client.closed()).how).toBe('end')
    const record = await daemon.waitFor(({ event, connection }) => event === 'connection-closed' && connection === id)
    expect(record).toMatchObject({ reason: 'ADMIN_CLOSED', class: 'normal', detail: 'closed by the operator' })
    expect(await daemon.waitFor(({ event }) => event === 'admin-action')).toMatchObject({
      action: 'close',
      connection: id,
    })
    const gone = await fetch(`${daemon.admin}/api/connections/${id}`, { method: 'DELETE', headers: WITH_TOKEN })
    expect(gone.status).toBe(404)
    expect(await daemon.stop()).toBe(0)
  })

  it('that does not end in time is cut off, and is reset where that is asked for', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '1', SHARDWIRE_DRAIN_TIMEOUT_MS: '200' })
    await using busy = await RawClient.connect(daemon.port)
    const busyId = await idOf(busy)
    await busy.sendFrames(frames.sleep(1, 60_000))
    await ask(daemon, `/api/connections/${busyId}`, { method: 'DELETE', headers: WITH_TOKEN })
    expect((await busy.closed()).how).toBe('reset')
    await using idle = await RawClient.connect(daemon.port)
    const idleId = await idOf(idle)
    await ask(daemon, `/api/connections/${idleId}?reset=true`, { method: 'DELETE', headers: WITH_TOKEN })
    expect((await idle.closed()).how).toBe('reset')
  })
})

describe('connections that ended', () => {
  it('are remembered with why, and with what came last', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '2' })
    const [well, broken] = [await RawClient.connect(daemon.port), await RawClient.connect(daemon.port)]
    const brokenPort = broken.socket.localPort
    await well.sendFrames(frames.request(frames.ROUTE_ECHO, 3, 'x'))
    await well.nextFrame()
    well.halfClose()
    await well.closed()
    await broken.sendFrames(frames.request(frames.ROUTE_ECHO, 4, 'x'))
    await broken.nextFrame()
    await broken.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    await broken.closed()
    const closed = async (query = ''): Promise<readonly ClosedRow[]> => {
      return (await ask<{ closed: ClosedRow[] }>(daemon, `/api/closed${query}`)).closed
    }
    const rows = await eventually(
      async () => {
        const now = await closed()
        return now.length === 2 ? now : undefined
      },
      () => 'they are not remembered',
    )
    expect(rows.map(({ reason }) => reason).toSorted()).toEqual(['FRAME_TOO_LARGE', 'PEER_ENDED'])
    const [bad, ...others] = await closed('?class=protocol')
    expect(others).toEqual([])
    expect(bad).toMatchObject({ reason: 'FRAME_TOO_LARGE', peer: `127.0.0.1:${brokenPort}`, framesIn: 2 })
    expect(bad?.lastFrames).toEqual([
      { kind: KIND_REQUEST, route: frames.ROUTE_ECHO, id: 4, bytes: 15 },
      { broken: Buffer.from('GET / ').toString('hex') },
    ])
    expect(await closed('?reason=PEER_ENDED')).toHaveLength(1)
    expect(await closed('?address=10.0.0.0/8')).toEqual([])
  })

  it('are remembered when their worker has been replaced', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '1' })
    await using broken = await RawClient.connect(daemon.port)
    await broken.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    await broken.closed()
    const begun = await ask(daemon, '/api/reload', { method: 'POST', headers: WITH_TOKEN })
    expect(begun).toEqual({ begun: 'reload' })
    await daemon.waitFor(({ event }) => event === 'reloaded')
    const { closed } = await ask<{ closed: ClosedRow[] }>(daemon, '/api/closed?class=protocol')
    expect(closed).toMatchObject([{ reason: 'FRAME_TOO_LARGE', worker: 0 }])
  })

  it('of a worker that stands still are missing, and told so', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '2', SHARDWIRE_SERVICE: FAULTY })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(9, 1, encodeBody(null)))
    const pid = Number(frames.value(await client.nextFrame()))
    process.kill(pid, 'SIGSTOP')
    const page: Page = await ask(daemon, '/api/connections')
    expect(page.missing).toEqual([daemon.workers.find((worker) => worker.pid === pid)?.slot])
    process.kill(pid, 'SIGCONT')
    expect((await wholePage(daemon, '/api/connections')).total).toBe(1)
  })
})

describe('acting', () => {
  it('drain stops the daemon as SIGTERM does', async () => {
    await using daemon = await startDaemon(ON)
    expect((await fetch(`${daemon.admin}/api/drain`, { method: 'POST' })).status).toBe(401)
    expect(await ask(daemon, '/api/drain', { method: 'POST', headers: WITH_TOKEN })).toEqual({ begun: 'drain' })
    expect(await daemon.exited).toMatchObject({ code: 0 })
    expect(await daemon.waitFor(({ event }) => event === 'draining')).toMatchObject({
      reason: expect.stringContaining('the admin server'),
    })
  })

  it('reload replaces the workers, and its outcome is in the status', async () => {
    await using daemon = await startDaemon(ON)
    await ask(daemon, '/api/reload', { method: 'POST', headers: WITH_TOKEN })
    await daemon.waitFor(({ event }) => event === 'reloaded')
    const { reload } = await ask<{ reload: unknown }>(daemon, '/api/status')
    expect(reload).toMatchObject({ done: 1, isRunning: false, lastOutcome: 'done', lastProblems: [] })
    expect(await daemon.stop()).toBe(0)
  })
})
