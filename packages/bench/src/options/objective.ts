/**
 * Owns how objectives are written, and whether a run's numbers meet them.
 * Must not know: reports, verdicts.
 * Invariant: latency objectives are about response times, from the moment a frame was due.
 */
import { decimalOf } from './flag.ts'

export const OBJECTIVE_METRICS = ['p50', 'p90', 'p99', 'p99.9', 'p99.99', 'mean', 'max', 'rate', 'errors'] as const
export type ObjectiveMetric = (typeof OBJECTIVE_METRICS)[number]

export interface Objective {
  /** As it was written. */
  readonly text: string
  readonly metric: ObjectiveMetric
  readonly isBelow: boolean
  /** Microseconds, messages a second, or a share of the messages from 0 to 1. */
  readonly limit: number
}

/** How a run did against one of its objectives. */
export interface ObjectiveResult extends Objective {
  /** In the unit of the limit. */
  readonly actual: number
  readonly met: boolean
}

/** The numbers of a run that objectives are about. */
export interface ObjectiveNumbers {
  readonly percentileUs: (percent: number) => number
  readonly meanUs: number
  readonly maxUs: number
  readonly messagesPerSecond: number
  readonly errorShare: number
}

export const OBJECTIVE_EXPECTED =
  "a limit such as 'p99.9<10ms', 'max<1s', 'rate>50000' or 'errors<0.1%' (latency units us, ms, s)"
const VALUE_MAX = 1_000_000_000
const UNIT_US: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 }

/** Undefined for text that is no objective. */
export function parseObjective(text: string): Objective | undefined {
  const [, name, sign, digits = '', unit = ''] = /^([a-z0-9.]+)\s*([<>])\s*([\d.]+)\s*(us|ms|s|%|)$/.exec(text) ?? []
  const metric = OBJECTIVE_METRICS.find((one) => one === name)
  const value = decimalOf(digits, 0, VALUE_MAX)
  if (metric === undefined || value === undefined) return undefined
  const limit = limitOf(metric, value, unit)
  return limit === undefined ? undefined : { text, metric, isBelow: sign === '<', limit }
}

function limitOf(metric: ObjectiveMetric, value: number, unit: string): number | undefined {
  if (metric === 'rate') return unit === '' ? value : undefined
  if (metric === 'errors') return unit === '%' ? value / 100 : undefined
  const factor = UNIT_US[unit]
  return factor === undefined ? undefined : value * factor
}

export function judgeObjectives(objectives: readonly Objective[], numbers: ObjectiveNumbers): ObjectiveResult[] {
  return objectives.map((objective) => {
    const actual = actualOf(objective.metric, numbers)
    return { ...objective, actual, met: objective.isBelow ? actual < objective.limit : actual > objective.limit }
  })
}

function actualOf(metric: ObjectiveMetric, numbers: ObjectiveNumbers): number {
  switch (metric) {
    case 'mean':
      return numbers.meanUs
    case 'max':
      return numbers.maxUs
    case 'rate':
      return numbers.messagesPerSecond
    case 'errors':
      return numbers.errorShare
    case 'p50':
    case 'p90':
    case 'p99':
    case 'p99.9':
    case 'p99.99':
      return numbers.percentileUs(Number(metric.slice(1)))
  }
}
