/**
 * Owns how a run is spread over load processes.
 * Must not know: processes, channels.
 * Invariant: the parts add up to the whole, differ by at most one connection, and number the connections without a gap;
 * the parts of an open loop's schedule interleave.
 */
import type { LoadPlan, OpenPlan, Route } from '../messages.ts'
import { SEED_MAX } from '../random.ts'
import type { OpenOptions, RunOptions } from './run-options.ts'

/** Short runs are told in finer steps. Each step costs a load process half a millisecond. */
const INTERVAL_MS = 1000
const SHORT_INTERVAL_MS = 500
const SHORT_MS = 30_000

/** Sets the seeds of the processes apart. */
const SEED_STEP = 0x9e3779b9

/** @param routes of the processes, in their order */
export function splitLoad(options: RunOptions, routes: readonly Route[]): LoadPlan[] {
  const { connections, processes, codec, mode, traffic, depth, open, warmupMs, durationMs, drainMs } = options
  const first = (index: number): number => Math.floor((connections * index) / processes)
  const connectingMax = Math.max(1, Math.floor(options.addresses.connectingMax / processes))
  return routes.map((route, index) => ({
    route,
    codec,
    mode,
    traffic,
    open: open === null ? null : openPlan(open, warmupMs, index, processes),
    connectionFirst: first(index),
    connections: first(index + 1) - first(index),
    depth,
    warmupMs,
    durationMs,
    intervalMs: durationMs <= SHORT_MS ? SHORT_INTERVAL_MS : INTERVAL_MS,
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
