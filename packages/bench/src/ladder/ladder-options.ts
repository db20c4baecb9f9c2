/**
 * Owns the options of a ladder, and its flags.
 * Must not know: what a ladder does.
 * Invariant: steps ascend, and the last is the number asked for: --to, or else the last of --steps.
 */
import type { LoadCodec } from '../messages.ts'
import { flag, optional, secondsAsMs, whole, wholeOf } from '../options/flag.ts'
import type { FlagValues } from '../options/flag.ts'
import {
  ADDRESS_FLAGS,
  COMMON_FLAGS,
  CONNECTIONS_MAX,
  DAEMON_FLAG,
  JUDGE_FLAGS,
  TARGET_FLAG,
  TRAFFIC_FLAGS,
} from '../options/load-flags.ts'
import type { Objective } from '../options/objective.ts'
import { exampleOf } from '../options/read-flags.ts'
import type { OptionProblem } from '../options/read-flags.ts'
import type { Target } from '../options/target.ts'
import type { AddressOptions } from '../run/run-options.ts'

const STEPS_MAX = 100
const TOP_MAX = CONNECTIONS_MAX * 10
const TOP_DEFAULT = 10_000
const HOUR_S = 3600
/** The first step unless steps are given: a hundredth of the last, and at least this. */
const FIRST_MIN = 1000
const RISE = [2, 2.5, 2]

export interface LadderOptions {
  readonly target: Target
  readonly codec: LoadCodec
  readonly route: number
  readonly steps: readonly number[]
  /** Time for both sides to come to rest after connections were opened or closed. */
  readonly settleMs: number
  /** An open loop on connections of its own, at each step. */
  readonly probe: { readonly connections: number; readonly perSecond: number; readonly durationMs: number }
  /** How long the top is held. */
  readonly holdMs: number
  /** Null is as fast as can be. */
  readonly connectsPerSecond: number | null
  readonly addresses: AddressOptions
  readonly percentile: number
  readonly objectives: readonly Objective[]
}

export const LADDER_FLAGS = {
  ...TARGET_FLAG,
  to: optional(
    {
      value: 'N',
      expected: `a whole number from 1 to ${TOP_MAX}`,
      example: String(TOP_DEFAULT),
      help: `connections at the top (the last of --steps; without these ${TOP_DEFAULT})`,
    },
    (text) => wholeOf(text, 1, TOP_MAX),
  ),
  steps: optional(
    {
      value: 'LIST',
      expected: 'ascending numbers with commas between',
      example: '1000,5000',
      help: 'numbers on the way up; --to comes after the last',
    },
    parseSteps,
  ),
  codec: TRAFFIC_FLAGS.codec,
  route: TRAFFIC_FLAGS.route,
  probeConnections: whole(1, 1000, '16', 'connections of the probe that measures latency at each step'),
  probeRate: whole(1, 1_000_000, '200', 'messages a second of the probe', 'RATE'),
  probeS: secondsAsMs(0.5, HOUR_S, '5', 'time that the probe measures at each step'),
  settleS: secondsAsMs(0, HOUR_S, '2', 'rest after connections were opened or closed'),
  holdS: secondsAsMs(0, 100 * HOUR_S, '10', 'time for which the top is held'),
  ...DAEMON_FLAG,
  connectRate: flag(
    { value: 'RATE', expected: 'a whole number, or max', example: 'max', help: 'connects a second at most' },
    'max',
    (text) => (text === 'max' ? { perSecond: null } : perSecondOf(text)),
  ),
  ...ADDRESS_FLAGS,
  connecting: whole(1, 65_536, '1024', 'connections that may be opened at once and not have answered'),
  ...JUDGE_FLAGS,
  ...COMMON_FLAGS,
}
export type LadderFlags = FlagValues<typeof LADDER_FLAGS>

export function ladderProblems({ to, steps }: LadderFlags): OptionProblem[] {
  const last = steps?.at(-1)
  if (last === undefined || to === undefined || last <= to) return []
  const expected = 'the last step up to --to'
  return [{ name: '--steps', value: String(steps), expected, example: exampleOf(LADDER_FLAGS, 'steps') }]
}

export function ladderOptionsOf(values: LadderFlags): LadderOptions {
  const { steps, probeConnections, probeRate } = values
  const top = values.to ?? steps?.at(-1) ?? TOP_DEFAULT
  return {
    target: values.target,
    codec: values.codec,
    route: values.route,
    steps: steps === undefined ? stepsTo(top) : [...new Set([...steps, top])],
    settleMs: values.settleS,
    probe: { connections: probeConnections, perSecond: probeRate, durationMs: values.probeS },
    holdMs: values.holdS,
    connectsPerSecond: values.connectRate.perSecond,
    addresses: {
      sources: values.sourceAddresses,
      targets: values.targetAddresses ?? null,
      connectingMax: values.connecting,
    },
    percentile: values.percentile,
    objectives: values.slo,
  }
}

/** 1, 2, 5, 10 and so on, from a hundredth of the last. */
export function stepsTo(last: number): number[] {
  const steps: number[] = []
  let next = 10 ** Math.floor(Math.log10(Math.max(FIRST_MIN, last / 100)))
  for (let index = 0; next < last; next *= RISE[index++ % RISE.length] ?? 2) if (next >= last / 100) steps.push(next)
  return [...steps, last]
}

function parseSteps(text: string): readonly number[] | undefined {
  const steps = text.split(',').map((part) => wholeOf(part, 1, TOP_MAX))
  const known = steps.filter((step) => step !== undefined)
  const ascends = known.every((step, index) => index === 0 || step > (known[index - 1] ?? Infinity))
  return known.length < steps.length || known.length > STEPS_MAX || !ascends ? undefined : known
}

function perSecondOf(text: string): { readonly perSecond: number | null } | undefined {
  const perSecond = wholeOf(text, 1, 1_000_000)
  return perSecond === undefined ? undefined : { perSecond }
}
