/**
 * Owns the judgement whether a run's numbers may be used: VALID, SUSPECT or INVALID, with the reasons.
 * Must not know: how numbers are gathered or shown.
 * Invariant: INVALID outweighs SUSPECT; a verdict other than VALID has at least one reason, each a whole sentence.
 */
import { LATENCY_US_MAX } from '../latency-histogram.ts'
import { ERROR_KINDS } from '../messages.ts'
import type { ErrorCounts, ErrorExample, ErrorKind, ProcessReport } from '../messages.ts'
import { hasFewSamples, SAMPLES_ABOVE_MIN, samplesAbove } from './percentiles.ts'
import type { Percentile } from './percentiles.ts'

export type VerdictState = 'VALID' | 'SUSPECT' | 'INVALID'

export interface Verdict {
  readonly state: VerdictState
  readonly reasons: readonly string[]
}

/** What the verdict depends on. */
export interface RunEvidence {
  /** Answers read in the measured time; samples can be more, since some are read after it. */
  readonly answers: number
  readonly samples: number
  /** The percentile that the run was made for. */
  readonly percentile: Percentile
  readonly aboveRange: number
  readonly p99Us: number
  readonly errors: ErrorCounts
  readonly example: ErrorExample | null
  /** One for every process that reported to the end. */
  readonly selves: readonly ProcessReport[]
  /** Why the run did not go to its end; empty when it did. */
  readonly breaks: readonly string[]
}

/** Above this share of a core, or of its event loop's time, a load process may be what limits the rate. */
const BUSY_MAX = 0.9
/** The event loop may be late by this share of the latency's p99 ... */
const LOOP_DELAY_SHARE_MAX = 0.5
/** ... but its own timers are no better than this. */
const LOOP_DELAY_US_MIN = 1000
/** A load process that stood still for so long, or for this share of the run, has measured itself. */
const STARVED_US_MIN = 1_000_000
const STARVED_SHARE_MAX = 0.1

const ERROR_NAMES: Readonly<Record<ErrorKind, string>> = {
  'wrong-answer': 'Wrong answers',
  'unexpected-frame': 'Frames that answer nothing',
  'error-frame': 'ERROR frames',
  'broken-stream': 'Broken streams',
  goaway: 'Connections told to go away',
  'lost-connection': 'Lost connections',
  unanswered: 'Frames never answered',
}

export function judgeRun(evidence: RunEvidence): Verdict {
  const invalid = [...evidence.breaks, ...errorReasons(evidence), ...starvedReasons(evidence.selves)]
  if (evidence.answers === 0) invalid.push('No frame was answered while measuring.')
  // Doubts about numbers are of no use where there are none.
  const suspect = evidence.samples === 0 ? [] : suspectReasons(evidence)
  const reasons = [...invalid, ...suspect]
  if (invalid.length > 0) return { state: 'INVALID', reasons }
  return { state: suspect.length > 0 ? 'SUSPECT' : 'VALID', reasons }
}

function errorReasons({ errors, example }: RunEvidence): string[] {
  const reasons = ERROR_KINDS.filter((kind) => errors[kind] > 0).map((kind) => `${ERROR_NAMES[kind]}: ${errors[kind]}.`)
  return example === null ? reasons : [...reasons, `The first: ${example.sentence}.`]
}

function starvedReasons(selves: readonly ProcessReport[]): string[] {
  const bound = (self: ProcessReport): number => Math.max(STARVED_US_MIN, self.lengthUs * STARVED_SHARE_MAX)
  return selves.flatMap((self) =>
    self.loopDelayMaxUs > bound(self)
      ? [`Load process ${self.process} stood still for ${inMs(self.loopDelayMaxUs)}: the generator was starved.`]
      : [],
  )
}

function suspectReasons(evidence: RunEvidence): string[] {
  return [...rangeReasons(evidence), ...fewReasons(evidence), ...busyReasons(evidence.selves), ...lateReasons(evidence)]
}

function rangeReasons({ aboveRange }: RunEvidence): string[] {
  if (aboveRange === 0) return []
  return [`${aboveRange} answers took more than ${LATENCY_US_MAX / 1_000_000} s and are in no percentile.`]
}

function fewReasons({ samples, percentile }: RunEvidence): string[] {
  if (!hasFewSamples(samples, percentile)) return []
  const above = samplesAbove(samples, percentile)
  const enough = SAMPLES_ABOVE_MIN * percentile.oneIn
  return [
    `${samples} samples are too few for ${percentile.name}: ${above} of them lie above it, at least ` +
      `${SAMPLES_ABOVE_MIN} must; take a longer --duration-s for ${enough} samples, or another --percentile.`,
  ]
}

function busyReasons(selves: readonly ProcessReport[]): string[] {
  return selves.flatMap((self) => {
    const cpu = self.lengthUs === 0 ? 0 : self.threadCpuUs / self.lengthUs
    if (cpu <= BUSY_MAX && self.loopBusy <= BUSY_MAX) return []
    const what =
      cpu > BUSY_MAX ? `used ${inPercent(cpu)} of a core` : `was busy ${inPercent(self.loopBusy)} of the time`
    return [`Load process ${self.process} ${what}: the generator may be the limit, more --processes may show more.`]
  })
}

function lateReasons({ selves, p99Us }: RunEvidence): string[] {
  const bound = Math.max(LOOP_DELAY_US_MIN, p99Us * LOOP_DELAY_SHARE_MAX)
  return selves.flatMap((self) => {
    if (self.loopDelayP99Us <= bound) return []
    const late = `was ${inMs(self.loopDelayP99Us)} late at p99, where the latency has ${inMs(p99Us)}`
    return [`The event loop of load process ${self.process} ${late}: part of the latency may be the generator's own.`]
  })
}

function inPercent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function inMs(us: number): string {
  return `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`
}
