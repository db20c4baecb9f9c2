/**
 * Owns the shape of what is measured, in memory and in the JSON file alike.
 * Must not know: how it is measured or printed.
 * Invariant: the samples of every round are kept; what is summed up can be computed again from them.
 */
import { z } from 'zod'
import { ratiosByRound, summarize } from './statistics.ts'
import type { Better } from './statistics.ts'

/** Raised when a field changes its meaning or goes. */
export const RESULTS_VERSION = 1

const summary = { median: z.number(), min: z.number(), max: z.number() }

const seriesSchema = z.strictObject({
  name: z.string(),
  /** One sample a round. */
  rounds: z.array(z.number()).min(1),
  ...summary,
  /** Bytes of JavaScript heap that one operation allocates; null where that was not measured. */
  heapBytesPerOperation: z.number().nullable(),
  /** What the median should reach; null where nothing was promised. */
  goal: z.number().nullable(),
})

const ratioSchema = z.strictObject({
  of: z.string(),
  to: z.string(),
  rounds: z.array(z.number()).min(1),
  ...summary,
  goal: z.number().nullable(),
})

export const caseSchema = z.strictObject({
  group: z.string(),
  name: z.string(),
  unit: z.string(),
  better: z.enum(['higher', 'lower']),
  series: z.array(seriesSchema),
  ratios: z.array(ratioSchema),
  /** What a reader of the numbers must know. */
  notes: z.array(z.string()),
  /** Who could not take part, and why. */
  missing: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
})

const environmentSchema = z.strictObject({
  date: z.iso.datetime(),
  node: z.string(),
  v8: z.string(),
  cpu: z.string().nullable(),
  cores: z.int(),
  kernel: z.string(),
  memoryBytes: z.number(),
  commit: z.string().nullable(),
  /** Whether files differed from the commit; null without git. */
  dirty: z.boolean().nullable(),
  descriptorsMax: z.number().nullable(),
  /** Of the first core; null where the machine does not tell, as in most virtual ones. */
  governor: z.string().nullable(),
  /** Over the minute before the first measurement. */
  loadAverage: z.number(),
  pinning: z.string(),
  cc: z.string().nullable(),
  go: z.string().nullable(),
})

export const resultsSchema = z.strictObject({
  version: z.literal(RESULTS_VERSION),
  environment: environmentSchema,
  options: z.strictObject({
    rounds: z.int().nullable(),
    seconds: z.number().nullable(),
    connections: z.int().nullable(),
    words: z.array(z.string()),
  }),
  /** Whether the run was cut short; what is here was measured in full. */
  interrupted: z.boolean(),
  cases: z.array(caseSchema),
})

export type Series = z.infer<typeof seriesSchema>
export type Ratio = z.infer<typeof ratioSchema>
export type CaseResult = z.infer<typeof caseSchema>
export type Environment = z.infer<typeof environmentSchema>
export type Results = z.infer<typeof resultsSchema>

export interface SeriesOptions {
  readonly heapBytesPerOperation?: number
  readonly goal?: number
}

export function seriesOf(name: string, rounds: number[], options: SeriesOptions = {}): Series {
  const { heapBytesPerOperation = null, goal = null } = options
  return { name, rounds, ...summarize(rounds), heapBytesPerOperation, goal }
}

/** How many times as good one series is as another, round by round. */
export function ratioOf(of: Series, to: Series, better: Better, goal: number | null = null): Ratio {
  const rounds = ratiosByRound(of.rounds, to.rounds, better)
  return { of: of.name, to: to.name, rounds, ...summarize(rounds), goal }
}
