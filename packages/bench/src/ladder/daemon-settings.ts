/**
 * Owns with which settings a daemon holds so many idle connections, both ends on one machine.
 * Must not know: how it is started.
 * Invariant: each is one that an operator could set, and all are told. What guards a daemon against its clients is left
 * wide: here the clients are known, and both sides wait for the same cores.
 */
import { grouped } from '../report/numbers.ts'
import type { Target } from '../options/target.ts'
import { targetUrl } from '../options/target.ts'
import type { DaemonSettings } from '../fleet/daemon.ts'

export interface DaemonDemand {
  readonly target: Target
  /** Idle ones, and those of the probe. */
  readonly connections: number
  /** Open files that one process may have. */
  readonly descriptorsMax: number
  readonly cores: number
}

/** Open files of a worker beside its connections, those that it keeps free among them, with room for a lap more. */
const DESCRIPTORS_RESERVED = 200
const HEARTBEAT_MS_MIN = 30_000
/**
 * PINGs a second that leave two cores room for a probe: with a hundred processes on them, each PING and its answer took
 * 46 us of the server and 40 us of the holder.
 */
const PINGS_PER_SECOND_MAX = 8000
const WIDE_MS = 60_000

export function daemonSettings({ target, connections, descriptorsMax, cores }: DaemonDemand): DaemonSettings {
  const perWorker = Math.max(1, descriptorsMax - DESCRIPTORS_RESERVED)
  const workers = Math.max(cores, Math.ceil(connections / perWorker))
  const heartbeatMs = Math.max(HEARTBEAT_MS_MIN, Math.ceil(connections / PINGS_PER_SECOND_MAX) * 1000)
  return {
    SHARDWIRE_LISTEN: targetUrl(target),
    SHARDWIRE_ADMIN: 'off',
    SHARDWIRE_WORKERS: String(workers),
    SHARDWIRE_HEARTBEAT_MS: String(heartbeatMs),
    // Fifty workers and as many holders on two cores are late without being overloaded.
    SHARDWIRE_OVERLOAD_DELAY_MS: '0',
    SHARDWIRE_HANDSHAKE_TIMEOUT_MS: String(WIDE_MS),
    SHARDWIRE_WATCHDOG_MS: String(WIDE_MS),
    SHARDWIRE_LOG_FORMAT: 'json',
  }
}

/** As it would be typed. */
export function describeSettings(settings: DaemonSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}

/** The settings in words that fit a line. */
export function settingsInBrief(settings: DaemonSettings): string {
  const { SHARDWIRE_WORKERS: workers, SHARDWIRE_HEARTBEAT_MS: heartbeatMs } = settings
  return `${workers} workers, a PING after ${grouped(Number(heartbeatMs) / 1000)} s of silence`
}
