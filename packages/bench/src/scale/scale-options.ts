/**
 * Owns the options of a sweep, and its flags.
 * Must not know: how it is run.
 * Invariant: sizes ascend; each run's load is one that `run` could make.
 */
import { choice, flag, optional, secondsAsMs, whole, wholeOf } from '../options/flag.ts'
import type { FlagValues } from '../options/flag.ts'
import {
  ADDRESS_FLAGS,
  BESIDE_FLAGS,
  COMMON_FLAGS,
  CONNECTIONS_MAX,
  DAEMON_FLAG,
  DURATION_S_MAX,
  LOAD_FLAGS,
} from '../options/load-flags.ts'
import type { OptionProblem } from '../options/read-flags.ts'
import { brokenRules, optionsOf } from '../run/run-options.ts'
import type { RunOptions } from '../run/run-options.ts'

export const SWEPT = ['workers', 'connections'] as const
export type Swept = (typeof SWEPT)[number]

const SIZES_MAX = 64
const SIZES_EXPECTED = 'ascending numbers with commas between'
const PERCENTILE = 99

const { rate: _rate, durationS: _durationS, ...LOAD } = LOAD_FLAGS

export const SCALE_FLAGS = {
  over: choice(SWEPT, 'workers', 'what there are more and more of; workers need --daemon', 'WHAT'),
  sizes: flag(
    { value: 'LIST', expected: SIZES_EXPECTED, example: '1,2,3,4,6,8', help: 'how many of them' },
    '1,2,3,4,6,8',
    parseSizes,
  ),
  predict: optional(
    { value: 'LIST', expected: SIZES_EXPECTED, example: '12,16', help: 'sizes that the best fit is asked about' },
    parseSizes,
  ),
  durationS: secondsAsMs(0.2, DURATION_S_MAX, '5', 'time measured by each run'),
  repeats: whole(1, 100, '3', 'runs of each size, in turn', 'N'),
  ...DAEMON_FLAG,
  ...LOAD,
  ...BESIDE_FLAGS,
  ...ADDRESS_FLAGS,
  ...COMMON_FLAGS,
}
export type ScaleFlags = FlagValues<typeof SCALE_FLAGS>

export interface ScaleOptions {
  readonly over: Swept
  readonly sizes: readonly number[]
  readonly predicted: readonly number[]
  readonly repeats: number
  /** The load of a run of this size. */
  readonly load: (size: number) => RunOptions
}

export function scaleProblems(values: ScaleFlags): readonly OptionProblem[] {
  const largest = values.sizes.at(-1) ?? 1
  const problems = [...brokenRules(runValues(values, largest)), ...brokenRules(runValues(values, values.sizes[0] ?? 1))]
  if (values.over === 'workers' && values.daemon === undefined) {
    const expected = 'given, since each number of workers is a daemon of its own'
    problems.push({ name: '--daemon', value: 'missing', expected, example: '--daemon auto' })
  }
  return problems
}

export function scaleOptionsOf(values: ScaleFlags): ScaleOptions {
  const { over, sizes, predict = [], repeats } = values
  return { over, sizes, predicted: predict, repeats, load: (size) => optionsOf(runValues(values, size)) }
}

function runValues(values: ScaleFlags, size: number): Parameters<typeof optionsOf>[0] {
  const connections = values.over === 'connections' ? size : values.connections
  return { ...values, connections, rate: undefined, percentile: PERCENTILE, slo: [] }
}

function parseSizes(text: string): readonly number[] | undefined {
  const parts = text.split(',').map((part) => wholeOf(part, 1, CONNECTIONS_MAX))
  const known = parts.filter((part) => part !== undefined)
  const ascends = known.every((part, index) => index === 0 || part > (known[index - 1] ?? Infinity))
  return known.length < parts.length || known.length > SIZES_MAX || !ascends ? undefined : known
}
