import { encodeBody } from '@shardwire/protocol'
import { connect } from '@shardwire/client'
import { childrenOf, type Daemon, type LogRecord, RawClient, startDaemon } from '@shardwire/testkit'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { burst, endAll } from './burst.ts'
import * as frames from './frames.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/faulty.ts', import.meta.url))
const ROUTE_ECHO = 1
const ROUTE_THROWS = 2
const ROUTE_REJECTS = 3
const ROUTE_HOLDS = 5
const ROUTE_RELEASE = 6
const ROUTE_VARIABLE = 10
/** iproute2's look at the kernel's sockets. */
const hasSs = spawnSync('ss', ['-V']).status === 0
const MODES = ['handoff', 'reuseport'] as const

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shardwire-reload-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function start(lines: string, environment: Readonly<Record<string, string>> = {}): Promise<Daemon> {
  await writeSettings(lines)
  return await startDaemon({
    SHARDWIRE_SERVICE: SERVICE,
    SHARDWIRE_WORKERS: '2',
    SHARDWIRE_DEBUG_VIEWS: 'false',
    SHARDWIRE_ENV_FILE: join(folder, 'settings'),
    ...environment,
  })
}

async function writeSettings(lines: string): Promise<void> {
  await writeFile(join(folder, 'settings'), lines)
}

function named(name: string): (record: LogRecord) => boolean {
  return ({ event }) => event === name
}

/** Sends SIGHUP and waits for what comes of it: the `count`th such record. */
async function hangUp(daemon: Daemon, outcome: string, count = 1): Promise<LogRecord> {
  daemon.signal('SIGHUP')
  return await daemon.waitFor(() => daemon.records.filter(named(outcome)).length >= count)
}

async function variable(daemon: Daemon, name: string): Promise<unknown> {
  await using client = await RawClient.connect(daemon.port)
  await client.sendFrames(frames.request(ROUTE_VARIABLE, 1, encodeBody(name)))
  return frames.value(await client.nextFrame())
}

function pids(daemon: Daemon): number[] {
  return childrenOf(daemon.pid).map(({ pid }) => pid)
}

async function stopsCleanly(daemon: Daemon): Promise<LogRecord> {
  expect(await daemon.stop()).toBe(0)
  return await daemon.waitFor(named('stopped'))
}

/** Connects, asks, and leaves when it is told to, over and over. */
class Asker {
  readonly failures: unknown[] = []
  answered = 0
  isOver = false
  readonly done: Promise<void>

  constructor(port: number) {
    this.done = this.#run(port).catch((error: unknown) => void this.failures.push(error))
  }

  async #run(port: number): Promise<void> {
    while (!this.isOver) {
      const connection = await connect({ host: '127.0.0.1', port, timeoutMs: 5000 })
      for (let count = 0; count < 50 && connection.isOpen && connection.goaway === undefined; count++) {
        await this.#ask(connection.request(ROUTE_ECHO, Buffer.from('x'), { timeoutMs: 10_000 }))
      }
      await connection.close()
    }
  }

  async #ask(answer: Promise<Uint8Array>): Promise<void> {
    try {
      await answer
      this.answered++
    } catch (error) {
      // An answer too: it did not run, and may be asked again.
      if (!(error instanceof Error) || !isDraining(error)) this.failures.push(error)
    }
  }
}

function isDraining(error: Error): boolean {
  return 'code' in error && (error.name === 'DRAINING' || error.code === 'DRAINING')
}

describe.each(MODES)('SIGHUP under load, by %s', (accept) => {
  it(
    'replaces every worker: all requests are answered, no connect is refused or reset',
    { timeout: 60_000 },
    async () => {
      await using daemon = await start('', { SHARDWIRE_ACCEPT: accept })
      const askers = Array.from({ length: 10 }, () => new Asker(daemon.port))
      for (let round = 1; round <= 2; round++) {
        const before = pids(daemon)
        const reloaded = hangUp(daemon, 'reloaded', round)
        const bursts = await burst(daemon.port, 300)
        await reloaded
        await endAll(bursts.served)
        expect([bursts.closed, bursts.refusedByKernel]).toEqual([0, 0])
        expect(pids(daemon).filter((pid) => before.includes(pid))).toEqual([])
      }
      for (const asker of askers) asker.isOver = true
      await Promise.all(askers.map(({ done }) => done))
      expect(askers.flatMap(({ failures }) => failures)).toEqual([])
      expect(askers.every(({ answered }) => answered > 0)).toBe(true)
      expect(daemon.records.filter(({ class: kind }) => kind === 'system')).toEqual([])
      expect(await stopsCleanly(daemon)).toMatchObject({ forced: 0, refused: 0 })
    },
  )
})

describe('SIGHUP where workers have parts of SHARDWIRE_MAX_CONNECTIONS', () => {
  it('refuses nobody while the total is not reached: who finds no place waits for one of another worker', async () => {
    // Well above what may be known at a time: the burst that is leaving, and the one that comes.
    const limits = { SHARDWIRE_ACCEPT: 'reuseport', SHARDWIRE_MAX_CONNECTIONS: '700', SHARDWIRE_WORKERS: '3' }
    await using daemon = await start('', limits)
    for (let round = 1; round <= 2; round++) {
      const reloaded = hangUp(daemon, 'reloaded', round)
      let isOver = false
      void reloaded.then(() => (isOver = true))
      while (!isOver) {
        const { served, closed, sentAway, refusedByKernel } = await burst(daemon.port, 300)
        expect([closed, sentAway, refusedByKernel]).toEqual([0, 0, 0])
        await endAll(served)
      }
      await reloaded
    }
    expect(await stopsCleanly(daemon)).toMatchObject({ forced: 0, refused: 0 })
  })
})

/** Preloaded into the daemon: it hangs itself up at the moment when it begins to load the rest of itself. */
const HANGS_UP_EARLY = `
import { registerHooks } from 'node:module'
registerHooks({
  resolve(name, context, next) {
    if (name.endsWith('/command-line.js')) process.kill(process.pid, 'SIGHUP')
    return next(name, context)
  },
})`

describe('SIGHUP', () => {
  it('that comes before the daemon is loaded does not end it: a reload follows its start', async () => {
    const preload = `--import=data:text/javascript,${encodeURIComponent(HANGS_UP_EARLY)}`
    await using daemon = await start('GREETING=old\n', { NODE_OPTIONS: preload })
    await daemon.waitFor(named('reloaded'))
    expect(daemon.records.filter(named('reload-queued'))).toEqual([
      expect.objectContaining({ reason: 'SIGHUP', msg: expect.stringContaining('still starting') }),
    ])
    await stopsCleanly(daemon)
  })

  it('reads the file again: variables, limits and log level are those of the new workers', async () => {
    await using daemon = await start('GREETING=old\nSHARDWIRE_MAX_IN_FLIGHT=5\n')
    expect(await variable(daemon, 'GREETING')).toBe('old')
    await writeSettings('GREETING=new\nSHARDWIRE_MAX_IN_FLIGHT=6\nSHARDWIRE_LOG_LEVEL=debug\n')
    await hangUp(daemon, 'reloaded')
    expect(daemon.records.find(named('reloaded'))).toMatchObject({
      changed: ['SHARDWIRE_MAX_IN_FLIGHT', 'SHARDWIRE_LOG_LEVEL'],
    })
    expect(await variable(daemon, 'GREETING')).toBe('new')
    await daemon.waitFor(named('worker-ready'))
    await stopsCleanly(daemon)
  })

  it.each(MODES)('takes another SHARDWIRE_MAX_CONNECTIONS, more, fewer and none, by %s', async (accept) => {
    const total = (count: number): string => `SHARDWIRE_MAX_CONNECTIONS=${count}\n`
    await using daemon = await start(total(2), { SHARDWIRE_ACCEPT: accept, SHARDWIRE_SERVICE: '' })
    const served = async (count: number): Promise<number> => {
      const outcomes = await burst(daemon.port, count)
      await endAll(outcomes.served)
      return outcomes.served.length
    }
    expect(await served(9)).toBe(2)
    for (const [index, [count, expected]] of (
      [
        [5, 5],
        [1, 1],
        [0, 9],
        [3, 3],
      ] as const
    ).entries()) {
      await writeSettings(total(count))
      const record = await hangUp(daemon, 'reloaded', index + 1)
      expect(record).toMatchObject({ changed: ['SHARDWIRE_MAX_CONNECTIONS'] })
      expect(await served(9)).toBe(expected)
    }
    await stopsCleanly(daemon)
  })

  it.skipIf(!hasSs).each(MODES)(
    'takes another backlog and keepalive for who comes from then on, by %s',
    async (accept) => {
      const lines = (keepaliveMs: number, backlog: number): string =>
        `SHARDWIRE_KEEPALIVE_MS=${keepaliveMs}\nSHARDWIRE_BACKLOG=${backlog}\n`
      await using daemon = await start(lines(900_000, 11), { SHARDWIRE_ACCEPT: accept })
      const sockets = (state: string): string =>
        execFileSync('ss', ['-tnoH', 'state', state, `sport = :${daemon.port}`], { encoding: 'utf8' })
      expect(sockets('listening')).toMatch(/^0 +11 /)
      await writeSettings(lines(30_000, 12))
      await hangUp(daemon, 'reloaded')
      await using client = await RawClient.connect(daemon.port)
      await frames.greetServer(client)
      expect(sockets('listening')).toMatch(/^0 +12 /)
      // What is left of thirty seconds; before it were fifteen minutes.
      expect(sockets('established')).toMatch(/timer:\(keepalive,[12]?\d(\.\d+)?sec,|timer:\(keepalive,30sec,/)
      client.destroy()
      await stopsCleanly(daemon)
    },
  )

  it('with a file that is wrong is refused with all reasons, and nothing changes', async () => {
    await using daemon = await start('GREETING=old\n')
    const before = pids(daemon)
    const lines = ['GREETING=new', 'SHARDWIRE_BACKLOG=x', 'SHARDWIRE_IDLE_TIMEOUT=5', 'SHARDWIRE_MAX_IN_FLIGHT 7']
    await writeSettings(lines.join('\n'))
    await hangUp(daemon, 'reload-refused')
    const { problems } = daemon.records.find(named('reload-refused')) ?? {}
    expect(problems).toEqual([
      expect.stringContaining('begins with SHARDWIRE_MAX_IN_FLIGHT and sets nothing'),
      expect.stringContaining('SHARDWIRE_BACKLOG is "x"'),
      expect.stringContaining('SHARDWIRE_IDLE_TIMEOUT is not an option'),
    ])
    // As the file system leaves it behind where the power failed.
    await writeSettings('GREETING=new\n\0\0\0\0')
    expect(await hangUp(daemon, 'reload-refused', 2)).toBeDefined()
    expect(daemon.records.findLast(named('reload-refused'))?.['problems']).toEqual([
      expect.stringContaining('null byte in line 2'),
    ])
    expect(pids(daemon)).toEqual(before)
    expect(await variable(daemon, 'GREETING')).toBe('old')
    await stopsCleanly(daemon)
  })

  it('with values that are wrong and others that need a restart is told of all of them at once', async () => {
    const settings = { SHARDWIRE_WORKERS: '', SHARDWIRE_TRANSPORT: '' }
    await using daemon = await start('SHARDWIRE_WORKERS=2\n', settings)
    // Not that it needs a restart for the workers, too: a misspelled name is what there is to mend.
    await writeSettings('SHARDWIRE_WORKRES=2\nSHARDWIRE_BACKLOG=x\nSHARDWIRE_TRANSPORT=socket\n')
    await hangUp(daemon, 'reload-refused')
    expect(daemon.records.find(named('reload-refused'))?.['problems']).toEqual([
      expect.stringContaining('SHARDWIRE_BACKLOG is "x"'),
      expect.stringContaining('SHARDWIRE_WORKRES is not an option'),
      expect.stringContaining('SHARDWIRE_TRANSPORT is socket now'),
    ])
    await writeSettings('SHARDWIRE_WORKERS=0x\nSHARDWIRE_BACKLOG=12\n')
    await hangUp(daemon, 'reload-refused', 2)
    expect(daemon.records.findLast(named('reload-refused'))?.['problems']).toEqual([
      expect.stringContaining('SHARDWIRE_WORKERS is "0x"'),
    ])
    await stopsCleanly(daemon)
  })

  it('with what the primary holds changed is refused: needs a restart', async () => {
    const settings = { SHARDWIRE_WORKERS: '', SHARDWIRE_TRANSPORT: '' }
    await using daemon = await start('SHARDWIRE_WORKERS=2\n', settings)
    await writeSettings('SHARDWIRE_WORKERS=3\nSHARDWIRE_TRANSPORT=socket\n')
    await hangUp(daemon, 'reload-refused')
    const { problems } = daemon.records.find(named('reload-refused')) ?? {}
    const needs = [
      'SHARDWIRE_WORKERS is 3 now and was 2 at the start: needs a restart',
      'SHARDWIRE_TRANSPORT is socket now',
    ]
    expect(problems).toEqual(expect.arrayContaining(needs.map((text): unknown => expect.stringContaining(text))))
    await stopsCleanly(daemon)
  })

  it('to a service that does not load stops with its message, and the old workers go on', async () => {
    await using daemon = await start(`SHARDWIRE_SERVICE=${SERVICE}\nGREETING=old\n`, { SHARDWIRE_SERVICE: '' })
    const before = pids(daemon)
    await writeFile(join(folder, 'broken.mjs'), 'throw new Error("no such table")')
    await writeSettings(`SHARDWIRE_SERVICE=${join(folder, 'broken.mjs')}\nGREETING=new\n`)
    await hangUp(daemon, 'reload-failed')
    const failed = daemon.records.find(named('reload-failed'))
    expect(failed).toMatchObject({ slot: 0, replaced: 0, why: expect.stringContaining('no such table') })
    expect(new Set(pids(daemon))).toEqual(new Set(before))
    process.kill(before[0] ?? 0, 'SIGKILL')
    await daemon.waitFor(named('worker-exited'))
    expect(await variable(daemon, 'GREETING')).toBe('old')
    await writeSettings(`SHARDWIRE_SERVICE=${SERVICE}\nGREETING=mended\n`)
    await hangUp(daemon, 'reloaded')
    expect(await variable(daemon, 'GREETING')).toBe('mended')
    await stopsCleanly(daemon)
  })

  it('during a reload is one more reload after it, with what is in the file by then', async () => {
    await using daemon = await start('GREETING=0\n', { SHARDWIRE_WORKERS: '1' })
    // The first reload lasts until its call is answered.
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(client)
    await writeSettings('GREETING=1\n')
    await hangUp(daemon, 'reload-started')
    await writeSettings('GREETING=2\n')
    daemon.signal('SIGHUP')
    await daemon.waitFor(named('reload-queued'))
    // GOAWAY.
    await client.nextFrame()
    await client.sendFrames(frames.message(ROUTE_RELEASE, ''))
    await daemon.waitFor(() => daemon.records.filter(named('reloaded')).length === 2)
    expect(await variable(daemon, 'GREETING')).toBe('2')
    await stopsCleanly(daemon)
  })

  it('gives a call in flight its time: the worker is replaced when it has answered', async () => {
    await using daemon = await start('', { SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(client)
    daemon.signal('SIGHUP')
    await client.nextFrame()
    // The new one serves by now: the old one says GOAWAY after that.
    expect(await variable(daemon, 'NONE')).toBe(null)
    await client.sendFrames(frames.message(ROUTE_RELEASE, ''))
    expect((await client.nextFrame()).id).toBe(1)
    await client.closed()
    await daemon.waitFor(named('reloaded'))
    expect(daemon.records.find(named('worker-replaced'))).toMatchObject({ answered: 1, forced: 0, why: 'reload' })
    await stopsCleanly(daemon)
  })
})

describe('in the middle of a reload', () => {
  it('a worker that dies is no harm: the reload goes on', async () => {
    await using daemon = await start('', { SHARDWIRE_WORKERS: '3', SHARDWIRE_ACCEPT: 'handoff' })
    const victims = pids(daemon)
    // The first that is replaced drains until its call is answered.
    await using client = await RawClient.connect(daemon.port)
    expect((await frames.greetServer(client)).shard).toBe(0)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(client)
    await hangUp(daemon, 'worker-replacing')
    process.kill(victims[0] ?? 0, 'SIGKILL')
    process.kill(victims[2] ?? 0, 'SIGKILL')
    await daemon.waitFor(named('reloaded'))
    expect(pids(daemon)).toHaveLength(3)
    expect(pids(daemon).filter((pid) => victims.includes(pid))).toEqual([])
    await stopsCleanly(daemon)
  })

  it('an exception in a worker that drains ends it within a second, not when the drain is over', async () => {
    await using daemon = await start('', { SHARDWIRE_WORKERS: '1', SHARDWIRE_DRAIN_TIMEOUT_MS: '60000' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(client)
    await hangUp(daemon, 'worker-replacing')
    // GOAWAY.
    await client.nextFrame()
    await client.sendFrames(frames.message(ROUTE_THROWS, ''))
    expect((await client.closed()).how).toBe('reset')
    const left = await daemon.waitFor(named('worker-replaced'))
    expect(left).toMatchObject({ why: 'reload', forced: 1 })
    await daemon.waitFor(named('reloaded'))
    await stopsCleanly(daemon)
  })

  it('SIGTERM ends it also while it waits for a worker that is replaced for another reason', async () => {
    await using daemon = await start('', { SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.message(ROUTE_REJECTS, ''))
    await daemon.waitFor(named('worker-replacing'))
    daemon.signal('SIGHUP')
    await daemon.waitFor(named('reload-started'))
    expect(await daemon.stop()).toBe(0)
  })

  it('SIGTERM ends it, and the daemon', async () => {
    await using daemon = await start('', { SHARDWIRE_WORKERS: '3' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(client)
    await hangUp(daemon, 'worker-replacing')
    daemon.signal('SIGTERM')
    await daemon.waitFor(named('draining'))
    // Until now its worker could not be replaced.
    client.destroy()
    expect(await daemon.exited).toEqual({ code: 0, signal: null })
    expect(daemon.records.filter(named('reloaded'))).toEqual([])
    // Nothing has failed, and nothing is to be mended.
    expect(daemon.records.filter(named('reload-failed'))).toEqual([])
    expect(daemon.records.filter(named('reload-abandoned'))).toHaveLength(1)
  })
})

describe('during a drain', () => {
  it('SIGHUP changes nothing', async () => {
    await using daemon = await start('', { SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(client)
    daemon.signal('SIGTERM')
    await client.nextFrame()
    daemon.signal('SIGHUP')
    await daemon.waitFor(named('reload-ignored'))
    await client.sendFrames(frames.message(ROUTE_RELEASE, ''))
    await client.closed()
    expect(await daemon.exited).toEqual({ code: 0, signal: null })
  })
})
