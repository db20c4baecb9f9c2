/**
 * Owns how a run is spread over load processes.
 * Must not know: processes, channels.
 * Invariant: the parts add up to the whole, differ by at most one connection, and number the connections without a gap;
 * the parts of an open loop's schedule interleave.
 */
import type { LoadPlan, OpenPlan } from '../messages.ts'
import { SEED_MAX } from '../random.ts'
import type { OpenOptions, RunOptions } from './run-options.ts'

/** Connects under way at once over all processes: below the backlog of any server that listens in earnest. */
export const CONNECTING_MAX = 128

/** Sets the seeds of the processes apart. */
const SEED_STEP = 0x9e3779b9

/** @param hosts addresses of the target after name resolution */
export function splitLoad(options: RunOptions, hosts: readonly string[]): LoadPlan[] {
  const { connections, processes, target, codec, mode, traffic, depth, open, warmupMs, durationMs, drainMs } = options
  const first = (index: number): number => Math.floor((connections * index) / processes)
  const connectingMax = Math.max(1, Math.floor(CONNECTING_MAX / processes))
  return Array.from({ length: processes }, (_, index) => ({
    route: { hosts, port: target.port, localAddress: null },
    codec,
    mode,
    traffic,
    open: open === null ? null : openPlan(open, warmupMs, index, processes),
    connectionFirst: first(index),
    connections: first(index + 1) - first(index),
    depth,
    warmupMs,
    durationMs,
    drainMs,
    connectingMax,
    seed: (options.seed + index * SEED_STEP) % (SEED_MAX + 1),
  }))
}

function openPlan({ stages, ...rest }: OpenOptions, warmupMs: number, part: number, parts: number): OpenPlan {
  const rate = Math.max(stages[0]?.fromPerSecond ?? 0, 1)
  const warmup = warmupMs === 0 ? [] : [{ fromPerSecond: rate, toPerSecond: rate, lengthMs: warmupMs }]
  return { stages: [...warmup, ...stages], ...rest, part, parts }
}
