/**
 * Owns the options of a search for capacity, and its flags.
 * Must not know: how it is searched.
 * Invariant: each trial's load is one that `run` could make.
 */
import { decimal, flag, secondsAsMs, whole, wholeOf } from '../options/flag.ts'
import type { FlagValues } from '../options/flag.ts'
import { ADDRESS_FLAGS, BESIDE_FLAGS, COMMON_FLAGS, DURATION_S_MAX, LOAD_FLAGS } from '../options/load-flags.ts'
import { OBJECTIVE_EXPECTED, parseObjective } from '../options/objective.ts'
import type { Objective } from '../options/objective.ts'
import type { OptionProblem } from '../options/read-flags.ts'
import { PERCENTILES } from '../run/percentiles.ts'
import { brokenRules, optionsOf } from '../run/run-options.ts'
import type { RunOptions } from '../run/run-options.ts'
import type { SearchOptions, TrialStage } from './search.ts'

const RATE_MAX = 100_000_000
const PERCENT = 100
const OBJECTIVE_DEFAULT = 'p99.9<10ms'
/** Ten samples above a percentile. */
const ABOVE = 10
const LONGEST_MS = 60_000

const { rate: _rate, durationS: _durationS, ...LOAD } = LOAD_FLAGS

export const CAPACITY_FLAGS = {
  slo: flag(
    { value: 'LIMIT', expected: OBJECTIVE_EXPECTED, example: OBJECTIVE_DEFAULT, help: 'what a rate must hold' },
    OBJECTIVE_DEFAULT,
    parseObjective,
  ),
  start: whole(1, RATE_MAX, '2000', 'messages a second that are tried first', 'RATE'),
  max: flag(
    { value: 'RATE', expected: 'a whole number, or none', example: '200000', help: 'messages a second at most' },
    'none',
    (text) => (text === 'none' ? RATE_MAX : wholeOf(text, 1, RATE_MAX)),
  ),
  precision: decimal(0.1, 100, '5', 'how near to each other the rates held and missed must be', 'PERCENT'),
  stepS: secondsAsMs(0.2, DURATION_S_MAX, '5', 'time measured at each rate on the way'),
  confirmS: secondsAsMs(0.2, DURATION_S_MAX, '20', 'time measured by each trial that confirms'),
  confirms: whole(1, 100, '3', 'trials that the rate found must hold'),
  ...LOAD,
  ...BESIDE_FLAGS,
  ...ADDRESS_FLAGS,
  ...COMMON_FLAGS,
}
export type CapacityFlags = FlagValues<typeof CAPACITY_FLAGS>

export interface CapacityOptions {
  readonly objective: Objective
  readonly search: SearchOptions
  readonly stepMs: number
  readonly confirmMs: number
  /** The load of one trial. */
  readonly load: (perSecond: number, stage: TrialStage) => RunOptions
}

export function capacityProblems(values: CapacityFlags): readonly OptionProblem[] {
  return brokenRules(trialValues(values, values.start, 1000))
}

export function capacityOptionsOf(values: CapacityFlags): CapacityOptions {
  const { slo, start, max, precision, confirms, stepS, confirmS } = values
  return {
    objective: slo,
    search: { startPerSecond: start, maxPerSecond: max, precision: precision / PERCENT, confirms },
    stepMs: stepS,
    confirmMs: confirmS,
    load: (perSecond, stage) => {
      const leastMs = stage === 'confirm' ? confirmS : stepS
      const enoughMs = (ABOVE * oneIn(slo) * 1000 * 1.05) / perSecond
      return optionsOf(trialValues(values, perSecond, Math.max(leastMs, Math.min(enoughMs, LONGEST_MS))))
    },
  }
}

function trialValues(values: CapacityFlags, perSecond: number, lengthMs: number): Parameters<typeof optionsOf>[0] {
  const rate = [{ fromPerSecond: perSecond, toPerSecond: perSecond, lengthMs: undefined }]
  return { ...values, rate, durationS: lengthMs, percentile: percentOf(values.slo), slo: [values.slo] }
}

/** The percentile that the objective is about, or one near it. */
export function percentOf({ metric }: Objective): number {
  return PERCENTILES.find(({ name }) => name === metric)?.percent ?? 99
}

/** Of how many samples one lies above the percentile; 1 where it is about none. */
function oneIn({ metric }: Objective): number {
  return PERCENTILES.find(({ name }) => name === metric)?.oneIn ?? 1
}
