/**
 * Owns the probe of a ladder: a small open loop on connections of its own, in a process of its own.
 * Must not know: the ladder.
 * Invariant: idle connections are in other processes: a full heap does not pollute what is measured.
 */
import { SILENT } from '../report/progress.ts'
import type { RunOutcome } from '../report/run-report.ts'
import { Companions } from '../run/companions.ts'
import { Coordinator } from '../run/coordinator.ts'
import { plainTraffic } from '../options/mix-spec.ts'
import { splitLoad } from '../run/load-split.ts'
import type { Remedies } from '../run/remedies.ts'
import type { RunOptions } from '../run/run-options.ts'
import { Observer } from '../observe/observer.ts'
import type { LadderOptions } from './ladder-options.ts'
import type { LadderSetting } from './ladder-setting.ts'

const PAYLOAD_BYTES = 64
const DEPTH = 16
const WARMUP_MS = 500
const DRAIN_MS = 5000

export function probeOptions(options: LadderOptions, durationMs: number): RunOptions {
  const { target, codec, route, probe, addresses, percentile, objectives } = options
  const rate = { fromPerSecond: probe.perSecond, toPerSecond: probe.perSecond, lengthMs: durationMs }
  return {
    target,
    codec,
    mode: 'message',
    traffic: plainTraffic(route, [{ bytes: PAYLOAD_BYTES, weight: 1 }]),
    connections: probe.connections,
    depth: DEPTH,
    // At its low rate it spins for a part of a core, and else sleeps.
    open: { stages: [rate], arrivals: 'poisson', pacing: 'spin' },
    warmupMs: WARMUP_MS,
    durationMs,
    drainMs: DRAIN_MS,
    processes: 1,
    beside: { idle: 0, churnPerSecond: 0, churnClose: 'fin', slow: 0, slowBytesPerSecond: 0 },
    addresses,
    seed: 1,
    percentile,
    objectives,
  }
}

/** Runs the probe for so long. */
export async function runProbe(
  options: RunOptions,
  { clock, hosts, port, serverPids, holders, probeSource }: LadderSetting,
  { signal, remedies }: { readonly signal: AbortSignal; readonly remedies: Remedies },
): Promise<RunOutcome> {
  const companions = new Companions({ holders: [], churn: null, slow: null }, clock)
  const observer = new Observer({
    clock,
    hosts,
    port,
    serverPids,
    generatorPids: () => [...coordinator.pids, ...holders.pids],
  })
  const plans = splitLoad(options, [{ hosts, port, localAddress: probeSource }])
  const coordinator = new Coordinator(options, plans, { clock, progress: SILENT, companions, observer, remedies })
  return await coordinator.run(signal)
}
