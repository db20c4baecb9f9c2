/**
 * Owns the chaos test: a daemon with three workers, load, a seeded schedule of events, and the verdict afterwards.
 * Must not know: how an event is done, how long to go on.
 * Invariant: every request settled once, with its own answer or one error; afterwards the daemon has what it had
 * before: as many processes, files and bytes, and it serves and drains.
 */
import { fileURLToPath } from 'node:url'
import { connect } from '@shardwire/client'
import {
  childrenOf,
  type Daemon,
  descriptorsOf,
  eventually,
  FaultProxy,
  type LogRecord,
  Random,
  startDaemon,
} from '@shardwire/testkit'
import { burst, endAll } from '../e2e/burst.ts'
import { type ChaosEvent, EVENTS, RELOAD, type Scene, workersOf } from './events.ts'
import { Load } from './load.ts'

const WORKERS = 3
const LANES = 16
/** Small, so that it can be filled. */
const DESCRIPTOR_LIMIT = 200
/** Settled requests between two events, at most. */
const PACE_REQUESTS_MAX = 60
const WARM_UP_REQUESTS = 600
/** What a heap may have more than before: code that has warmed up takes up to 0.8 MB. */
const HEAP_GROWTH_BYTES_MAX = 2 * 1024 * 1024
/** Beside the heap a pool keeps up to 16 MB of free blocks. */
const EXTERNAL_GROWTH_BYTES_MAX = 20 * 1024 * 1024
/** Longer than every deadline of the daemon's that a faulty connection waits for. */
const DUST_LIMIT_MS = 15_000
const SETTINGS = {
  SHARDWIRE_WORKERS: String(WORKERS),
  SHARDWIRE_SERVICE: fileURLToPath(new URL('../fixtures/nonces.ts', import.meta.url)),
  SHARDWIRE_HANDOFF_QUEUE: '100',
  SHARDWIRE_HEARTBEAT_MS: '300',
  SHARDWIRE_HEARTBEAT_MISSES: '3',
  SHARDWIRE_FRAME_TIMEOUT_MS: '1500',
  SHARDWIRE_WRITE_TIMEOUT_MS: '1500',
  SHARDWIRE_SLOW_CONSUMER_MS: '1500',
  SHARDWIRE_DRAIN_TIMEOUT_MS: '5000',
}
const PROBE = new URL('../fixtures/probe.ts', import.meta.url).href

export interface ChaosOptions {
  readonly seed: number
  /** Asked before each round of all events, with how many there were. */
  readonly goesOn: (rounds: number) => boolean
  /** Told after each round what happened in it, in that order. */
  readonly onRound?: (events: readonly string[], load: string) => void
}

export interface ChaosReport {
  readonly rounds: number
  readonly events: number
  readonly load: Load
  readonly killed: number
  readonly reloads: boolean
  readonly closes: Readonly<Record<string, number>>
}

interface Footprint {
  readonly heapUsed: number
  readonly external: number
  readonly descriptors: number
}

/** Runs rounds of all events in random order. Rejects when the daemon did not stand it, with all that is wrong. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const random = new Random(options.seed)
  const reloads = await reloadsOnHangup()
  // Every second seed without: then frames are forwarded as they came, and nothing collects garbage once a second.
  const settings = { ...SETTINGS, SHARDWIRE_DEBUG_VIEWS: String(options.seed % 2 === 0) }
  const execArgv = ['--import', PROBE]
  await using daemon = await startDaemon(settings, { descriptorLimit: DESCRIPTOR_LIMIT, execArgv })
  await using proxy = await FaultProxy.listen({ port: daemon.port, random: new Random(random.integer(0, 0xffff_ffff)) })
  await warmUp(daemon, proxy, random)
  const before = await footprints(daemon)
  const load = new Load(daemon.port, proxy, random, LANES)
  const scene: Scene = { daemon, proxy, load, random, killed: [], running: [] }
  const names = reloads ? { ...EVENTS, reload: RELOAD } : EVENTS
  let rounds = 0
  let events = 0
  for (; options.goesOn(rounds); rounds++) {
    const round = random.shuffle<[string, ChaosEvent]>(Object.entries(names))
    for (const [name, event] of round) {
      await event(scene).catch((cause: unknown) => {
        throw new Error(`${name} in round ${rounds}: ${String(cause)}\n${daemon.describe()}`, { cause })
      })
      events++
      await load.progress(random.integer(1, PACE_REQUESTS_MAX))
    }
    await Promise.all(scene.running.splice(0))
    options.onRound?.(
      round.map(([name]) => name),
      load.describe(),
    )
  }
  await load.stop()
  for (const connection of proxy.connections) connection.destroy()
  await reloadsOver(daemon)
  const faults = [...load.violations, ...(await faultsAfter(daemon, before)), ...(await faultsAtStop(daemon))]
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\n${load.describe()}\n${daemon.describe()}`)
  const closes = (stopped(daemon)['closes'] ?? {}) as Record<string, number>
  return { rounds, events, load, killed: scene.killed.length, reloads, closes }
}

/** Whether this daemon answers SIGHUP by a reload; one that drains and stops instead is not sent any. */
async function reloadsOnHangup(): Promise<boolean> {
  await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1' })
  daemon.signal('SIGHUP')
  const { event } = await daemon.waitFor((record) => isReload(record) || record['event'] === 'stopped')
  return event !== 'stopped'
}

function isReload({ event }: LogRecord): boolean {
  return typeof event === 'string' && event.startsWith('reload')
}

/** Waits until each reload that began has ended, well or not: a worker that is killed may spoil one. */
async function reloadsOver({ records }: Daemon): Promise<void> {
  const count = (...names: readonly string[]): number =>
    records.filter(({ event }) => names.includes(String(event))).length
  const isOver = (): boolean => count('reload-started') <= count('reloaded', 'reload-failed')
  await eventually(isOver, () => 'a reload does not end', DUST_LIMIT_MS)
}

/** Everything once, so that what a process opens or compiles once and keeps is there before it is measured. */
async function warmUp(daemon: Daemon, proxy: FaultProxy, random: Random): Promise<void> {
  const load = new Load(daemon.port, proxy, random, LANES)
  await load.progress(WARM_UP_REQUESTS)
  await load.stop()
  const { served } = await burst(daemon.port, DESCRIPTOR_LIMIT)
  await endAll(served)
  await settled(daemon, undefined)
}

/** Waits until no connection is left: the files of each process are at most `bound`, or have stopped to get fewer. */
async function settled(daemon: Daemon, bound: ((pid: number) => number) | undefined): Promise<void> {
  const pids = (): number[] => [daemon.pid, ...workersOf(daemon)]
  const tell = (): string =>
    pids()
      .map((pid) => `${pid}: ${descriptorsOf(pid)}`)
      .join(', ')
  let last = ''
  const isSettled = (): boolean => {
    if (bound !== undefined) return pids().every((pid) => descriptorsOf(pid) <= bound(pid))
    const now = tell()
    const isSame = now === last
    last = now
    return isSame
  }
  await eventually(isSettled, () => `open files do not go back: ${tell()}`, DUST_LIMIT_MS)
}

/** Memory and files of the primary, first, and of each worker. */
async function footprints(daemon: Daemon): Promise<Footprint[]> {
  const prints: Footprint[] = []
  for (const pid of [daemon.pid, ...workersOf(daemon)]) {
    const seen = daemon.records.length
    process.kill(pid, 'SIGWINCH')
    const isAnswer = (record: LogRecord): boolean => record['event'] === 'probe' && record['pid'] === pid
    const found = await eventually(
      () => daemon.records.slice(seen).find(isAnswer),
      () => `no probe of ${pid}`,
    )
    const descriptors = descriptorsOf(pid)
    prints.push({ heapUsed: Number(found['heapUsed']), external: Number(found['external']), descriptors })
  }
  return prints
}

/** What is not as it was before the load came. */
async function faultsAfter(daemon: Daemon, before: readonly Footprint[]): Promise<string[]> {
  const [primary, ...workers] = before
  if (primary === undefined) throw new Error('nothing was measured before')
  const worst = (of: (print: Footprint) => number): number => Math.max(...workers.map(of))
  const worker = { heapUsed: worst(heapOf), external: worst(externalOf), descriptors: worst(descriptorsIn) }
  await eventually(
    () => workersOf(daemon).length === WORKERS,
    () => `${workersOf(daemon).length} workers live, ${WORKERS} expected`,
    DUST_LIMIT_MS,
  )
  await serves(daemon)
  await settled(daemon, (pid) => (pid === daemon.pid ? primary : worker).descriptors)
  const after = await footprints(daemon)
  const zombies = childrenOf(daemon.pid).filter(({ state }) => state === 'Z')
  return [
    ...zombies.map(({ pid }) => `process ${pid} is a zombie`),
    ...after.flatMap((print, index) =>
      growth(index === 0 ? 'the primary' : 'a worker', index === 0 ? primary : worker, print),
    ),
  ]
}

function growth(who: string, before: Footprint, after: Footprint): string[] {
  const heap = after.heapUsed - before.heapUsed
  const external = after.external - before.external
  return [
    ...(heap > HEAP_GROWTH_BYTES_MAX ? [`the heap of ${who} grew by ${heap} bytes`] : []),
    ...(external > EXTERNAL_GROWTH_BYTES_MAX ? [`beside the heap ${who} has ${external} bytes more`] : []),
  ]
}

/** Waits until a client is served by each slot. */
async function serves(daemon: Daemon): Promise<void> {
  const slots = new Set<number>()
  const ask = async (): Promise<boolean> => {
    await using connection = await connect({ host: '127.0.0.1', port: daemon.port, timeoutMs: 5000 })
    const body = new Uint8Array([1, 2, 3])
    if (Buffer.compare(await connection.request(1, body), body) === 0) slots.add(connection.welcome?.shard ?? -1)
    return slots.size === WORKERS
  }
  await eventually(ask, () => `only the slots ${[...slots].join(', ')} serve`, DUST_LIMIT_MS)
}

async function faultsAtStop(daemon: Daemon): Promise<string[]> {
  const exitCode = await daemon.stop()
  const { forced } = stopped(daemon)
  const bad = daemon.records.filter(({ event, signal }) => {
    // One that we killed; all others die of a fault.
    if (event === 'worker-exited') return signal !== 'SIGKILL'
    return (
      event === 'internal-fault' || event === 'worker-killed' || event === 'accept-failed' || event === 'view-misused'
    )
  })
  return [
    ...(exitCode === 0 ? [] : [`exit code ${exitCode}`]),
    ...(forced === 0 ? [] : [`${String(forced)} connections had to be forced at the end`]),
    ...(daemon.stderr === '' ? [] : [`stderr: ${daemon.stderr}`]),
    ...bad.map((record) => JSON.stringify(record)),
  ]
}

function stopped(daemon: Daemon): LogRecord {
  return daemon.records.find(({ event }) => event === 'stopped') ?? {}
}

function heapOf({ heapUsed }: Footprint): number {
  return heapUsed
}

function externalOf({ external }: Footprint): number {
  return external
}

function descriptorsIn({ descriptors }: Footprint): number {
  return descriptors
}
