import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { encodeFrame } from '@shardwire/protocol'
import { Daemon, eventually, type LogRecord, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { burst, endAll, socketsOf, stillServed } from './burst.ts'
import * as frames from './frames.ts'

const MODES = ['handoff', 'reuseport'] as const
/** Sockets of these are counted exactly; what debugging adds for each frame is not looked at here. */
const QUICK = { SHARDWIRE_DEBUG_VIEWS: 'false', SHARDWIRE_WORKERS: '2' }

async function stoppedRecord(daemon: Daemon): Promise<LogRecord> {
  expect(await daemon.stop()).toBe(0)
  return await daemon.waitFor(({ event }) => event === 'stopped')
}

/** Connects one after the other until somebody is served on every slot. */
async function untilAllSlotsServe(daemon: Daemon, slots: number): Promise<void> {
  const seen = new Set<number>()
  while (seen.size < slots) {
    await using client = await RawClient.connect(daemon.port)
    seen.add((await frames.greetServer(client)).shard)
  }
}

/** CPU seconds that a process has used. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

describe('SHARDWIRE_ACCEPT=reuseport', () => {
  it('lets every worker serve, on IPv4 and IPv6, each address with one port for all', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_ACCEPT: 'reuseport',
      SHARDWIRE_WORKERS: '2',
      SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0,tcp://[::1]:0',
    })
    await untilAllSlotsServe(daemon, 2)
    const second = daemon.addresses[1]
    await using client = await RawClient.connect(second?.port ?? 0, '::1')
    await client.sendFrames(frames.message(1, 'six'))
    expect(frames.text(await client.nextFrame())).toBe('six')
    client.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it('does not share a port with somebody else, though the system would let it', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_ACCEPT: 'reuseport' })
    await using second = new Daemon(
      { SHARDWIRE_ACCEPT: 'reuseport', SHARDWIRE_LISTEN: `tcp://127.0.0.1:${daemon.port}` },
      {},
    )
    expect(await second.exited).toEqual({ code: 1, signal: null })
    expect(second.stderr).toContain('the port is in use')
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    await using third = new Daemon({ SHARDWIRE_ACCEPT: 'reuseport', SHARDWIRE_LISTEN: `tcp://127.0.0.1:${port}` }, {})
    expect(await third.exited).toEqual({ code: 1, signal: null })
    server.close()
    expect(await daemon.stop()).toBe(0)
  })

  it('serves what waits in the queue of a worker that dies: another stands in', async () => {
    await using daemon = await startDaemon({ ...QUICK, SHARDWIRE_ACCEPT: 'reuseport' })
    const frozen = daemon.workers[0]?.pid ?? 0
    process.kill(frozen, 'SIGSTOP')
    const outcome = burst(daemon.port, 100, (served) => {
      // Most of the other worker's: what is left waits for the frozen one.
      if (served === 30) process.kill(frozen, 'SIGKILL')
    })
    const { served } = await outcome
    expect(served).toHaveLength(100)
    await untilAllSlotsServe(daemon, 2)
    await endAll(served)
    expect(await stoppedRecord(daemon)).toMatchObject({ refused: 0 })
  })

  it('serves what waits for a worker that hangs, and that one again when it goes on', async () => {
    await using daemon = await startDaemon({ ...QUICK, SHARDWIRE_ACCEPT: 'reuseport' })
    const frozen = daemon.workers[0]?.pid ?? 0
    process.kill(frozen, 'SIGSTOP')
    const { served } = await burst(daemon.port, 60)
    expect(served).toHaveLength(60)
    process.kill(frozen, 'SIGCONT')
    await untilAllSlotsServe(daemon, 2)
    await endAll(served)
    expect(await stoppedRecord(daemon)).toMatchObject({ refused: 0, forced: 0 })
  })

  it('keeps what waits while no worker lives, and resets none when workers are replaced again and again', async () => {
    await using daemon = await startDaemon({ ...QUICK, SHARDWIRE_ACCEPT: 'reuseport', SHARDWIRE_WORKERS: '1' })
    let [pid] = daemon.workers.map((worker) => worker.pid)
    for (let replacement = 0; replacement < 3; replacement++) {
      process.kill(pid ?? 0, 'SIGSTOP')
      const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(daemon.port)))
      process.kill(pid ?? 0, 'SIGKILL')
      await Promise.all(clients.map((client) => client.write(encodeFrame(frames.message(1, 'kept')))))
      const answers = await Promise.all(clients.map((client) => client.nextFrame()))
      expect(answers.map(frames.text)).toEqual(clients.map(() => 'kept'))
      for (const client of clients) client.destroy()
      pid = childrenOf(daemon.pid)[0]
    }
    expect(await stoppedRecord(daemon)).toMatchObject({ refused: 0 })
  })
})

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}

describe.each(MODES)('10 000 connects at once, by %s', (accept) => {
  it('and a worker killed in the middle: all are served or closed, and counted; no descriptor is left', async () => {
    await using daemon = await startDaemon({ ...QUICK, SHARDWIRE_ACCEPT: accept })
    const before = socketsOf(daemon.pid)
    const victim = daemon.workers[0]?.pid ?? 0
    const { served, closed, refusedByKernel } = await burst(daemon.port, 10_000, (count) => {
      if (count === 3000) process.kill(victim, 'SIGKILL')
    })
    expect([served.length + closed, refusedByKernel]).toEqual([10_000, 0])
    const exited = await daemon.waitFor(({ event }) => event === 'worker-exited')
    await untilAllSlotsServe(daemon, 2)
    // One that was served by the dead worker is closed now, and not one of those that were closed unserved.
    const gone = served.filter(({ destroyed }) => destroyed).length
    expect(await stillServed(served)).toBe(served.length - gone)
    await endAll(served)
    await untilAllSlotsServe(daemon, 2)
    // The primary closes its copies when it has read that they are taken.
    await eventually(
      () => socketsOf(daemon.pid) <= before + 1,
      () => `the primary has ${socketsOf(daemon.pid)} sockets, had ${before}`,
    )
    const { refused } = await stoppedRecord(daemon)
    if (accept === 'handoff') expect(closed + gone).toBeLessThanOrEqual(Number(refused) + Number(exited['lostAtMost']))
    else expect(refused).toBe(0)
  })
})

describe.each(MODES)('a burst of connects while the daemon stops, by %s', (accept) => {
  it('each is served, or never connected, or counted: what the kernel had queued is not reset', async () => {
    await using daemon = await startDaemon({ ...QUICK, SHARDWIRE_ACCEPT: accept })
    const { served, closed, sentAway, refusedByKernel } = await burst(daemon.port, 3000, (count) => {
      if (count === 300) daemon.signal('SIGTERM')
    })
    await endAll(served)
    expect(await daemon.exited).toEqual({ code: 0, signal: null })
    const { refused } = await daemon.waitFor(({ event }) => event === 'stopped')
    expect([closed, served.length + closed + sentAway + refusedByKernel]).toEqual([refused, 3000])
  })
})

describe.each(MODES)('at the limit of open files, by %s', (accept) => {
  it('those that are here are served on, new ones closed and counted, and served again when some leave', async () => {
    // They answer no PING.
    const heartbeat = { SHARDWIRE_HEARTBEAT_MS: '200', SHARDWIRE_HEARTBEAT_MISSES: '100' }
    const environment = { ...QUICK, ...heartbeat, SHARDWIRE_ACCEPT: accept }
    await using daemon = await startDaemon(environment, { descriptorLimit: 160 })
    const { served, closed } = await burst(daemon.port, 400)
    expect(served.length).toBeGreaterThan(20)
    expect(closed).toBe(400 - served.length)
    expect(await stillServed(served)).toBe(served.length)
    const pids = [daemon.pid, ...daemon.workers.map(({ pid }) => pid)]
    const [cpuBefore, atMs] = [pids.map(cpuSeconds), performance.now()]
    // Several PINGs long nobody comes and nobody leaves.
    for (let beat = 0; beat < 3; beat++) await once(served[0] ?? process, 'data')
    const wallS = (performance.now() - atMs) / 1000
    for (const [index, pid] of pids.entries()) expect(cpuSeconds(pid) - (cpuBefore[index] ?? 0)).toBeLessThan(wallS / 2)
    await endAll(served)
    let again = await burst(daemon.port, 1)
    let refusedSince = again.closed
    for (; again.served.length === 0; refusedSince += again.closed) again = await burst(daemon.port, 1)
    await endAll(again.served)
    const count = closed + refusedSince
    expect(await stoppedRecord(daemon)).toMatchObject({ refused: count, refusals: { NO_DESCRIPTORS: count } })
  })
})
