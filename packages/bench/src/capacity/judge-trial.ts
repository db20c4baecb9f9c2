/**
 * Owns what a trial's report says: that the rate was held, missed by the server, or not made by the generator.
 * Must not know: the search.
 * Invariant: a rate counts as held only when its frames were answered too, all but one in a thousand.
 */
import type { RunReport } from '../report/schema/run.ts'
import type { TrialState } from './search.ts'

export interface Judged {
  readonly state: TrialState
  /** Why it was not held, in a sentence; empty when it was. */
  readonly why: string
}

const ANSWERED_SHARE_MIN = 0.999
/** From this share of the response time on, the lag of the generator or of its machine is what was measured. */
const LAG_SHARE_MAX = 0.5

const KEYS = { 50: 'p50Us', 90: 'p90Us', 99: 'p99Us', 99.9: 'p999Us', 99.99: 'p9999Us' } as const

export function judgeTrial(report: RunReport): Judged {
  const { objectives, verdict, errors, open, options } = report
  const missed = objectives.find(({ met }) => !met)
  const failed = Object.entries(errors).filter(([, count]) => count > 0)
  const unanswered = open === null ? 0 : open.censored + open.dropped
  const isAnswered = open === null || unanswered <= open.due * (1 - ANSWERED_SHARE_MIN)
  if (missed !== undefined && isLate(report)) return { state: 'generator', why: verdict.reasons[0] ?? '' }
  if (failed.length > 0) {
    return { state: 'missed', why: `errors: ${failed.map(([kind, count]) => `${count} ${kind}`).join(', ')}` }
  }
  if (!isAnswered) return { state: 'missed', why: `${unanswered} of ${open?.due} frames were not answered` }
  if (missed !== undefined) return { state: 'missed', why: `${missed.text} was missed` }
  // A late generator makes response times longer: an objective that is met all the same is met.
  if (report.processes.length < options.processes) return { state: 'generator', why: verdict.reasons[0] ?? '' }
  return { state: 'held', why: '' }
}

/** Whether the generator, or a process with nothing to do, was about as late as the answers were. */
function isLate({ latency: { response, ownLag }, hiccups, options: { percentile } }: RunReport): boolean {
  const key = KEYS[percentile as keyof typeof KEYS]
  return Math.max(ownLag?.[key] ?? 0, hiccups[key]) > response[key] * LAG_SHARE_MAX
}
