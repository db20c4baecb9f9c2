/**
 * Owns what happens to the daemon and to the network in the client's chaos test.
 * Must not know: what the load asks, or what is judged.
 * Invariant: an event waits for progress of the load or for the daemon's word, never for time; a worker that was
 * stopped goes on, and a daemon that was stopped is there again, before the event ends.
 */
import {
  childrenOf,
  type Daemon,
  type DnsScript,
  eventually,
  type FaultProxy,
  type ProxiedConnection,
  type Random,
} from '@shardwire/testkit'
import type { Load } from './load.ts'
import type { Names } from './names.ts'

/** Settled requests for which a fault lasts, and for which there is no daemon: those wait, and so take longer. */
const FAULT_REQUESTS_MIN = 100
const FAULT_REQUESTS_MAX = 1500
const OUTAGE_REQUESTS_MIN = 5
const OUTAGE_REQUESTS_MAX = 40
/** An address of this machine on which nobody listens. */
const NOBODY_THERE = '127.0.0.9'

export interface Scene {
  /** The one that runs now. */
  daemon: Daemon
  readonly proxies: readonly FaultProxy[]
  readonly names: Names
  readonly load: Load
  readonly random: Random
  /** Starts a daemon on the port that the first one had. */
  readonly start: () => Promise<Daemon>
}

export type ChaosEvent = (scene: Scene) => Promise<void>

/** What DNS servers do that are of no use to anybody. */
const DEAD_DNS: readonly DnsScript[] = [
  () => undefined,
  () => ({ rcode: 2 }),
  () => ({ rcode: 3, negativeTtl: 60 }),
  ({ transport }) => (transport === 'UDP' ? { isTruncated: true } : undefined),
  ({ id }) => ({ bytes: Uint8Array.of(id >> 8, id, 0xff) }),
]

export const EVENTS: Readonly<Record<string, ChaosEvent>> = {
  corruptAll: async (scene) => {
    const faults = { corruptEveryBytes: 100_000 }
    await withFaults(scene, { toServer: faults, toClient: faults })
  },
  corruptNext: async (scene) => {
    for (const line of lines(scene, 4)) scene.random.pick([line.toServer, line.toClient]).corruptNext()
  },
  tear: async (scene) => {
    const faults = { pieceBytesMax: 700, jitterMs: 3 }
    await withFaults(scene, { toServer: faults, toClient: faults })
  },
  throttle: async (scene) => {
    await withFaults(scene, {
      toServer: { bytesPerSecond: 300_000 },
      toClient: { bytesPerSecond: 300_000, delayMs: 20 },
    })
  },
  reset: async (scene) => {
    for (const line of lines(scene, 4)) line.reset(scene.random.pick(['client', 'server', 'both']))
  },
  cutBehindByte: async (scene) => {
    for (const { toServer, toClient } of lines(scene, 4)) {
      const pipe = scene.random.pick([toServer, toClient])
      pipe.cutAt(pipe.forwardedBytes + scene.random.integer(1, 50_000), scene.random.pick(['reset', 'end', 'hole']))
    }
  },
  end: async (scene) => {
    for (const line of lines(scene, 4)) scene.random.pick([line.toServer, line.toClient]).end()
  },
  blackHole: async (scene) => {
    for (const line of lines(scene, 3)) line.blackHole()
  },
  holeForAll: async (scene) => {
    await withFaults(scene, { toServer: { hole: true }, toClient: { hole: true } })
  },
  deadDns: async (scene) => {
    const { names, random } = scene
    const script = random.pick(DEAD_DNS)
    const before = names.unresolved
    names.answerBy(script, script)
    const isUnresolved = (): boolean => {
      for (const line of lines(scene, Infinity)) line.reset()
      return names.unresolved > before
    }
    await eventually(isUnresolved, () => 'the name is still resolved')
    await lasting(scene)
    names.heal()
  },
  badDns: async (scene) => {
    const { names, random } = scene
    // One server is of no use; the other has no room in a datagram, and knows an address too many.
    names.answerBy(random.pick(DEAD_DNS), async (asked) => {
      if (asked.transport === 'UDP') return { isTruncated: true }
      const answers = [(await names.zone(asked)) ?? []].flat()
      if (asked.type !== 'A') return answers
      return answers.map(({ records = [] }) => ({ records: [{ type: 'A', data: NOBODY_THERE }, ...records] }))
    })
    for (const line of lines(scene, Infinity)) line.reset()
    await lasting(scene)
    names.heal()
  },
  killWorker: async ({ daemon, random }) => {
    const pid = random.pick(workersOf(daemon))
    process.kill(pid, 'SIGKILL')
    await eventually(
      () => !workersOf(daemon).includes(pid),
      () => `worker ${pid} outlives SIGKILL`,
    )
  },
  stallWorker: async (scene) => {
    const pid = scene.random.pick(workersOf(scene.daemon))
    process.kill(pid, 'SIGSTOP')
    await lasting(scene)
    go(pid)
  },
  rollingRestart: async (scene) => {
    const { daemon } = scene
    const seen = daemon.records.length
    daemon.signal('SIGHUP')
    await eventually(
      () => daemon.records.slice(seen).find(({ event }) => event === 'reloaded' || event === 'reload-failed'),
      () => `no reload\n${daemon.describe()}`,
      30_000,
    )
  },
  restart: async (scene) => {
    await scene.daemon.stop()
    await outage(scene)
    scene.daemon = await scene.start()
  },
  crash: async (scene) => {
    await scene.daemon[Symbol.asyncDispose]()
    await outage(scene)
    scene.daemon = await scene.start()
  },
}

/** The workers that live. */
function workersOf(daemon: Daemon): number[] {
  return childrenOf(daemon.pid)
    .filter(({ state }) => state !== 'Z')
    .map(({ pid }) => pid)
}

/** Faults of all connections, those that are open and those that come, while some requests settle. */
async function withFaults(scene: Scene, faults: FaultProxy['faults']): Promise<void> {
  for (const proxy of scene.proxies) {
    proxy.faults = faults
    for (const line of proxy.connections) line.set(faults)
  }
  await lasting(scene)
  for (const proxy of scene.proxies) {
    proxy.faults = {}
    for (const line of proxy.connections) line.heal()
  }
}

async function lasting({ load, random }: Scene): Promise<void> {
  await load.progress(random.integer(FAULT_REQUESTS_MIN, FAULT_REQUESTS_MAX))
}

async function outage({ load, random }: Scene): Promise<void> {
  await load.progress(random.integer(OUTAGE_REQUESTS_MIN, OUTAGE_REQUESTS_MAX))
}

function go(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch (error) {
    // The watchdog may have ended it.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Up to `count` connections that pass a proxy. */
function lines({ proxies, random }: Scene, count: number): ProxiedConnection[] {
  return random.shuffle(proxies.flatMap(({ connections }) => [...connections])).slice(0, count)
}
