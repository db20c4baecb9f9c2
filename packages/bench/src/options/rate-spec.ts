/**
 * Owns how an open loop's rate is written.
 * Must not know: the load.
 * Invariant: stages that come out are complete; the rate is above 0 in each at some time, and never negative.
 */
import type { RateStage } from '../load/pace/schedule.ts'
import { decimalOf } from './flag.ts'

export const RATE_MAX = 100_000_000
export const STAGE_S_MAX = 86_400

/** One stage as it was written: its length may be left to the run. */
export interface WrittenStage {
  readonly fromPerSecond: number
  readonly toPerSecond: number
  readonly lengthMs: number | undefined
}

export const RATE_EXPECTED =
  'messages a second N, a ramp A..B, or steps such as 1000x5,2000x5 (rate x seconds, each may be a ramp)'

/** Undefined for text that is no rate. */
export function parseRate(text: string): readonly WrittenStage[] | undefined {
  const stages = text.split(',').map(parseStage)
  const known = stages.filter((stage) => stage !== undefined)
  if (known.length < stages.length) return undefined
  // Several stages each say how long they are.
  return known.length > 1 && known.some(({ lengthMs }) => lengthMs === undefined) ? undefined : known
}

function parseStage(text: string): WrittenStage | undefined {
  const [rates = '', length] = text.split('x')
  if (text.split('x').length > 2) return undefined
  const [from = '', to = from] = rates.split('..')
  if (rates.split('..').length > 2) return undefined
  const fromPerSecond = decimalOf(from, 0, RATE_MAX)
  const toPerSecond = decimalOf(to, 0, RATE_MAX)
  if (fromPerSecond === undefined || toPerSecond === undefined || fromPerSecond + toPerSecond === 0) return undefined
  const seconds = length === undefined ? undefined : decimalOf(length, 0.05, STAGE_S_MAX)
  if (length !== undefined && seconds === undefined) return undefined
  return { fromPerSecond, toPerSecond, lengthMs: seconds === undefined ? undefined : seconds * 1000 }
}

/** The stages of a run that lasts so long unless they say otherwise. */
export function stagesOf(written: readonly WrittenStage[], durationMs: number): RateStage[] {
  return written.map(({ lengthMs = durationMs, ...rates }) => ({ ...rates, lengthMs }))
}

/** The rate in words. */
export function rateInWords(stages: readonly RateStage[]): string {
  return stages
    .map(({ fromPerSecond: from, toPerSecond: to, lengthMs }) => {
      const rate = from === to ? String(from) : `${from}..${to}`
      return stages.length === 1 ? rate : `${rate}x${lengthMs / 1000}`
    })
    .join(',')
}
