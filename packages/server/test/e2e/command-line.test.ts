import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs the command line to its end. */
async function shardwire(args: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SHARDWIRE_'))
  const env = { ...Object.fromEntries(inherited), ...environment }
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: Number(code), out, err }
}

describe('shardwire', () => {
  it('--help names the commands, --version prints the version', async () => {
    const help = await shardwire(['--help'])
    expect(help).toMatchObject({ code: 0, err: '' })
    expect(help.out).toMatch(/serve[\s\S]*config/)
    expect((await shardwire(['serve', '--help'])).out).toBe(help.out)
    expect(await shardwire(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })

  it('config prints every option, its value and where it comes from', async () => {
    const { code, out } = await shardwire(['config'], { SHARDWIRE_WORKERS: '3' })
    expect(code).toBe(0)
    expect(out).toMatch(/SHARDWIRE_WORKERS +3 +environment/)
    expect(out).toMatch(/SHARDWIRE_HEARTBEAT_MS +30000 +default/)
    expect(out).toMatch(/SHARDWIRE_MAX_BUFFER_BYTES +\d+ +computed/)
  })

  it('refuses an unknown command and says where to look', async () => {
    expect(await shardwire(['sevre'])).toMatchObject({ code: 2, err: expect.stringMatching(/sevre[\s\S]*--help/) })
  })

  it('lists every wrong variable at once and does not start', async () => {
    const outcome = await shardwire(['serve'], {
      SHARDWIRE_WORKERS: 'many',
      SHARDWIRE_HEARTBEAT_MS: '10s',
      SHARDWIRE_HARTBEAT_MISSES: '3',
    })
    expect(outcome.code).toBe(2)
    expect(outcome.out).toBe('')
    expect(outcome.err).toMatch(/3 problems/)
    expect(outcome.err).toMatch(/SHARDWIRE_WORKERS[\s\S]*many/)
    expect(outcome.err).toMatch(/10000/)
    expect(outcome.err).toMatch(/did you mean SHARDWIRE_HEARTBEAT_MISSES/i)
  })

  it('starts in the environment of a Kubernetes Service that is called shardwire', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_SERVICE_HOST: '10.0.0.7',
      SHARDWIRE_SERVICE_PORT: '7400',
      SHARDWIRE_SERVICE_PORT_FRAMES: '7400',
      SHARDWIRE_PORT: 'tcp://10.0.0.7:7400',
      SHARDWIRE_PORT_7400_TCP: 'tcp://10.0.0.7:7400',
      SHARDWIRE_PORT_7400_TCP_PROTO: 'tcp',
      SHARDWIRE_PORT_7400_TCP_PORT: '7400',
      SHARDWIRE_PORT_7400_TCP_ADDR: '10.0.0.7',
    })
    expect(await daemon.stop()).toBe(0)
  })

  it('says who holds a port that is in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    const outcome = await shardwire([], { SHARDWIRE_LISTEN: `tcp://127.0.0.1:${port}` })
    holder.close()
    expect(outcome.code).toBe(1)
    expect(outcome.err).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*in use by process ${process.pid}`))
  })

  it('says what is wrong with an address that is not of this machine', async () => {
    const outcome = await shardwire([], { SHARDWIRE_LISTEN: 'tcp://192.0.2.1:0' })
    expect(outcome).toMatchObject({ code: 1, err: expect.stringMatching(/192\.0\.2\.1.*no such address/) })
  })

  /** What a person at a terminal is shown; `use` is done with it while the daemon runs. */
  async function banner(
    listen: string,
    use: (shown: string) => Promise<void> = async () => undefined,
    environment: Readonly<Record<string, string>> = {},
  ) {
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env['PATH'], SHARDWIRE_LISTEN: listen, SHARDWIRE_LOG_FORMAT: 'pretty', ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = once(child, 'close')
    let shown = ''
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      shown += String(chunk)
      if (!shown.includes('Stop it:') || child.killed) continue
      await use(shown)
      child.kill('SIGTERM')
    }
    return { shown, closed: await closed }
  }

  it('shows a person what it listens on, its configuration and how to send the first frame', async () => {
    const { shown, closed } = await banner('tcp://127.0.0.1:0')
    const port = /listening on tcp:\/\/127\.0\.0\.1:(\d+)/.exec(shown)?.[1]
    expect(shown).toContain(`.connect(${port}, '127.0.0.1')`)
    expect(shown).toContain('0001000000017811f5c494')
    expect(shown).toMatch(/SHARDWIRE_LISTEN.*environment/)
    expect(closed).toEqual([0, null])
  })

  it('shows a frame that a service of somebody else answers, too, by a command that works', async () => {
    let printed = ''
    const service = fileURLToPath(new URL('../fixtures/hooked.ts', import.meta.url))
    const { shown } = await banner(
      'tcp://127.0.0.1:0',
      async (text) => {
        const command = /^ +(node -e .+)$/m.exec(text)?.[1] ?? ''
        printed = (await run('/bin/sh', ['-c', command])).stdout
      },
      { SHARDWIRE_SERVICE: service },
    )
    expect(printed).toMatch(/^<Buffer [0-9a-f ]+>\n$/)
    expect(shown).not.toContain('echo')
  })

  it('shows how to send the first object where no frames are spoken, by a command that works', async () => {
    let printed = ''
    const { shown, closed } = await banner(
      'tcp://127.0.0.1:0?codec=line,tcp://127.0.0.1:0?codec=json',
      async (text) => {
        const command = /^ +(node -e .+)$/m.exec(text)?.[1] ?? ''
        printed = (await run('/bin/sh', ['-c', command])).stdout
      },
    )
    expect(shown).toMatch(/listening on tcp:.*codec=line\n.*listening on tcp:.*codec=json\n/)
    expect(printed).toMatch(/^\{"uid":1,"val":"server: hello, world","ts":".+"\}/)
    expect(closed).toEqual([0, null])
  })
})
