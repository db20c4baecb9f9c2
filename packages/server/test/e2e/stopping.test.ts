import { fileURLToPath } from 'node:url'
import {
  encodeFrame,
  encodeHello,
  KIND_CONTROL,
  KIND_RESPONSE,
  OPCODE_GOAWAY,
  OPCODE_PING,
  OPCODE_PONG,
  parseGoaway,
} from '@shardwire/protocol'
import {
  childrenOf,
  Daemon,
  eventually,
  FaultProxy,
  NO_FAULTS,
  Random,
  RawClient,
  type ReceivedFrame,
  startDaemon,
} from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'
import { TlsFiles } from './tls-files.ts'

const HOOKED = fileURLToPath(new URL('../fixtures/hooked.ts', import.meta.url))
const SLOW_START = fileURLToPath(new URL('../fixtures/slow-start.ts', import.meta.url))
const LIMITS = fileURLToPath(new URL('../fixtures/limits.ts', import.meta.url))
const [ROUTE_ECHO, ROUTE_NEVER, ROUTE_LATER, ROUTE_RELEASE] = [1, 3, 8, 10]
const HERE = fileURLToPath(new URL('.', import.meta.url))

/** Each way. There and back is well below the second that clients are waited for: this process may stand still. */
const FAR_AWAY = { ...NO_FAULTS, delayMs: 120 }

function isGoaway({ kind, route }: ReceivedFrame): boolean {
  return kind === KIND_CONTROL && route === OPCODE_GOAWAY
}

/** Sends requests, some quick and some slow, until the server says GOAWAY; then reads to the end. */
async function keepAsking(client: RawClient): Promise<{ asked: Set<number>; answered: Map<number, string> }> {
  const asked = new Set<number>()
  const answered = new Map<number, string>()
  const take = (frame: ReceivedFrame): void => {
    if (isGoaway(frame)) return
    expect(answered.has(frame.id)).toBe(false)
    answered.set(frame.id, frame.kind === KIND_RESPONSE ? 'answer' : frames.errorOf(frame).name)
  }
  for (let id = 1; !client.received.some(isGoaway); id += 2) {
    asked.add(id).add(id + 1)
    await client.write(Buffer.concat([encodeFrame(frames.sleep(id, 20)), encodeFrame(frames.request(1, id + 1, 'x'))]))
    await client.bytesReceived(client.bytes.length + 1)
  }
  await client.closed()
  for (const frame of client.received) take(frame)
  return { asked, answered }
}

async function stopsCleanly(daemon: Daemon, send: () => void): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(daemon.port)))
  const lanes = clients.map(keepAsking)
  await Promise.all(clients.map((client) => client.bytesReceived(500)))
  send()
  const results = await Promise.all(lanes)
  for (const { asked, answered } of results) {
    expect(new Set(answered.keys())).toEqual(asked)
    expect([...answered.values()].filter((kind) => kind !== 'answer' && kind !== 'DRAINING')).toEqual([])
  }
  expect(await daemon.exited).toEqual({ code: 0, signal: null })
  expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({ forced: 0, refused: 0 })
}

describe('stopping', () => {
  it('SIGTERM under load: every request that was sent gets its one answer, exit 0', async () => {
    await using daemon = await startDaemon()
    await stopsCleanly(daemon, () => daemon.signal('SIGTERM'))
  })

  it('SIGTERM with clients that are far away: the same, though what they sent is long on its way', async () => {
    await using daemon = await startDaemon()
    await using proxy = await FaultProxy.listen({ port: daemon.port, random: new Random(1) })
    proxy.faults = { toServer: FAR_AWAY, toClient: FAR_AWAY }
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(proxy.port)))
    const lanes = clients.map(keepAsking)
    await Promise.all(clients.map((client) => client.bytesReceived(500)))
    daemon.signal('SIGTERM')
    for (const { asked, answered } of await Promise.all(lanes)) expect(new Set(answered.keys())).toEqual(asked)
    expect(await daemon.exited).toEqual({ code: 0, signal: null })
  })

  it('SIGINT to the whole process group, as a terminal sends it: the same', async () => {
    await using daemon = await startDaemon()
    await stopsCleanly(daemon, () => daemon.signal('SIGINT', { group: true }))
  })

  it('SIGHUP and SIGTERM to a worker do nothing: it obeys the primary only', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    const [worker] = daemon.workers
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.kill(worker?.pid ?? 0, signal)
      await client.sendFrames(frames.message(1, signal))
      expect(frames.text(await client.nextFrame())).toBe(signal)
    }
    client.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it('GOAWAY says when to come back; a later REQUEST is DRAINING, a later MESSAGE is served', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_SERVICE: LIMITS, SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(ROUTE_LATER, 1, 'x'))
    await frames.settle(client)
    daemon.signal('SIGTERM')
    const goaway = await client.nextFrame()
    expect(parseGoaway(goaway.body, 0, goaway.body.length)).toMatchObject({ retry: 'later', deadlineMs: 10_000 })
    const late = [frames.request(ROUTE_ECHO, 2, 'too late'), frames.message(ROUTE_ECHO, 'served')]
    await client.sendFrames(...late, frames.message(ROUTE_RELEASE, ''))
    const [draining, served, answered] = await client.frames(3)
    expect(draining === undefined ? undefined : frames.errorOf(draining)).toMatchObject({
      name: 'DRAINING',
      retryable: true,
    })
    expect(served === undefined ? '' : frames.text(served)).toBe('served')
    expect(answered).toMatchObject({ kind: KIND_RESPONSE, id: 1 })
    expect((await client.closed()).how).toBe('end')
    expect((await daemon.exited).code).toBe(0)
  })

  it('takes no new connection once it stops', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1' })
    const client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 300))
    await frames.settle(client)
    daemon.signal('SIGTERM')
    await client.nextFrame()
    await expect(RawClient.connect(daemon.port)).rejects.toThrow(/ECONNREFUSED/)
    client.destroy()
    expect((await daemon.exited).code).toBe(0)
  })

  it('cuts off at the deadline what is still busy, says so, and still exits 0', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_DRAIN_TIMEOUT_MS: '200' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 3_600_000))
    await frames.settle(client)
    daemon.signal('SIGTERM')
    expect((await client.gone).how).toBe('reset')
    expect((await daemon.exited).code).toBe(0)
    expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({
      forced: 1,
      closes: { DRAIN_DEADLINE: 1 },
    })
  })

  it('ends with a report: what was answered, closed and forced, and how long the longest took', async () => {
    const drain = { SHARDWIRE_DRAIN_TIMEOUT_MS: '2000' }
    await using daemon = await startDaemon({ ...drain, SHARDWIRE_SERVICE: LIMITS, SHARDWIRE_WORKERS: '2' })
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(daemon.port)))
    const [quick, slow] = clients as [RawClient, RawClient]
    await quick.sendFrames(frames.request(ROUTE_LATER, 1, 'x'))
    await slow.sendFrames(frames.request(ROUTE_NEVER, 1, ''))
    await Promise.all(clients.map(frames.settle))
    daemon.signal('SIGTERM')
    expect(isGoaway(await quick.nextFrame())).toBe(true)
    await quick.sendFrames(frames.message(ROUTE_RELEASE, ''))
    await Promise.all(clients.map((client) => client.closed()))
    expect((await daemon.exited).code).toBe(0)
    const report = daemon.records.find(({ event }) => event === 'stopped')
    expect(report).toMatchObject({ answered: 1, closed: 3, forced: 1 })
    // A timer may come a fraction of a millisecond early.
    expect(Number(report?.['longestMs'])).toBeGreaterThanOrEqual(1999)
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('%s before the workers are ready: exit 0 all the same', async (signal) => {
    await using daemon = new Daemon({ SHARDWIRE_LOG_LEVEL: 'debug', SHARDWIRE_WORKERS: '3' }, {})
    // The first worker is ready: the others are about to be.
    await daemon.waitFor(({ event }) => event === 'worker-ready')
    daemon.signal(signal, { group: signal === 'SIGINT' })
    expect(await daemon.exited).toEqual({ code: 0, signal: null })
    expect(daemon.stderr).toBe('')
  })

  it('SIGTERM while the service is being loaded: that is not waited for', async () => {
    const settings = { SHARDWIRE_SERVICE: SLOW_START, START_FILE: `${HERE}never`, SHARDWIRE_WORKERS: '1' }
    await using daemon = new Daemon(
      { ...settings, SHARDWIRE_LOG_LEVEL: 'debug', SHARDWIRE_DRAIN_TIMEOUT_MS: '60000' },
      {},
    )
    await eventually(
      () => childrenOf(daemon.pid).length === 1,
      () => daemon.describe(),
    )
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({ forced: 0, refused: 0 })
  })

  it('a second signal, a second or more after the first, ends at once: 128 and its number', async () => {
    const heartbeat = { SHARDWIRE_HEARTBEAT_MS: '200', SHARDWIRE_HEARTBEAT_MISSES: '100' }
    await using daemon = await startDaemon({ ...heartbeat, SHARDWIRE_DRAIN_TIMEOUT_MS: '60000' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 3_600_000))
    await frames.settle(client)
    // The same key press, as it comes through npm and the terminal.
    daemon.signal('SIGTERM')
    daemon.signal('SIGINT')
    expect(isGoaway(await client.nextFrame())).toBe(true)
    // Six PINGs are more than a second.
    for (let beat = 0; beat < 6; beat++) {
      expect(await client.nextFrame()).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PING })
      await client.sendFrames({ kind: KIND_CONTROL, route: OPCODE_PONG })
    }
    daemon.signal('SIGINT')
    expect(await daemon.exited).toEqual({ code: 130, signal: null })
    expect(daemon.records.find(({ event }) => event === 'ended-at-once')).toMatchObject({ signal: 'SIGINT' })
    await client.closed()
  })

  it('waits a second for who is being let in, and not as long as that may take', async () => {
    await using files = await TlsFiles.create()
    const settings = { ...files.environment, SHARDWIRE_SERVICE: HOOKED, SHARDWIRE_WORKERS: '1' }
    const listen = { SHARDWIRE_LISTEN: 'tls://127.0.0.1:0,tcp://127.0.0.1:0', SHARDWIRE_LOG_LEVEL: 'debug' }
    const limits = { SHARDWIRE_HANDSHAKE_TIMEOUT_MS: '60000', SHARDWIRE_DRAIN_TIMEOUT_MS: '60000' }
    await using daemon = await startDaemon({ ...settings, ...listen, ...limits })
    const [secure, plain] = daemon.addresses.map(({ port }) => port)
    await using silent = await RawClient.connect(secure ?? 0)
    // The beginning of a ClientHello of 512 bytes.
    await using begun = await RawClient.connect(secure ?? 0)
    await begun.write(Buffer.from('1603010200', 'hex'))
    // Its authentication lasts as long as its connection.
    await using waits = await RawClient.connect(plain ?? 0)
    await waits.write(encodeHello({ protocol: 1, token: 'slow' }))
    // Its own is over: by then those who came before are known to the worker.
    await using served = await RawClient.connect(plain ?? 0)
    await served.write(encodeHello({ protocol: 1, token: 'ali' }))
    await served.frames(2)
    const code = daemon.stop()
    const [goaway, error] = await waits.frames(2)
    expect([goaway !== undefined && isGoaway(goaway), error && frames.errorOf(error)]).toMatchObject([
      true,
      { name: 'DRAINING', retryable: true },
    ])
    for (const client of [silent, begun, waits, served]) await client.closed()
    expect(await code).toBe(0)
    const stopped = daemon.records.find(({ event }) => event === 'stopped')
    expect(stopped).toMatchObject({ forced: 0, closes: { DRAINED: 4 } })
  })

  it('a primary that is killed takes its workers with it', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '2' })
    const clients = await Promise.all([RawClient.connect(daemon.port), RawClient.connect(daemon.port)])
    await Promise.all(clients.map(frames.greetServer))
    daemon.signal('SIGKILL')
    const ends = await Promise.all(clients.map((client) => client.closed()))
    expect(ends).toHaveLength(2)
  })
})
