/** Owns the tests of /metrics on a live daemon: right figures, valid text, and nothing counted that goes down. */
import { encodeBody, encodeFrame, KIND_CONTROL, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import {
  type Daemon,
  eventually,
  type MetricFamily,
  parseExposition,
  RawClient,
  sampleOf,
  samplesOf,
  shrunkCounters,
  startDaemon,
} from '@shardwire/testkit'
import { spawnSync } from 'node:child_process'
import { writeFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { METRICS } from '../../src/metrics/definitions.ts'
import * as frames from './frames.ts'

type Families = ReadonlyMap<string, MetricFamily>

const HAS_PROMTOOL = spawnSync('promtool', ['--version']).error === undefined

async function start(environment: Readonly<Record<string, string>> = {}): Promise<Daemon> {
  return await startDaemon({ SHARDWIRE_ADMIN: 'http://127.0.0.1:0', ...environment })
}

async function scrapeText(daemon: Daemon): Promise<string> {
  const response = await fetch(`${daemon.admin}/metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return await response.text()
}

async function scrape(daemon: Daemon): Promise<Families> {
  return parseExposition(await scrapeText(daemon))
}

/** The first scrape in which `holds`. */
async function scrapeWhen(daemon: Daemon, holds: (families: Families) => boolean): Promise<Families> {
  const found = await eventually(
    async () => {
      const families = await scrape(daemon)
      return holds(families) ? families : undefined
    },
    () => `no such figures\n${daemon.describe()}`,
  )
  return found
}

/** Answers each PING until the connection is gone: of one that the next has overtaken no time is taken. */
async function answerPings(client: RawClient): Promise<void> {
  for (;;) {
    const frame = await client.nextFrame().catch(() => undefined)
    if (frame === undefined) return
    expect(frame).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PING })
    await client.write(encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PONG }))
  }
}

/** The sum over all samples with these labels. */
function total(families: Families, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samplesOf(families, name, labels).reduce((sum, { value }) => sum + value, 0)
}

describe('the figures of a daemon', () => {
  it('are those of what it did', async () => {
    // Only one of them is asked whether it lives.
    const listen = 'tcp://127.0.0.1:0,tcp://127.0.0.1:0?heartbeat-ms=300'
    const heartbeat = { SHARDWIRE_HEARTBEAT_MS: '0', SHARDWIRE_HEARTBEAT_MISSES: '100' }
    await using daemon = await start({ ...heartbeat, SHARDWIRE_LISTEN: listen, SHARDWIRE_WORKERS: '2' })
    const [one, two] = [await RawClient.connect(daemon.port), await RawClient.connect(daemon.port)]
    const three = await RawClient.connect(daemon.addresses[1]?.port ?? 0)
    await one.sendFrames(frames.request(frames.ROUTE_ECHO, 1, 'x'), frames.message(frames.ROUTE_ECHO, 'y'))
    await one.frames(2)
    await one.sendFrames(frames.sleep(2, 30))
    await one.nextFrame()
    await two.sendFrames(frames.request(frames.ROUTE_FAIL, 1, encodeBody({ code: 'nonsense' })))
    await two.nextFrame()
    await two.sendFrames(frames.request(999, 1, ''))
    await two.nextFrame()
    const answering = answerPings(three)
    two.destroy()
    const families = await scrapeWhen(
      daemon,
      (now) =>
        total(now, 'shardwire_connections_closed_total') === 1 &&
        total(now, 'shardwire_heartbeat_round_trip_seconds_count') > 0,
    )
    expect(total(families, 'shardwire_connections_open')).toBe(2)
    expect(total(families, 'shardwire_connections_accepted_total')).toBe(3)
    const workers = samplesOf(families, 'shardwire_connections_open').map(({ labels }) => labels['worker'])
    expect(new Set(workers)).toEqual(new Set(['0', '1']))
    const ok = { outcome: 'ok' }
    expect(sampleOf(families, 'shardwire_requests_total', { route: 'echo', ...ok })).toBe(1)
    expect(sampleOf(families, 'shardwire_messages_total', { route: 'echo', ...ok })).toBe(1)
    expect(sampleOf(families, 'shardwire_requests_total', { route: 'sleep', ...ok })).toBe(1)
    expect(sampleOf(families, 'shardwire_requests_total', { route: '(unknown)', outcome: 'UNKNOWN_ROUTE' })).toBe(1)
    expect(sampleOf(families, 'shardwire_errors_sent_total', { code: 'UNKNOWN_ROUTE' })).toBe(1)
    expect(sampleOf(families, 'shardwire_request_duration_seconds_count', { route: 'echo' })).toBe(2)
    const slept = sampleOf(families, 'shardwire_request_duration_seconds_sum', { route: 'sleep' })
    expect(slept).toBeGreaterThan(0.02)
    expect(slept).toBeLessThan(10)
    expect(total(families, 'shardwire_received_frames_total')).toBeGreaterThanOrEqual(6)
    expect(total(families, 'shardwire_sent_frames_total')).toBeGreaterThanOrEqual(6)
    expect(total(families, 'shardwire_worker_resident_memory_bytes')).toBeGreaterThan(20_000_000)
    expect(total(families, 'shardwire_worker_event_loop_delay_seconds_count')).toBeGreaterThan(0)
    expect(sampleOf(families, 'shardwire_workers', { state: 'serving' })).toBe(2)
    expect(sampleOf(families, 'shardwire_ready')).toBe(1)
    three.destroy()
    await answering
    expect(await daemon.stop()).toBe(0)
  })

  it('are in the table, with its types and labels', async () => {
    await using daemon = await start()
    const families = await scrape(daemon)
    for (const [name, { type, help, samples }] of families) {
      const known = Object.entries(METRICS).find(([metric]) => metric === name)?.[1]
      expect([name, type, help]).toEqual([name, known?.type, known?.help])
      const labels = samples.map((sample) => Object.keys(sample.labels).filter((label) => label !== 'le'))
      for (const own of labels) expect(own).toEqual(known?.labels)
    }
    const missing = Object.keys(METRICS).filter((name) => !families.has(name) && !name.startsWith('shardwire_mirror'))
    // Of these there are none before the first frame.
    const atFirst = ['shardwire_requests_total', 'shardwire_messages_total', 'shardwire_request_duration_seconds']
    expect(missing.toSorted()).toEqual(
      process.platform === 'linux' ? atFirst.toSorted() : expect.arrayContaining(atFirst),
    )
  })

  it.skipIf(!HAS_PROMTOOL)('pass promtool', async () => {
    await using daemon = await start({ SHARDWIRE_MIRROR: 'tcp://127.0.0.1:1?compare=all' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, 1, 'x'))
    await client.nextFrame()
    await scrapeWhen(daemon, (families) => families.has('shardwire_requests_total'))
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await scrapeText(daemon) })
    expect([status, stdout.toString(), stderr.toString()]).toEqual([0, '', ''])
  })

  it('of the same address twice are told apart', async () => {
    await using daemon = await start({
      SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0,tcp://127.0.0.1:0',
      SHARDWIRE_WORKERS: '1',
    })
    const { port = 0 } = daemon.addresses[1] ?? {}
    await using client = await RawClient.connect(port)
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, 1, 'x'))
    await client.nextFrame()
    const families = await scrapeWhen(daemon, (now) => total(now, 'shardwire_connections_open') === 1)
    expect(sampleOf(families, 'shardwire_connections_open', { listener: 'tcp://127.0.0.1:0#1' })).toBe(1)
  })
})

describe('what is counted', () => {
  it('never goes down, while workers are killed and replaced, and nothing is counted twice', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'shardwire-metrics-')), 'settings')
    writeFileSync(file, '')
    await using daemon = await start({ SHARDWIRE_ENV_FILE: file, SHARDWIRE_WORKERS: '2' })
    let asked = 0
    const ask = async (): Promise<void> => {
      await using client = await RawClient.connect(daemon.port)
      for (let id = 1; id <= 5; id++) {
        await client.sendFrames(frames.request(frames.ROUTE_ECHO, id, 'x'))
        await client.nextFrame()
        asked++
      }
    }
    const counted = (families: Families): number => total(families, 'shardwire_requests_total', { route: 'echo' })
    let before = await scrape(daemon)
    const look = async (): Promise<void> => {
      const now = await scrape(daemon)
      expect(shrunkCounters(before, now)).toEqual([])
      before = now
    }
    for (const victim of daemon.workers) {
      await Promise.all([ask(), ask(), ask(), ask()])
      await scrapeWhen(daemon, (now) => counted(now) === asked)
      await look()
      process.kill(victim.pid, 'SIGKILL')
      await daemon.waitFor(({ event, worker }) => event === 'worker-exited' && worker === victim.pid)
      await look()
      await scrapeWhen(daemon, (now) => sampleOf(now, 'shardwire_workers', { state: 'serving' }) === 2)
      await look()
    }
    for (const round of [1, 2]) {
      await Promise.all([ask(), ask(), ask(), ask()])
      daemon.signal('SIGHUP')
      while (daemon.records.filter(({ event }) => event === 'reloaded').length < round) await look()
      await look()
    }
    await look()
    expect(counted(before)).toBe(asked)
    expect(total(before, 'shardwire_connections_accepted_total')).toBe(asked / 5)
    expect(total(before, 'shardwire_worker_exits_total', { how: 'died' })).toBe(2)
    expect(total(before, 'shardwire_worker_exits_total', { how: 'drained' })).toBe(4)
    expect(sampleOf(before, 'shardwire_reloads_total', { outcome: 'done' })).toBe(2)
    const cpu = total(before, 'shardwire_worker_cpu_seconds_total')
    expect(cpu).toBeGreaterThan(0)
    expect(await daemon.stop()).toBe(0)
  })

  it('of a worker that died is at most a second old, and its connections are told as lost', async () => {
    await using daemon = await start({ SHARDWIRE_WORKERS: '1' })
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(daemon.port)))
    await scrapeWhen(daemon, (now) => total(now, 'shardwire_connections_open') === 3)
    const [worker] = daemon.workers
    process.kill(worker?.pid ?? 0, 'SIGKILL')
    const families = await scrapeWhen(daemon, (now) => total(now, 'shardwire_connections_lost_total') > 0)
    expect(total(families, 'shardwire_connections_lost_total')).toBe(3)
    expect(total(families, 'shardwire_connections_open')).toBe(0)
    expect(total(families, 'shardwire_connections_accepted_total')).toBe(3)
    for (const client of clients) client.destroy()
  })
})
