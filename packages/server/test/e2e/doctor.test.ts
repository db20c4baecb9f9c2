/** Owns the tests of `shardwire doctor` as somebody types it: before a start, and against a daemon that runs. */
import { RawClient, startDaemon } from '@shardwire/testkit'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Finding } from '../../src/doctor/finding.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

interface Told {
  readonly pid?: number
  readonly well: boolean
  readonly findings: readonly Finding[]
}

async function doctor(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  descriptorLimit?: number,
): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SHARDWIRE_'))
  const env = { ...Object.fromEntries(inherited), ...environment }
  const command = [process.execPath, MAIN, 'doctor', ...args]
  const limited = ['/bin/sh', '-c', 'ulimit -n "$0" && exec "$@"', String(descriptorLimit), ...command]
  const [program = '', ...rest] = descriptorLimit === undefined ? command : limited
  const child = spawn(program, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: Number(code), out, err }
}

function told({ out }: Outcome): Told {
  return JSON.parse(out) as Told
}

describe('before a start', () => {
  it('finds what of this machine is too small, with the command that mends it, and exits with 1', async () => {
    const environment = {
      SHARDWIRE_ADMIN: 'off',
      SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0',
      SHARDWIRE_MAX_CONNECTIONS: '100000',
      SHARDWIRE_WORKERS: '2',
    }
    const { code, out } = await doctor([], environment, 900)
    expect(code).toBe(1)
    expect(out).toContain('no daemon answers')
    expect(out).toMatch(
      /CRITICAL {2}too few open files[\s\S]*read {2}[^\n]*900[\s\S]*why[\s\S]*mend {2}LimitNOFILE=65536/,
    )
    const { well, findings } = told(await doctor(['--json'], environment, 900))
    expect(well).toBe(false)
    expect(findings[0]).toMatchObject({
      level: 'critical',
      mend: expect.arrayContaining([expect.stringMatching(/^LimitNOFILE=65536 /)]),
    })
  })

  it('finds a port that is taken, and by whom', async () => {
    const holder = createServer().listen({ port: 0, host: '127.0.0.1' })
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    const environment = { SHARDWIRE_ADMIN: 'off', SHARDWIRE_LISTEN: `tcp://127.0.0.1:${port}` }
    const { findings } = told(await doctor(['--json'], environment))
    holder.close()
    const finding = findings.find(({ check }) => check === `port ${port}`)
    expect(finding).toMatchObject({ level: 'critical', read: expect.stringContaining(`process ${process.pid}`) })
  })

  it('finds what is wrong with the configuration, all of it', async () => {
    const outcome = await doctor(['--json'], { SHARDWIRE_WORKERS: 'x', SHARDWIRE_HEARTBEAT_MS: '10s' })
    expect(outcome.code).toBe(1)
    expect(told(outcome).findings.map(({ check }) => check)).toEqual([
      'configuration SHARDWIRE_WORKERS',
      'configuration SHARDWIRE_HEARTBEAT_MS',
    ])
  })

  it('tells what is wrong with its arguments', async () => {
    expect(await doctor(['--sconds', '1'], {})).toMatchObject({ code: 2, err: expect.stringContaining('--seconds') })
    expect(await doctor(['--help'], {})).toMatchObject({ code: 0, out: expect.stringContaining('--seconds') })
  })
})

describe('against a daemon that runs', () => {
  it('judges it by its own configuration, whatever the shell has', async () => {
    const settings = { SHARDWIRE_ADMIN: 'http://127.0.0.1:0', SHARDWIRE_BACKLOG: '7', SHARDWIRE_WORKERS: '2' }
    await using daemon = await startDaemon(settings)
    const environment = { SHARDWIRE_ADMIN: daemon.admin, SHARDWIRE_BACKLOG: '65535' }
    const { pid, findings } = told(await doctor(['--json', '--seconds', '1'], environment))
    expect(pid).toBe(daemon.pid)
    const checks = new Map(findings.map((finding) => [finding.check, finding]))
    expect(checks.get('ready')?.level).toBe('fine')
    expect(checks.get(`port ${daemon.port}`)).toBe(undefined)
    expect(checks.get('event-loop')?.read).toMatch(/busy for \d+ %, \d+ % of/)
    if (process.platform === 'linux') expect(checks.get('accept-queue')?.level).toBe('fine')
    expect(await daemon.stop()).toBe(0)
  })

  it('finds that it refuses, and which limit it is', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_ADMIN: 'http://127.0.0.1:0',
      SHARDWIRE_MAX_CONNECTIONS_PER_IP: '1',
    })
    await using first = await RawClient.connect(daemon.port)
    const controller = new AbortController()
    const { body } = await fetch(`${daemon.admin}/api/events`, { signal: controller.signal })
    if (body === null) throw new Error('no events')
    const running = doctor(['--seconds', '2'], { SHARDWIRE_ADMIN: daemon.admin })
    void running.finally(() => controller.abort())
    const knocking = (async () => {
      // One more between any two looks of the doctor, who is told the same samples.
      for await (const _ of body) {
        await using refused = await RawClient.connect(daemon.port)
        await refused.closed()
      }
    })()
    await expect(knocking).rejects.toMatchObject({ name: 'AbortError' })
    const { code, out } = await running
    expect(code).toBe(1)
    expect(out).toMatch(
      /WARNING {3}connections are refused[\s\S]*PER_ADDRESS \d+[\s\S]*SHARDWIRE_MAX_CONNECTIONS_PER_IP/,
    )
    first.destroy()
  })
})
