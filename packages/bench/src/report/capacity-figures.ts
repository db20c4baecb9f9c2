/**
 * Owns which figures of a latency the report of a capacity search shows.
 * Must not know: how they are written, in which unit.
 * Invariant: the one that the objective is about is among them, in text and on the page.
 */
import type { Objective } from '../options/objective.ts'
import { LATENCY_ROWS } from './latency-rows.ts'

export type Figure = (typeof LATENCY_ROWS)[number]

/** In their order. @param always names of those that are shown whatever the objective is about */
export function figuresOf({ metric }: Objective, always: readonly string[]): Figure[] {
  return LATENCY_ROWS.filter(([name]) => always.includes(name) || name === metric)
}

/** The one that the objective is about; p99 where it is about none. */
export function figureOf({ metric }: Objective): Figure | undefined {
  const isLatency = LATENCY_ROWS.some(([name]) => name === metric)
  return LATENCY_ROWS.find(([name]) => name === (isLatency ? metric : 'p99'))
}
