/** Owns the tests of profiles of a daemon that serves: by HTTP and from the shell. */
import { connect } from '@shardwire/client'
import { eventually, startDaemon } from '@shardwire/testkit'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const SERVICE = fileURLToPath(new URL('../fixtures/busy.ts', import.meta.url))
const TOKEN = 'a-token-that-may-act'
const ON = { SHARDWIRE_ADMIN: 'http://127.0.0.1:0', SHARDWIRE_ADMIN_TOKEN: TOKEN, SHARDWIRE_WORKERS: '2' }
const AUTHORIZED = { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } }
const ECHO = 1

/** What DevTools read of a CPU profile. */
interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string } }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
  readonly startTime: number
  readonly endTime: number
}

/** And of a heap profile. */
interface HeapNode {
  readonly callFrame: { readonly functionName: string }
  readonly selfSize: number
  readonly children: readonly HeapNode[]
}

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function shardwire(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SHARDWIRE_'))
  const env = { ...Object.fromEntries(inherited), ...environment }
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: Number(code), out, err }
}

function namesOf(node: HeapNode): string[] {
  return [node.callFrame.functionName, ...node.children.flatMap(namesOf)]
}

describe('a CPU profile', () => {
  it('shows what a worker does, which serves all the while', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' })
    await using client = await connect({ host: '127.0.0.1', port: daemon.port })
    const file = join(mkdtempSync(join(tmpdir(), 'profile-')), 'a.cpuprofile')
    let isOver = false
    const taken = shardwire(['profile', 'cpu', '--worker', '0', '--seconds', '2', '-o', file], {
      SHARDWIRE_ADMIN: daemon.admin,
      SHARDWIRE_ADMIN_TOKEN: TOKEN,
    }).finally(() => (isOver = true))
    // In microseconds of the clock that profiles go by.
    const answeredAtUs: number[] = []
    while (!isOver) {
      await client.request(ECHO, new Uint8Array(64))
      answeredAtUs.push(Number(process.hrtime.bigint() / 1000n))
    }
    expect(await taken).toMatchObject({ code: 0, err: '', out: expect.stringContaining(file) })
    const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile
    const seconds = (profile.endTime - profile.startTime) / 1e6
    expect(seconds).toBeGreaterThan(1.9)
    expect(profile.samples.length).toBe(profile.timeDeltas.length)
    expect(profile.nodes.map(({ callFrame }) => callFrame.functionName)).toContain('spinsForTheProfile')
    // It did not stand still for it: then one echo could be answered in that time, at its end.
    const isMeanwhile = (atUs: number): boolean => atUs > profile.startTime && atUs < profile.endTime
    expect(answeredAtUs.filter(isMeanwhile).length).toBeGreaterThan(20)
    expect(daemon.records.some(({ action, slot }) => action === 'profile' && slot === 0)).toBe(true)
    await client.close()
    expect(await daemon.stop()).toBe(0)
  })

  it('comes in the form that DevTools open, under a name, and is for who may act alone', async () => {
    await using daemon = await startDaemon(ON)
    const path = `${daemon.admin}/api/workers/1/profile?kind=cpu&seconds=1`
    expect((await fetch(path, { method: 'POST' })).status).toBe(401)
    expect((await fetch(path, { headers: AUTHORIZED.headers })).status).toBe(405)
    const response = await fetch(path, AUTHORIZED)
    expect(response.headers.get('content-disposition')).toContain('shardwire-worker-1.cpuprofile')
    expect(((await response.json()) as CpuProfile).nodes[0]?.callFrame.functionName).toBe('(root)')
    expect(await daemon.stop()).toBe(0)
  })
})

describe('a heap profile', () => {
  it('shows who allocated what lives on', async () => {
    await using daemon = await startDaemon({ ...ON, SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' })
    await using client = await connect({ host: '127.0.0.1', port: daemon.port })
    const response = fetch(`${daemon.admin}/api/workers/0/profile?kind=heap&seconds=2`, AUTHORIZED)
    let isOver = false
    const profile = response.then((got) => got.json()).finally(() => (isOver = true))
    while (!isOver) await client.request(2, new Uint8Array(8))
    const { head } = (await profile) as { readonly head: HeapNode }
    expect(namesOf(head)).toContain('keepsForTheProfile')
    await client.close()
    expect(await daemon.stop()).toBe(0)
  })
})

describe('a profile', () => {
  it('is one at a time for each worker', async () => {
    await using daemon = await startDaemon(ON)
    const ask = async (worker: number): Promise<number> => {
      const response = await fetch(`${daemon.admin}/api/workers/${worker}/profile?seconds=2`, AUTHORIZED)
      await response.arrayBuffer()
      return response.status
    }
    const statuses = await Promise.all([ask(0), ask(0), ask(1)])
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 409])
    expect(await ask(0)).toBe(200)
    expect(await daemon.stop()).toBe(0)
  })

  it('that nobody waits for any more ends, and the next one can be taken', async () => {
    await using daemon = await startDaemon(ON)
    const path = `${daemon.admin}/api/workers/0/profile?seconds=`
    const controller = new AbortController()
    const left = fetch(`${path}60`, { ...AUTHORIZED, signal: controller.signal })
    await daemon.waitFor(({ action }) => action === 'profile')
    controller.abort()
    await expect(left).rejects.toThrow(/abort/i)
    await eventually(
      async () => (await fetch(`${path}1`, AUTHORIZED)).status === 200,
      () => 'the worker is still busy with a profile that nobody waits for',
    )
    expect(await daemon.stop()).toBe(0)
  })

  it('ends with its worker, and leaves no file behind', async () => {
    await using daemon = await startDaemon(ON)
    const file = join(mkdtempSync(join(tmpdir(), 'profile-')), 'b.cpuprofile')
    const environment = { SHARDWIRE_ADMIN: daemon.admin, SHARDWIRE_ADMIN_TOKEN: TOKEN }
    const taken = shardwire(['profile', 'cpu', '--seconds', '30', '-o', file], environment)
    await daemon.waitFor(({ action }) => action === 'profile')
    process.kill(daemon.workers[0]?.pid ?? 0, 'SIGKILL')
    expect(await taken).toMatchObject({ code: 1, err: expect.stringContaining('worker 0 has ended') })
    expect([existsSync(file), existsSync(`${file}.part`)]).toEqual([false, false])
    expect(await daemon.stop()).toBe(0)
  })

  it('holds up no drain', async () => {
    await using daemon = await startDaemon(ON)
    const path = `${daemon.admin}/api/workers/0/profile?seconds=60`
    const cut = fetch(path, AUTHORIZED).then((response) => response.status)
    await daemon.waitFor(({ action }) => action === 'profile')
    expect(await daemon.stop()).toBe(0)
    expect(await cut.catch(() => 503)).toBe(503)
  })

  it('is refused with what was expected', async () => {
    await using daemon = await startDaemon(ON)
    const refused = async (path: string): Promise<unknown> => {
      const response = await fetch(`${daemon.admin}/api/workers/${path}`, AUTHORIZED)
      return [response.status, ((await response.json()) as { error: string }).error]
    }
    expect(await refused('7/profile')).toEqual([404, 'there is no worker 7 that serves'])
    expect(await refused('0/profile?kind=wall')).toEqual([400, 'kind is "wall": expected cpu or heap'])
    expect(await refused('0/profile?seconds=61')).toEqual([400, expect.stringContaining('from 1 to 60')])
    const environment = { SHARDWIRE_ADMIN: daemon.admin, SHARDWIRE_ADMIN_TOKEN: TOKEN }
    const wrong = [['profile'], ['profile', 'cpu', '--seconds', '61'], ['profile', 'cpu', '--worker', 'x']]
    for (const args of wrong) expect((await shardwire(args, environment)).code).toBe(2)
    expect(await shardwire(['profile', 'cpu'], { SHARDWIRE_ADMIN: daemon.admin })).toMatchObject({ code: 77 })
    expect(await daemon.stop()).toBe(0)
  })
})

it('the command tells scripts which file it wrote, and how large it is', async () => {
  await using daemon = await startDaemon(ON)
  const directory = mkdtempSync(join(tmpdir(), 'profile-'))
  const file = join(directory, 'c.heapprofile')
  const environment = { SHARDWIRE_ADMIN: daemon.admin, SHARDWIRE_ADMIN_TOKEN: TOKEN }
  const { code, out } = await shardwire(['profile', 'heap', '--seconds', '1', '--json', '-o', file], environment)
  expect(code).toBe(0)
  expect(JSON.parse(out)).toEqual({ file, bytes: statSync(file).size, kind: 'heap', worker: 0, seconds: 1 })
  expect(await daemon.stop()).toBe(0)
})
