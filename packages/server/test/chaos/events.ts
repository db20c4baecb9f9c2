/**
 * Owns what goes wrong in the chaos test: each event by name, done once when it is asked for.
 * Must not know: in which order events come, or what is asserted in the end.
 * Invariant: an event waits for progress of the load, never for time; a worker that was stopped goes on before the end.
 */
import {
  childrenOf,
  type Daemon,
  eventually,
  type FaultProxy,
  type ProxiedConnection,
  RawClient,
  type Random,
} from '@shardwire/testkit'
import { burst, endAll } from '../e2e/burst.ts'
import { fuzzStream } from '../fuzz/streams.ts'
import type { Load } from './load.ts'

/** Settled requests for which a fault lasts. */
const FAULT_REQUESTS_MIN = 50
const FAULT_REQUESTS_MAX = 300
/** A stopped worker's lasts longer sometimes: the primary takes away what it has not accepted after 1.5 s. */
const STALL_REQUESTS_MAX = 1500
const BURST_CONNECTIONS = 150
const GARBAGE_CONNECTIONS = 10
/** More than all workers take with the descriptors that they are given. */
const FILL_CONNECTIONS = 600

export interface Scene {
  readonly daemon: Daemon
  readonly proxy: FaultProxy
  readonly load: Load
  readonly random: Random
  /** Workers that were killed so far. */
  readonly killed: number[]
  /** What still goes on beside the events that follow. */
  readonly running: Promise<void>[]
}

export type ChaosEvent = (scene: Scene) => Promise<void>

export const EVENTS = {
  killWorker: async ({ daemon, random, killed }) => {
    const pid = random.pick(workersOf(daemon))
    killed.push(pid)
    process.kill(pid, 'SIGKILL')
    await eventually(
      () => !workersOf(daemon).includes(pid),
      () => `worker ${pid} outlives SIGKILL`,
    )
  },
  stallWorker: async ({ daemon, random, load, running }) => {
    const pid = random.pick(workersOf(daemon))
    process.kill(pid, 'SIGSTOP')
    const requests = random.integer(FAULT_REQUESTS_MIN, STALL_REQUESTS_MAX)
    running.push(load.progress(requests).finally(() => continueWorker(pid)))
  },
  corruptToServer: async (scene) => {
    lines(scene, 3).forEach((line) => line.toServer.corruptNext())
  },
  corruptToClient: async (scene) => {
    lines(scene, 3).forEach((line) => line.toClient.corruptNext())
  },
  corruptAll: async ({ proxy, load, random }) => {
    proxy.faults = { toServer: { corruptEveryBytes: 200_000 }, toClient: { corruptEveryBytes: 200_000 } }
    await lasting(load, random)
    proxy.faults = {}
  },
  reset: async (scene) => {
    lines(scene, 3).forEach((line) => line.reset(scene.random.pick(['client', 'server', 'both'])))
  },
  cutBehindByte: async (scene) => {
    for (const { toServer, toClient } of lines(scene, 3)) {
      const pipe = scene.random.pick([toServer, toClient])
      pipe.cutAt(pipe.forwardedBytes + scene.random.integer(1, 50_000), scene.random.pick(['reset', 'end', 'hole']))
    }
  },
  endToServer: async (scene) => {
    lines(scene, 3).forEach((line) => line.toServer.end())
  },
  endToClient: async (scene) => {
    lines(scene, 3).forEach((line) => line.toClient.end())
  },
  blackHole: async (scene) => {
    lines(scene, 2).forEach((line) => line.blackHole())
  },
  throttle: async ({ proxy, load, random }) => {
    proxy.faults = { toServer: { bytesPerSecond: 300_000 }, toClient: { bytesPerSecond: 300_000, delayMs: 5 } }
    await lasting(load, random)
    proxy.faults = {}
  },
  tear: async ({ proxy, load, random }) => {
    proxy.faults = { toServer: { pieceBytesMax: 700 }, toClient: { pieceBytesMax: 700, jitterMs: 3 } }
    await lasting(load, random)
    proxy.faults = {}
  },
  burst: async ({ daemon }) => {
    const { served } = await burst(daemon.port, BURST_CONNECTIONS)
    await endAll(served)
  },
  garbage: async ({ daemon, random }) => {
    await Promise.all(Array.from({ length: GARBAGE_CONNECTIONS }, () => sendGarbage(daemon.port, fuzzStream(random))))
  },
  fillDescriptors: async ({ daemon, load }) => {
    const { served } = await burst(daemon.port, FILL_CONNECTIONS)
    // Who is connected already is served on.
    await load.progress(1)
    await endAll(served)
  },
} satisfies Record<string, ChaosEvent>

/** Only where SIGHUP reloads: see `reloadsOnHangup`. */
export const RELOAD: ChaosEvent = async ({ daemon, load, random }) => {
  daemon.signal('SIGHUP')
  await lasting(load, random)
}

/** The workers that live, in no order. */
export function workersOf(daemon: Daemon): number[] {
  return childrenOf(daemon.pid)
    .filter(({ state }) => state !== 'Z')
    .map(({ pid }) => pid)
}

async function lasting(load: Load, random: Random): Promise<void> {
  await load.progress(random.integer(FAULT_REQUESTS_MIN, FAULT_REQUESTS_MAX))
}

/** Also one whose slot has another worker by now: stopped, it could not finish its drain. */
function continueWorker(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch (error) {
    // It may have been killed meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Up to `count` connections that pass the proxy. */
function lines({ proxy, random }: Scene, count: number): ProxiedConnection[] {
  return random.shuffle([...proxy.connections]).slice(0, count)
}

async function sendGarbage(port: number, bytes: Uint8Array): Promise<void> {
  const client = await RawClient.connect(port).catch(refused)
  if (client === undefined) return
  client.socket.write(bytes)
  client.halfClose()
  await client.closed()
}

/** The daemon may be at its limits: a connection that is refused is an answer. */
function refused(error: unknown): undefined {
  if (error instanceof Error && 'code' in error) return undefined
  throw error
}
