/**
 * Owns the judgement whether a run's numbers may be used: VALID, SUSPECT or INVALID, with the reasons.
 * Must not know: how numbers are gathered or shown, whether objectives were met.
 * Invariant: INVALID outweighs SUSPECT; a verdict other than VALID has at least one reason, each a whole sentence. A
 * server that is slow or refuses is no fault of the numbers; a generator that is late is.
 */
import { LATENCY_US_MAX } from '../histogram/latency-histogram.ts'
import { ERROR_KINDS } from '../messages.ts'
import type { ErrorCounts, ErrorExample, ErrorKind, OpenCounts, ProcessReport } from '../messages.ts'
import type { CompanionsOutcome } from './companions.ts'
import { hasFewSamples, SAMPLES_ABOVE_MIN, samplesAbove } from './percentiles.ts'
import type { Percentile } from './percentiles.ts'
import type { Remedies } from './remedies.ts'

export type VerdictState = 'VALID' | 'SUSPECT' | 'INVALID'

export interface Verdict {
  readonly state: VerdictState
  readonly reasons: readonly string[]
}

/** What an open loop adds to the evidence. */
export interface OpenEvidence extends OpenCounts {
  /** The percentile that the run was made for: of the response times, and of the generator's own lag. */
  readonly responseUs: number
  readonly ownLagUs: number
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
  /** The percentile asked for: of the response times, and of how late the control process was woken. */
  readonly responseUs: number
  readonly hiccupUs: number
  /** Null in a closed loop. */
  readonly open: OpenEvidence | null
  readonly errors: ErrorCounts
  readonly example: ErrorExample | null
  /** One for every process that reported to the end. */
  readonly selves: readonly ProcessReport[]
  /** Why the run did not go to its end; empty when it did. */
  readonly breaks: readonly string[]
  /** Null when there was nothing beside the load, or the run did not go so far as to ask. */
  readonly beside: Pick<CompanionsOutcome, 'idle' | 'churn'> | null
  readonly remedies: Remedies
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
/** The generator's own lag may be this share of the response time at the percentile asked for, or so long ... */
const OWN_LAG_SHARE_SUSPECT = 0.1
const OWN_LAG_US_SUSPECT = 100
/** ... and beyond this share, and this long, the percentile is the generator's own. */
const OWN_LAG_SHARE_INVALID = 0.5
const OWN_LAG_US_INVALID = 2000
/** Of the frames that fell due, so many at most may have been more than a millisecond late by the generator's fault. */
const LATE_SHARE_SUSPECT = 0.01
/** The control process's timers are a millisecond late at most on a machine with time to spare. */
const HICCUP_US_MIN = 2500
const HICCUP_SHARE_MAX = 0.25
/** Garbage collections may stop a load process for this share of its time. */
const GC_SHARE_MAX = 0.05

const ERROR_NAMES: Readonly<Record<ErrorKind, string>> = {
  'wrong-answer': 'Wrong answers',
  'unexpected-frame': 'Frames that answer nothing',
  'error-frame': 'ERROR frames',
  refused: 'Frames refused by the server',
  'broken-stream': 'Broken streams',
  goaway: 'Connections told to go away',
  'lost-connection': 'Lost connections',
  unanswered: 'Frames never answered',
}
/** What a server may say that is too busy: it cost the refused frames, and not the others' numbers. */
const SUSPECT_KINDS: ReadonlySet<ErrorKind> = new Set(['refused'])

export function judgeRun(evidence: RunEvidence): Verdict {
  const { errors } = evidence
  const fatal = ERROR_KINDS.filter((kind) => errors[kind] > 0 && !SUSPECT_KINDS.has(kind))
  const invalid = [
    ...evidence.breaks,
    ...fatal.map((kind) => errorReason(kind, errors)),
    ...(fatal.length > 0 ? exampleReasons(evidence) : []),
    ...starvedReasons(evidence.selves),
    ...lagReasons(evidence).invalid,
    ...idleReasons(evidence),
  ]
  if (evidence.answers === 0) invalid.push('No frame was answered while measuring.')
  // Doubts about numbers are of no use where there are none.
  const suspect = evidence.samples === 0 ? [] : suspectReasons(evidence, fatal.length > 0)
  const reasons = [...invalid, ...suspect]
  if (invalid.length > 0) return { state: 'INVALID', reasons }
  return { state: suspect.length > 0 ? 'SUSPECT' : 'VALID', reasons }
}

function errorReason(kind: ErrorKind, errors: ErrorCounts): string {
  return `${ERROR_NAMES[kind]}: ${errors[kind]}.`
}

function exampleReasons({ example }: RunEvidence): string[] {
  return example === null ? [] : [`The first: ${example.sentence}.`]
}

function starvedReasons(selves: readonly ProcessReport[]): string[] {
  const bound = (self: ProcessReport): number => Math.max(STARVED_US_MIN, self.lengthUs * STARVED_SHARE_MAX)
  return selves.flatMap((self) =>
    self.loopDelayMaxUs > bound(self)
      ? [`Load process ${self.process} stood still for ${inMs(self.loopDelayMaxUs)}: the generator was starved.`]
      : [],
  )
}

function lagReasons({ open, percentile }: RunEvidence): { invalid: string[]; suspect: string[] } {
  if (open === null || open.responseUs === 0) return { invalid: [], suspect: [] }
  const { ownLagUs, responseUs } = open
  const share = ownLagUs / responseUs
  const sentence =
    `The generator itself was ${inMs(ownLagUs)} late with its frames at ${percentile.name}, ` +
    `where the response time is ${inMs(responseUs)}`
  if (share > OWN_LAG_SHARE_INVALID && ownLagUs > OWN_LAG_US_INVALID) {
    return { invalid: [`${sentence}: the number is the generator's own.`], suspect: [] }
  }
  const isSuspect = share > OWN_LAG_SHARE_SUSPECT && ownLagUs > OWN_LAG_US_SUSPECT
  return { invalid: [], suspect: isSuspect ? [`${sentence}: part of it is the generator's own.`] : [] }
}

function suspectReasons(evidence: RunEvidence, hasFatal: boolean): string[] {
  const { errors, open, selves } = evidence
  const refused = errors.refused === 0 ? [] : [`${errorReason('refused', errors)} They are in no percentile.`]
  return [
    ...refused,
    ...(refused.length > 0 && !hasFatal ? exampleReasons(evidence) : []),
    ...(open === null ? [] : overloadReasons(open)),
    ...rangeReasons(evidence),
    ...fewReasons(evidence),
    ...lagReasons(evidence).suspect,
    ...(open === null ? [] : lateShareReasons(open)),
    ...busyReasons(evidence),
    ...lateReasons(evidence),
    ...collectionReasons(selves),
    ...churnReasons(evidence),
    ...hiccupReasons(evidence),
  ]
}

/** An idle mass that is not there any more was not beside the load. */
function idleReasons({ beside }: RunEvidence): string[] {
  if (beside?.idle === null || beside?.idle === undefined) return []
  const { state, sweep } = beside.idle
  const reasons: string[] = []
  if (state.lost > 0) reasons.push(`Idle connections lost: ${state.lost} (${codes(state.lostBy)}).`)
  if (sweep.wrong > 0) reasons.push(`Idle connections that answered with other bytes than were sent: ${sweep.wrong}.`)
  const silent = sweep.asked - sweep.alive - sweep.wrong
  if (silent > 0) reasons.push(`Idle connections that did not answer when they were asked: ${silent}.`)
  return reasons
}

function churnReasons({ beside }: RunEvidence): string[] {
  if (beside?.churn === null || beside?.churn === undefined) return []
  const { due, failed, failedBy, dropped } = beside.churn.report
  const reasons: string[] = []
  if (failed > 0) reasons.push(`Of ${due} connections that came, ${failed} failed (${codes(failedBy)}).`)
  if (dropped > 0)
    reasons.push(`Of ${due} connections that were to come, ${dropped} were not dialed: too many under way.`)
  return reasons
}

function hiccupReasons({ hiccupUs, responseUs, percentile }: RunEvidence): string[] {
  if (hiccupUs <= HICCUP_US_MIN || hiccupUs <= responseUs * HICCUP_SHARE_MAX) return []
  return [
    `A process with nothing to do was woken ${inMs(hiccupUs)} late at ${percentile.name}, where the response time is ` +
      `${inMs(responseUs)}: the machine itself stalls, or is overbooked.`,
  ]
}

function codes(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([code, count]) => `${count} ${code}`)
    .join(', ')
}

function overloadReasons({ due, unsent, dropped, censored }: OpenEvidence): string[] {
  if (unsent + dropped + censored === 0) return []
  const parts = [
    ...(censored > 0
      ? [`${censored} were not answered by the end of the drain and count with the time till then`]
      : []),
    ...(unsent > 0 ? [`${unsent} of these were never written`] : []),
    ...(dropped > 0 ? [`${dropped} found no place to wait and are in no percentile`] : []),
  ]
  return [`The server did not keep up: of ${due} frames due, ${parts.join(', ')}. Percentiles are lower bounds.`]
}

function lateShareReasons({ due, late }: OpenEvidence): string[] {
  if (due === 0 || late / due <= LATE_SHARE_SUSPECT) return []
  return [`The generator wrote ${inPercent(late / due)} of its frames more than a millisecond late by its own fault.`]
}

function rangeReasons({ aboveRange }: RunEvidence): string[] {
  if (aboveRange === 0) return []
  return [`${aboveRange} answers took more than ${LATENCY_US_MAX / 1_000_000} s and are in no percentile.`]
}

function fewReasons({ samples, percentile, remedies: { longer, otherPercentile } }: RunEvidence): string[] {
  if (!hasFewSamples(samples, percentile)) return []
  const above = samplesAbove(samples, percentile)
  const enough = SAMPLES_ABOVE_MIN * percentile.oneIn
  const other = otherPercentile === null ? '' : `, or ${otherPercentile}`
  return [
    `${samples} samples are too few for ${percentile.name}: ${above} of them lie above it, at least ` +
      `${SAMPLES_ABOVE_MIN} must; take ${longer} for ${enough} samples${other}.`,
  ]
}

function busyReasons({ selves, remedies: { moreProcesses } }: RunEvidence): string[] {
  const remedy = moreProcesses === null ? '' : `, ${moreProcesses} may show more`
  return selves.flatMap((self) => {
    // Time spent spinning for the next due moment costs CPU, but is time to spare.
    const cpu = self.lengthUs === 0 ? 0 : Math.max(0, self.threadCpuUs - self.spinUs) / self.lengthUs
    if (cpu <= BUSY_MAX && self.loopBusy <= BUSY_MAX) return []
    const what =
      cpu > BUSY_MAX ? `used ${inPercent(cpu)} of a core` : `was busy ${inPercent(self.loopBusy)} of the time`
    return [`Load process ${self.process} ${what}: the generator may be the limit${remedy}.`]
  })
}

function lateReasons({ selves, p99Us, open }: RunEvidence): string[] {
  // The lag of an open loop is measured frame by frame.
  if (open !== null) return []
  const bound = Math.max(LOOP_DELAY_US_MIN, p99Us * LOOP_DELAY_SHARE_MAX)
  return selves.flatMap((self) => {
    if (self.loopDelayP99Us <= bound) return []
    const late = `was ${inMs(self.loopDelayP99Us)} late at p99, where the latency has ${inMs(p99Us)}`
    return [`The event loop of load process ${self.process} ${late}: part of the latency may be the generator's own.`]
  })
}

function collectionReasons(selves: readonly ProcessReport[]): string[] {
  return selves.flatMap((self) => {
    const share = self.lengthUs === 0 ? 0 : self.gcUs / self.lengthUs
    if (share <= GC_SHARE_MAX) return []
    const longest = `the longest of ${inMs(self.gcMaxUs)}`
    return [`Load process ${self.process} collected garbage ${inPercent(share)} of the time, ${longest}.`]
  })
}

function inPercent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function inMs(us: number): string {
  return `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`
}
