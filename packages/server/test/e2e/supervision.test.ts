import { encodeBody, KIND_CONTROL, KIND_RESPONSE, OPCODE_GOAWAY, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import {
  childrenOf,
  type Daemon,
  type DaemonOptions,
  eventually,
  type LogRecord,
  RawClient,
  type ReceivedFrame,
  startDaemon,
} from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/faulty.ts', import.meta.url))
const FAULTY_PRIMARY = fileURLToPath(new URL('../fixtures/faulty-primary.mjs', import.meta.url))
const NO_PROCESSES = fileURLToPath(new URL('../fixtures/no-processes.mjs', import.meta.url))
const FAST_SECONDS = fileURLToPath(new URL('../fixtures/fast-seconds.mjs', import.meta.url))
const ROUTE_ECHO = 1
const ROUTE_THROWS = 2
const ROUTE_REJECTS = 3
const ROUTE_LOOPS = 4
const ROUTE_HOLDS = 5
const ROUTE_RELEASE = 6
const ROUTE_GROWS = 7
const ROUTE_LEAKS = 8
const ROUTE_PID = 9
const ROUTE_DIES = 11
const ROUTE_EXITS = 12
const ROUTE_BURNS = 13
const PONG = { kind: KIND_CONTROL, route: OPCODE_PONG }

function isGoaway({ kind, route }: ReceivedFrame): boolean {
  return kind === KIND_CONTROL && route === OPCODE_GOAWAY
}

async function start(environment: Readonly<Record<string, string>> = {}, options: DaemonOptions = {}): Promise<Daemon> {
  const settings = { SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_DEBUG_VIEWS: 'false', SHARDWIRE_LOG_LEVEL: 'debug' }
  return await startDaemon({ ...settings, ...environment }, options)
}

async function ask(client: RawClient, route: number, value: unknown = null): Promise<unknown> {
  await client.sendFrames(frames.request(route, 1, encodeBody(value)))
  return frames.value(await client.nextFrame())
}

/** A client of a worker, with that worker's process. */
async function clientOf(daemon: Daemon): Promise<{ client: RawClient; pid: number }> {
  const client = await RawClient.connect(daemon.port)
  return { client, pid: Number(await ask(client, ROUTE_PID)) }
}

/** Connects until somebody is served by a worker that is not `pid`. */
async function servedByAnother(daemon: Daemon, pid: number): Promise<number> {
  for (;;) {
    const { client, pid: other } = await clientOf(daemon)
    client.destroy()
    if (other !== pid) return other
  }
}

function of(name: string, pid?: number) {
  return ({ event, worker, pid: own }: LogRecord): boolean => {
    return event === name && (pid === undefined || worker === pid || own === pid)
  }
}

async function stopsCleanly(daemon: Daemon): Promise<LogRecord> {
  expect(await daemon.stop()).toBe(0)
  return await daemon.waitFor(({ event }) => event === 'stopped')
}

describe('a worker that is killed', () => {
  it('is replaced in under a second, and nobody but its own clients sees anything', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '2' })
    const { client, pid } = await clientOf(daemon)
    let other = await clientOf(daemon)
    while (other.pid === pid) other = await clientOf(daemon)
    process.kill(pid, 'SIGKILL')
    expect(['reset', 'end']).toContain((await client.closed()).how)
    const isNew = ({ event, worker }: LogRecord): boolean => {
      return event === 'worker-ready' && !daemon.workers.some((known) => known.pid === worker)
    }
    const ready = await daemon.waitFor(isNew)
    const exited = await daemon.waitFor(of('worker-exited', pid))
    // The rest of the second is for a process to start.
    expect(exited).toMatchObject({ class: 'system', signal: 'SIGKILL', restartMs: 50 })
    expect(daemon.records.indexOf(ready)).toBeGreaterThan(daemon.records.indexOf(exited))
    expect(await ask(other.client, ROUTE_PID)).toBe(other.pid)
    other.client.destroy()
    await stopsCleanly(daemon)
  })

  it('again and again is a crash loop: readiness is off, and the daemon goes on', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '1' })
    for (let death = 0; death < 4; death++) {
      await using client = await RawClient.connect(daemon.port)
      await client.sendFrames(frames.request(ROUTE_DIES, 1, ''))
      await client.closed()
    }
    expect(await daemon.waitFor(of('crash-loop'))).toMatchObject({ slot: 0, deaths: 4, class: 'system' })
    const notReady = await daemon.waitFor(
      ({ event, reasons }) => event === 'readiness' && String(reasons).includes('loop'),
    )
    expect(notReady).toMatchObject({ ready: false })
    const { client } = await clientOf(daemon)
    client.destroy()
    await stopsCleanly(daemon)
  })

  it('by its own service is told with its code', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_EXITS, 1, ''))
    await client.closed()
    expect(await daemon.waitFor(of('worker-exited'))).toMatchObject({ code: 3 })
    await stopsCleanly(daemon)
  })
})

describe('a system that starts no more processes', () => {
  it('costs the worker that died until it does again: the daemon goes on, and says what is missing', async () => {
    const options = { execArgv: ['--import', NO_PROCESSES] }
    await using daemon = await start({ SHARDWIRE_WORKERS: '2', TEST_FAILED_STARTS: '2' }, options)
    const { client, pid } = await clientOf(daemon)
    const [other = 0] = daemon.workers.map((worker) => worker.pid).filter((known) => known !== pid)
    daemon.signal('SIGUSR2')
    process.kill(other, 'SIGKILL')
    const failed = await daemon.waitFor(({ why }) => String(why).startsWith('the system would not start it: ENOMEM'))
    expect(failed).toMatchObject({ event: 'worker-exited', class: 'system' })
    const isNew = ({ event, worker }: LogRecord): boolean => {
      return event === 'worker-ready' && !daemon.workers.some((known) => known.pid === worker)
    }
    await daemon.waitFor(isNew)
    expect(await ask(client, ROUTE_PID)).toBe(pid)
    client.destroy()
    await stopsCleanly(daemon)
  })
})

describe('an exception that nobody catches', () => {
  it('ends its worker within a second: what is in flight is answered, what comes goes to another', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '1', SHARDWIRE_DRAIN_TIMEOUT_MS: '60000' })
    const { client, pid } = await clientOf(daemon)
    const waiting = await RawClient.connect(daemon.port)
    await waiting.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(waiting)
    await client.sendFrames(frames.request(ROUTE_THROWS, 1, ''))
    const told = await daemon.waitFor(of('uncaught-exception'))
    expect(told).toMatchObject({ class: 'system', err: { message: 'nobody catches this' } })
    const next = await servedByAnother(daemon, pid)
    expect((await waiting.closed()).how).toBe('reset')
    const replaced = await daemon.waitFor(of('worker-replaced', pid))
    expect(replaced).toMatchObject({ why: 'an uncaught exception', forced: 1, successor: next })
    // A second, however late its end is noticed, and not what a drain may take.
    expect(Number(replaced['tookMs'])).toBeLessThan(30_000)
    expect(daemon.records.filter(of('worker-exited'))).toEqual([])
    await stopsCleanly(daemon)
  })
})

describe('a promise that rejects and that nobody awaits', () => {
  it('is told and counted, and its worker drained in full once its successor serves', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '1' })
    const { client, pid } = await clientOf(daemon)
    await using waiting = await RawClient.connect(daemon.port)
    await waiting.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(waiting)
    await client.sendFrames(frames.request(ROUTE_REJECTS, 1, ''))
    expect(await daemon.waitFor(of('stray-rejection'))).toMatchObject({ err: { message: 'nobody awaits this' } })
    expect(await daemon.waitFor(of('worker-outworn', pid))).toMatchObject({ why: 'a stray rejection' })
    const goaway = await waiting.nextFrame()
    expect(isGoaway(goaway)).toBe(true)
    await waiting.sendFrames(frames.message(ROUTE_RELEASE, ''))
    expect(await waiting.nextFrame()).toMatchObject({ kind: KIND_RESPONSE, id: 1 })
    expect((await waiting.closed()).how).toBe('end')
    expect(await daemon.waitFor(of('worker-replaced', pid))).toMatchObject({ forced: 0, answered: 1 })
    await servedByAnother(daemon, pid)
    expect(await stopsCleanly(daemon)).toMatchObject({ strayRejections: 1 })
  })
})

describe('a worker whose event loop stands still', () => {
  it('is found, told with what is known, killed and replaced; others serve on', async () => {
    await using daemon = await start({ SHARDWIRE_WATCHDOG_MS: '2000' })
    const { client, pid } = await clientOf(daemon)
    await client.sendFrames(frames.request(ROUTE_LOOPS, 1, ''))
    const stuck = await daemon.waitFor(of('worker-stuck', pid))
    expect(stuck).toMatchObject({ class: 'system', limitMs: 2000, state: 'running' })
    expect(Number(stuck['silentMs'])).toBeGreaterThanOrEqual(2000)
    await client.closed()
    await servedByAnother(daemon, pid)
    const { why } = await daemon.waitFor(of('worker-exited', pid))
    expect(why).toContain('the watchdog killed it')
    await stopsCleanly(daemon)
  })

  it('is not one that was stopped together with its primary, as when the machine sleeps', async () => {
    const heartbeat = { SHARDWIRE_HEARTBEAT_MS: '500', SHARDWIRE_HEARTBEAT_MISSES: '100' }
    await using daemon = await start({ SHARDWIRE_WATCHDOG_MS: '2000', SHARDWIRE_WORKERS: '1' })
    await using other = await start({ SHARDWIRE_WORKERS: '1', ...heartbeat })
    const { client, pid } = await clientOf(daemon)
    const { client: clock } = await clientOf(other)
    daemon.signal('SIGSTOP', { group: true })
    // Eight PINGs of another daemon are four seconds.
    for (let beat = 0; beat < 8; beat++) {
      await clock.nextFrame()
      await clock.sendFrames(PONG)
    }
    daemon.signal('SIGCONT', { group: true })
    expect(await ask(client, ROUTE_PID)).toBe(pid)
    client.destroy()
    clock.destroy()
    await stopsCleanly(daemon)
    expect(daemon.records.filter(of('worker-stuck'))).toEqual([])
  })
})

describe('a heap that fills up', () => {
  it('is noticed at 85 %, and its worker replaced before it dies', async () => {
    const heartbeat = { SHARDWIRE_HEARTBEAT_MS: '50', SHARDWIRE_HEARTBEAT_MISSES: '100' }
    await using daemon = await start({ ...heartbeat, SHARDWIRE_WORKERS: '1', SHARDWIRE_HEAP_MB: '192' })
    const { client, pid } = await clientOf(daemon)
    await client.sendFrames(frames.message(ROUTE_GROWS, encodeBody(130)))
    // A little with each PING: what a second brings must not outrun the look that each second has.
    while (!daemon.records.some(of('heap-full'))) {
      const { kind, route } = await client.nextFrame()
      if (kind !== KIND_CONTROL || route !== OPCODE_PING) continue
      await client.sendFrames(PONG, frames.message(ROUTE_GROWS, encodeBody(1)))
    }
    client.halfClose()
    expect((await client.closed()).how).toBe('end')
    expect(await daemon.waitFor(of('heap-full'))).toMatchObject({ class: 'system', limitMb: 192 })
    expect(await daemon.waitFor(of('worker-replaced', pid))).toMatchObject({ forced: 0 })
    expect(daemon.records.filter(of('worker-exited'))).toEqual([])
    await stopsCleanly(daemon)
  })
})

describe('files that a service opens and does not close', () => {
  it('are told, and past half of the limit their worker is replaced', async () => {
    const options = { execArgv: ['--import', FAST_SECONDS], descriptorLimit: 1200 }
    await using daemon = await start({ SHARDWIRE_WORKERS: '1' }, options)
    const { client, pid } = await clientOf(daemon)
    // As many with each look as take it past half of the limit by the time at which it is told.
    await client.sendFrames(frames.message(ROUTE_LEAKS, encodeBody(5)))
    const told = await daemon.waitFor(of('descriptor-leak'))
    expect(told).toMatchObject({ class: 'system', limit: 1200, connectionsOpen: 1 })
    expect(Number(told['grew'])).toBeGreaterThanOrEqual(64)
    expect(await daemon.waitFor(of('worker-outworn', pid))).toMatchObject({
      why: 'open files that no connection explains',
    })
    client.halfClose()
    await daemon.waitFor(of('worker-replaced', pid))
    await stopsCleanly(daemon)
  })
})

describe('a fault of the primary', () => {
  it.each([
    ['an exception', 'SIGUSR2'],
    ['a rejection', 'SIGWINCH'],
  ] as const)('%s is told, what is in flight is answered, and the daemon ends with 70', async (what, signal) => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '2' }, { execArgv: ['--import', FAULTY_PRIMARY] })
    const { client } = await clientOf(daemon)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(client)
    daemon.signal(signal)
    expect(await daemon.waitFor(of('primary-fault'))).toMatchObject({
      class: 'system',
      err: { message: `${what} in the primary` },
    })
    expect(isGoaway(await client.nextFrame())).toBe(true)
    await client.sendFrames(frames.message(ROUTE_RELEASE, ''))
    expect(await client.nextFrame()).toMatchObject({ kind: KIND_RESPONSE, id: 1 })
    expect((await client.closed()).how).toBe('end')
    expect(await daemon.exited).toEqual({ code: 70, signal: null })
    expect(await daemon.waitFor(of('stopped'))).toMatchObject({ answered: 1, forced: 0 })
  })
})

describe('a primary that is killed', () => {
  it('leaves no worker behind, also none that holds connections', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '2' })
    const workers = childrenOf(daemon.pid).map(({ pid }) => pid)
    expect(workers.length).toBe(2)
    await using client = await RawClient.connect(daemon.port)
    expect(await ask(client, ROUTE_ECHO)).toBe(null)
    daemon.signal('SIGKILL')
    await client.closed()
    await gone(workers)
  })

  it('leaves none behind that is inside of a handler: it goes as soon as its loop turns', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '1' })
    const { client, pid } = await clientOf(daemon)
    await client.sendFrames(frames.request(ROUTE_BURNS, 1, encodeBody(1500)))
    await daemon.waitFor(of('burning', pid))
    daemon.signal('SIGKILL')
    // Its output is that of its workers too: with the last of them it ends.
    await daemon.exited
    await gone([pid])
    const events = daemon.records.map(({ event }) => event).slice(-3)
    expect(events).toEqual(['burning', 'burnt', 'primary-gone'])
    client.destroy()
  })

  it('leaves none behind that drains', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '1' })
    const { client, pid } = await clientOf(daemon)
    await client.sendFrames(frames.request(ROUTE_HOLDS, 1, ''))
    await frames.settle(client)
    daemon.signal('SIGTERM')
    expect(isGoaway(await client.nextFrame())).toBe(true)
    daemon.signal('SIGKILL')
    await client.closed()
    await daemon.exited
    await gone([pid])
  })
})

/** Waits until nothing is left of processes: one that has ended stays until somebody has asked for its end. */
async function gone(pids: readonly number[]): Promise<void> {
  await eventually(
    () => pids.every(isGone),
    () => `of ${pids.join(', ')} not all are gone`,
  )
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}
