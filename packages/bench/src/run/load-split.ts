/**
 * Owns how a run is spread over load processes.
 * Must not know: processes, channels.
 * Invariant: the parts add up to the whole, differ by at most one connection, and number the connections without a gap.
 */
import type { LoadPlan } from '../messages.ts'
import type { RunOptions } from './run-options.ts'

/** Connects under way at once over all processes: below the backlog of any server that listens in earnest. */
export const CONNECTING_MAX = 128

/** @param host address of the target after name resolution */
export function splitLoad(options: RunOptions, host: string): LoadPlan[] {
  const { connections, processes, target, depth, payloadBytes, mode, route, warmupMs, durationMs } = options
  const first = (index: number): number => Math.floor((connections * index) / processes)
  const connectingMax = Math.max(1, Math.floor(CONNECTING_MAX / processes))
  return Array.from({ length: processes }, (_, index) => ({
    host,
    port: target.port,
    connectionFirst: first(index),
    connections: first(index + 1) - first(index),
    depth,
    payloadBytes,
    mode,
    route,
    warmupMs,
    durationMs,
    connectingMax,
  }))
}
