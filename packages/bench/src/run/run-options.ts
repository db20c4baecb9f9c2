/**
 * Owns the options of a run, and the way to them from the values of flags.
 * Must not know: what a run does.
 * Invariant: options that come out are complete and in range; otherwise every problem there is comes out.
 */
import { cpus } from 'node:os'

import type { ChurnClose } from '../churn/churn-messages.ts'
import type { SourceSpread } from '../fleet/address-plan.ts'
import type { Arrivals, RateStage } from '../load/pace/schedule.ts'
import type { LoadCodec, LoadMode, Pacing, Traffic } from '../messages.ts'
import { optional } from '../options/flag.ts'
import type { FlagValues } from '../options/flag.ts'
import {
  ADDRESS_FLAGS,
  BESIDE_FLAGS,
  COMMON_FLAGS,
  IN_FLIGHT_MAX,
  JUDGE_FLAGS,
  LOAD_FLAGS,
} from '../options/load-flags.ts'
import { plainTraffic, trafficOf } from '../options/mix-spec.ts'
import type { Objective } from '../options/objective.ts'
import { stagesOf } from '../options/rate-spec.ts'
import { exampleOf } from '../options/read-flags.ts'
import type { OptionProblem } from '../options/read-flags.ts'
import type { Target } from '../options/target.ts'
import { freshSeed } from '../random.ts'

/** When frames are due. */
export interface OpenOptions {
  /** Warm-up not among them; it runs at the first stage's first rate. */
  readonly stages: readonly RateStage[]
  readonly arrivals: Arrivals
  readonly pacing: Pacing
}

/** What runs beside the load. */
export interface BesideOptions {
  readonly idle: number
  /** Connections a second; 0 for none. */
  readonly churnPerSecond: number
  readonly churnClose: ChurnClose
  readonly slow: number
  readonly slowBytesPerSecond: number
}

/** Where connections come from and go to. */
export interface AddressOptions {
  readonly sources: SourceSpread
  /** In place of those of the target's name; null for these. */
  readonly targets: readonly string[] | null
  /** Connects under way at once. */
  readonly connectingMax: number
}

export interface RunOptions {
  readonly target: Target
  readonly codec: LoadCodec
  readonly mode: LoadMode
  readonly traffic: Traffic
  readonly connections: number
  readonly depth: number
  /** Null for a closed loop. */
  readonly open: OpenOptions | null
  readonly warmupMs: number
  readonly durationMs: number
  readonly drainMs: number
  readonly processes: number
  readonly beside: BesideOptions
  readonly addresses: AddressOptions
  readonly seed: number
  /** The percentile that the run is made for, one of those reported. */
  readonly percentile: number
  readonly objectives: readonly Objective[]
}

export const RUN_FLAGS = {
  scenario: optional(
    {
      value: 'NAME',
      expected: 'a scenario that comes with the bench',
      example: 'ping-pong',
      help: 'flags of a scenario',
    },
    (text) => (text === '' ? undefined : text),
  ),
  ...LOAD_FLAGS,
  ...BESIDE_FLAGS,
  ...ADDRESS_FLAGS,
  ...JUDGE_FLAGS,
  ...COMMON_FLAGS,
}
export type RunFlags = FlagValues<typeof RUN_FLAGS>

/** The part of the flags that says what a run is. */
export type LoadFlagValues = Omit<RunFlags, 'scenario' | keyof typeof COMMON_FLAGS>

/** What flags must be to each other; blamed on one of them. */
export function brokenRules(values: LoadFlagValues): OptionProblem[] {
  const { connections, depth, processes, codec, mode, mix, rate, payloadBytes } = values
  const rules: [string, unknown, boolean, string][] = [
    ['processes', processes, processes <= connections, 'not more than connections'],
    ['depth', depth, connections * depth <= IN_FLIGHT_MAX, `connections x depth up to ${IN_FLIGHT_MAX}`],
    ['mode', mode, codec === 'frame' || mode === 'message', `message, with --codec ${codec}`],
    ['slow', values.slow, codec === 'frame' || values.slow === 0, `0, with --codec ${codec}`],
    ['codec', codec, mix === undefined || codec === 'frame', 'frame, with --mix'],
    [
      'rate',
      'shorter than 0.05 s',
      rate === undefined || rate.every(({ lengthMs }) => (lengthMs ?? 50) >= 50),
      'x0.05',
    ],
    [
      'payload-bytes',
      'no byte',
      codec !== 'raw' || payloadBytes.every(({ bytes }) => bytes > 0),
      'at least 1, with --codec raw',
    ],
  ]
  return rules
    .filter(([, , holds]) => !holds)
    .map(([name, value, , expected]) => {
      return { name: `--${name}`, value: String(value), expected, example: exampleOf(RUN_FLAGS, name) }
    })
}

/** The options that the flags of a load say. */
export function optionsOf(values: LoadFlagValues): RunOptions {
  const { target, codec, connections, depth, mix, route, payloadBytes, rate, processes, seed, percentile, slo } = values
  const isMixed = mix !== undefined
  const stages = rate === undefined ? [] : stagesOf(rate, values.durationS)
  return {
    target,
    codec,
    mode: isMixed ? 'request' : values.mode,
    traffic: isMixed ? trafficOf(mix, payloadBytes) : plainTraffic(route, payloadBytes),
    connections,
    depth,
    open: rate === undefined ? null : { stages, arrivals: values.arrivals, pacing: pacingOf(values) },
    warmupMs: values.warmupS,
    durationMs: rate === undefined ? values.durationS : stages.reduce((sum, { lengthMs }) => sum + lengthMs, 0),
    drainMs: values.drainS,
    processes,
    beside: {
      idle: values.idle,
      churnPerSecond: values.churn,
      churnClose: values.churnClose,
      slow: values.slow,
      slowBytesPerSecond: values.slowBytes,
    },
    addresses: {
      sources: values.sourceAddresses,
      targets: values.targetAddresses ?? null,
      connectingMax: values.connecting,
    },
    seed: seed ?? freshSeed(),
    percentile,
    objectives: slo,
  }
}

/** Spinning is exact, but takes a core from each process: by default only where one is left for the server. */
function pacingOf({ pacing, processes }: LoadFlagValues): Pacing {
  if (pacing !== 'auto') return pacing
  return processes < cpus().length ? 'spin' : 'timer'
}
