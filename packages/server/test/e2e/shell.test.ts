/** Owns the tests of the commands that ask a daemon, as somebody types them. */
import { type Daemon, Daemon as DaemonProcess, RawClient, startDaemon } from '@shardwire/testkit'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const TOKEN = 'a-token-that-may-act'
const ON = { SHARDWIRE_ADMIN: 'http://127.0.0.1:0', SHARDWIRE_ADMIN_TOKEN: TOKEN }

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command against a daemon, or against the address that is given. */
async function run(
  daemon: Daemon | string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = { SHARDWIRE_ADMIN_TOKEN: TOKEN },
): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SHARDWIRE_'))
  const admin = typeof daemon === 'string' ? daemon : daemon.admin
  const env = { ...Object.fromEntries(inherited), SHARDWIRE_ADMIN: admin, ...environment }
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: Number(code), out, err }
}

async function connected(daemon: Daemon): Promise<{ client: RawClient; id: string }> {
  const client = await RawClient.connect(daemon.port)
  return { client, id: (await frames.greetServer(client)).connection }
}

describe('shardwire status', () => {
  it('shows the daemon, and exits with 0 when it is ready', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '2' })
    const { client } = await connected(daemon)
    const { code, out, err } = await run(daemon, ['status'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/shardwire \d.* {2}ready\n/)
    expect(out).toContain(`${daemon.workers[1]?.pid}`)
    const { out: data } = await run(daemon, ['status', '--json'])
    expect(JSON.parse(data)).toMatchObject({ ready: true, workers: [{ worker: 0 }, { worker: 1 }] })
    client.destroy()
  })

  it('exits with 69 when nobody answers, and says what to look at', async () => {
    const nobody = createServer().listen({ port: 0, host: '127.0.0.1' })
    await once(nobody, 'listening')
    const address = `http://127.0.0.1:${(nobody.address() as AddressInfo).port}`
    nobody.close()
    await once(nobody, 'close')
    const { code, err } = await run(address, ['status'])
    expect(code).toBe(69)
    expect(err).toContain(`no answer from ${address}: nobody listens there`)
    const off = await run('off', ['status'])
    expect([off.code, off.err]).toEqual([2, expect.stringContaining('SHARDWIRE_ADMIN is off')])
  })

  it('exits with 77 without the token that reading takes, and takes one from a file', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_ADMIN_READ: 'token' })
    const without = await run(daemon, ['status'], {})
    expect([without.code, without.err]).toEqual([77, expect.stringContaining('SHARDWIRE_ADMIN_TOKEN')])
    const file = join(mkdtempSync(join(tmpdir(), 'shardwire-shell-')), 'token')
    writeFileSync(file, `${TOKEN}\n`)
    expect((await run(daemon, ['status'], { SHARDWIRE_ADMIN_TOKEN_FILE: file })).code).toBe(0)
  })
})

describe('shardwire conns and kick', () => {
  it('show connections in pages, one, close it, and show why it ended', async () => {
    await using daemon = await startDaemon(ON)
    const [one, two] = [await connected(daemon), await connected(daemon)]
    const { out } = await run(daemon, ['conns', '--sort', 'age'])
    expect(out).toContain(one.id)
    expect(out).toContain('2 of 2 shown, 2 connections in all')
    const { out: lines } = await run(daemon, ['conns', '--json', '--limit', '1', '--asc'])
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual([two.id])
    expect((await run(daemon, ['conns', one.id])).out).toMatch(/CONTROL route \d/)
    expect(await run(daemon, ['kick', one.id])).toEqual({ code: 0, out: `${one.id}: closing\n`, err: '' })
    await one.client.closed()
    expect(await run(daemon, ['kick', one.id])).toMatchObject({ code: 1, err: `${one.id}: no such connection\n` })
    const closed = await run(daemon, ['conns', '--closed', '--reason', 'ADMIN_CLOSED'])
    expect(closed.out).toMatch(new RegExp(`${one.id} +127.0.0.1:\\d+ +ADMIN_CLOSED`))
    two.client.destroy()
  })

  it('tell what is wrong with their arguments', async () => {
    await using daemon = await startDaemon(ON)
    expect(await run(daemon, ['conns', '--sort', 'size'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('bytes-in'),
    })
    const wrong = [
      ['--state', 'foo'],
      ['--worker', 'x'],
      ['--closed', '--reason', 'FOO'],
      ['--closed', '--class', 'foo'],
    ]
    const codes = await Promise.all(wrong.map(async (args) => (await run(daemon, ['conns', ...args])).code))
    expect(codes).toEqual([2, 2, 2, 2])
    const { code, err } = await run(daemon, ['status', '--jsno'])
    expect([code, err.split('\n')[0]]).toEqual([2, 'shardwire status: there is no option --jsno; did you mean --json?'])
    expect(await run(daemon, ['conns', '--srot', 'x'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--sort'),
    })
    expect(await run(daemon, ['kick'])).toMatchObject({ code: 2, err: expect.stringContaining('which one?') })
    expect(await run(daemon, ['kick', '--help'])).toMatchObject({ code: 0, out: expect.stringContaining('--reset') })
    expect(await run(daemon, ['kick', 'x-1'], {})).toMatchObject({ code: 77 })
  })
})

describe('shardwire reload', () => {
  it('waits for the outcome: done, or refused with every problem', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'shardwire-shell-')), 'settings')
    writeFileSync(file, '')
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_ENV_FILE: file })
    expect(await run(daemon, ['reload'])).toEqual({ code: 0, out: 'reloaded: all workers are new\n', err: '' })
    writeFileSync(file, 'SHARDWIRE_WORKERS=7\nSHARDWIRE_HEARTBEAT_MS=x\n')
    const refused = await run(daemon, ['reload', '--json'])
    expect(refused.code).toBe(1)
    const { outcome, problems } = JSON.parse(refused.out) as { outcome: string; problems: string[] }
    expect([outcome, problems.join()]).toEqual(['refused', expect.stringContaining('SHARDWIRE_HEARTBEAT_MS')])
    expect(await daemon.stop()).toBe(0)
  })
})

describe('shardwire drain', () => {
  it('waits until the daemon is gone', async () => {
    await using daemon = await startDaemon(ON)
    const { code, out, err } = await run(daemon, ['drain'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(
      new RegExp(`^drained: the daemon \\(pid ${daemon.pid}\\) has ended, [\\d.]+ m?s after it was asked`),
    )
    expect(await daemon.exited).toMatchObject({ code: 0 })
    await daemon.waitFor(({ event }) => event === 'stopped')
  })

  it('tells who is left when time is up', async () => {
    await using daemon = await startDaemon(ON)
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 3000))
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, 2, 'x'))
    await client.nextFrame()
    const { code, out } = await run(daemon, ['drain', '--timeout', '1'])
    expect(code).toBe(1)
    expect(out).toContain('still drains: when it answered last it had 1 connections, and 1 requests in flight')
    client.destroy()
    expect(await daemon.exited).toMatchObject({ code: 0 })
  })
})

describe('shardwire top', () => {
  it('where output is no terminal writes one text after the other, or objects', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, 1, 'x'))
    await client.nextFrame()
    const { code, out } = await run(daemon, ['top', '--count', '2'])
    expect(code).toBe(0)
    expect(out.match(/^connections 1 /gm)).toHaveLength(2)
    const { out: lines } = await run(daemon, ['top', '--count', '1', '--json'])
    expect(JSON.parse(lines)).toMatchObject({ view: { connections: 1 }, status: { ready: true }, missing: [] })
  })

  it('ends when the daemon does', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_WORKERS: '1' })
    const top = run(daemon, ['top'])
    await daemon.stop()
    expect([0, 69]).toContain((await top).code)
  })
})

it('the commands know the address that the environment file has, as the daemon does', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'shardwire-shell-')), 'settings')
  writeFileSync(file, `SHARDWIRE_ADMIN=http://127.0.0.1:0\nSHARDWIRE_ADMIN_TOKEN=${TOKEN}\n`)
  await using daemon = new DaemonProcess({ SHARDWIRE_ENV_FILE: file, SHARDWIRE_ADMIN: '' }, {})
  await daemon.waitFor(({ event }) => event === 'listening')
  writeFileSync(file, `SHARDWIRE_ADMIN=${daemon.admin}\nSHARDWIRE_ADMIN_TOKEN=${TOKEN}\n`)
  const environment = { SHARDWIRE_ENV_FILE: file, SHARDWIRE_ADMIN: '' }
  expect((await run(daemon, ['status'], environment)).code).toBe(0)
  const { client, id } = await connected(daemon)
  expect((await run(daemon, ['kick', id], environment)).code).toBe(0)
  client.destroy()
})
