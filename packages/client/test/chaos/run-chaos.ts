/**
 * Owns the chaos test of the client: clients of several kinds before a real daemon, through proxies that lie, a seeded
 * schedule of events, and the verdict.
 * Must not know: how an event is done, how long to go on.
 * Invariant: each request ends once and in time, with its own answer or a typed error; what may harm twice ran once at
 * most; what is said not to have run did not. Afterwards all clients serve again, and leave nothing behind.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Daemon, eventually, FaultProxy, Random, startDaemon } from '@shardwire/testkit'
import { type Client, type ClientOptions, createClient } from '../../src/index.ts'
import { EVENTS, type Scene } from './events.ts'
import { saysItDidNotRun } from '../../src/retry/retry-rules.ts'
import { Load } from './load.ts'
import { Names } from './names.ts'

const PACE_REQUESTS_MAX = 800
const RECOVERY_LIMIT_MS = 20_000
const SETTINGS = {
  SHARDWIRE_WORKERS: '3',
  SHARDWIRE_DEBUG_VIEWS: 'false',
  SHARDWIRE_SERVICE: fileURLToPath(new URL('ledger-service.ts', import.meta.url)),
  SHARDWIRE_HEARTBEAT_MS: '300',
  SHARDWIRE_FRAME_TIMEOUT_MS: '1500',
  SHARDWIRE_WRITE_TIMEOUT_MS: '1500',
  SHARDWIRE_SLOW_CONSUMER_MS: '1500',
  SHARDWIRE_DRAIN_TIMEOUT_MS: '3000',
}
/** Everything a tenth as long as usual: a schedule then has ten times as much in a minute. */
const HASTY: Omit<ClientOptions, 'addresses'> = {
  connect: { timeoutMs: 1000, heartbeatMs: 300, suspectMs: 150, heartbeatMisses: 2, closeTimeoutMs: 1000 },
  reconnect: { minMs: 20, maxMs: 500, giveUpAfterMs: 2000 },
  breaker: { openMs: 500 },
  closeTimeoutMs: 1000,
}

export interface ChaosOptions {
  readonly seed: number
  /** Asked before each round of all events, with how many there were. */
  readonly goesOn: (rounds: number) => boolean
  /** Told after each round what happened in it, in that order. */
  readonly onRound?: (events: readonly string[], load: string) => void
  /** Told before each event. */
  readonly onEvent?: (name: string) => void
}

export interface ChaosReport {
  readonly rounds: number
  readonly load: Load
  readonly retries: number
  /** Attempts to connect that ended because a name could not be resolved. */
  readonly unresolved: number
}

/** Runs rounds of all events in random order. Rejects when a client did not stand it, with all that is wrong. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const random = new Random(options.seed)
  const ledger = mkdtempSync(join(tmpdir(), 'shardwire-chaos-'))
  const resources = activeResources()
  try {
    const report = await runInFolder(options, random, ledger)
    const left = await leftBehind(resources)
    if (left !== '') throw new Error(`left behind: ${left}`)
    return report
  } finally {
    rmSync(ledger, { recursive: true })
  }
}

async function runInFolder(
  { goesOn, onEvent, onRound }: ChaosOptions,
  random: Random,
  ledger: string,
): Promise<ChaosReport> {
  const environment = { ...SETTINGS, LEDGER: ledger }
  const first = await startDaemon(environment)
  const { port } = first
  const start = (): Promise<Daemon> => startDaemon({ ...environment, SHARDWIRE_LISTEN: `tcp://127.0.0.1:${port}` })
  await using proxyA = await FaultProxy.listen({ port, random: new Random(random.integer(0, 0xffff_ffff)) })
  await using proxyB = await FaultProxy.listen({ port, random: new Random(random.integer(0, 0xffff_ffff)) })
  await using names = await Names.listen(proxyA.port, HASTY)
  const clients = [...createClients([port, proxyA.port, proxyB.port]), names.client]
  const load = new Load(clients, random)
  const scene: Scene = { daemon: first, proxies: [proxyA, proxyB], names, load, random, start }
  let rounds = 0
  try {
    for (; goesOn(rounds); rounds++) {
      const names = random.shuffle(Object.keys(EVENTS))
      for (const name of names) {
        onEvent?.(name)
        await happen(scene, name)
      }
      onRound?.(names, load.describe())
    }
    await load.stop()
    await recovered(clients)
    const retries = clients.reduce((sum, { status }) => sum + status.retries, 0)
    await Promise.all(clients.map((client) => client.close()))
    const faults = [...load.violations, ...judge(load, ledger)]
    if (faults.length > 0) throw new Error(`${faults.slice(0, 20).join('\n')}\n${load.describe()}`)
    return { rounds, load, retries, unresolved: names.unresolved }
  } finally {
    await Promise.all(clients.map((client) => client.destroy()))
    await scene.daemon[Symbol.asyncDispose]()
  }
}

async function happen(scene: Scene, name: string): Promise<void> {
  try {
    await EVENTS[name]?.(scene)
    await scene.load.progress(scene.random.integer(1, PACE_REQUESTS_MAX))
  } catch (cause) {
    throw new Error(`${name}: ${String(cause)}\n${scene.daemon.describe()}`, { cause })
  }
}

/** One address without and with a proxy, several of both; every way of balancing; few and many connections. */
function createClients([direct, a, b]: readonly [number, number, number]): Client[] {
  const of = (ports: readonly number[], options: Partial<ClientOptions>): Client => {
    return createClient({ ...HASTY, addresses: ports.map((port) => `127.0.0.1:${port}`), ...options })
  }
  return [
    of([direct], {}),
    of([a], { pool: { min: 1, max: 1 } }),
    of([a, b], { balance: 'round-robin', pool: { min: 0, requestsPerConnection: 2, idleTimeoutMs: 1000 } }),
    of([direct, a, b], { balance: 'least-in-flight', pool: { min: 2, maxAgeMs: 2000 } }),
  ]
}

/** Waits until each client is answered; a network that is well again is all that it takes. */
async function recovered(clients: readonly Client[]): Promise<void> {
  for (const client of clients) {
    const works = async (): Promise<boolean> => {
      try {
        await client.request(1, new Uint8Array(24), { idempotent: true, timeoutMs: 2000 })
        return true
      } catch {
        return false
      }
    }
    await eventually(works, () => `not back: ${JSON.stringify(client.status, bare)}`, RECOVERY_LIMIT_MS)
  }
}

/** What the service's own record of what ran says against what the callers were told. */
function judge(load: Load, folder: string): string[] {
  const runs = new Map<string, number>()
  for (const file of readdirSync(folder)) {
    for (const nonce of readFileSync(join(folder, file), 'utf8').split('\n'))
      runs.set(nonce, (runs.get(nonce) ?? 0) + 1)
  }
  return [...load.fates].flatMap(([nonce, { error, isIdempotent }]) => {
    const ran = runs.get(nonce) ?? 0
    return [
      ...(!isIdempotent && ran > 1 ? [`${nonce} may harm twice, and ran ${ran} times`] : []),
      ...(error === null && ran === 0 ? [`${nonce} was answered, but never ran`] : []),
      ...(error != null && ran > 0 && saysItDidNotRun(error) ? [`${nonce} ran, but failed with ${String(error)}`] : []),
    ]
  })
}

/** What keeps this process alive, by kind. */
function activeResources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

/** Sockets, connects and timers beyond those that were there before, once the last has had the time to go. */
async function leftBehind(before: ReadonlyMap<string, number>): Promise<string> {
  const more = (): string =>
    [...activeResources()]
      .filter(([kind, count]) => /TCP|UDP|Timeout|Connect|GetAddrInfo/.test(kind) && count > (before.get(kind) ?? 0))
      .map(([kind, count]) => `${kind}: ${count}, ${before.get(kind) ?? 0} before`)
      .join('; ')
  await eventually(
    () => more() === '',
    () => `left behind: ${more()}`,
  )
  return more()
}

function bare(_key: string, value: unknown): unknown {
  return value instanceof Error ? `${value.name}: ${value.message}` : value
}
