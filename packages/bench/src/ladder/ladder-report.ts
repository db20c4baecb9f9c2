/**
 * Owns how the report of a ladder is made from what it gathered, and its verdict.
 * Must not know: the terminal, files, processes.
 * Invariant: a connection that was lost, or did not answer rightly, makes it INVALID: what was to be held was not.
 */
import type { HeldState, Swept } from '../fleet/holders.ts'
import { perConnection } from '../observe/ledger.ts'
import { judgeObjectives } from '../options/objective.ts'
import type { ObjectiveResult } from '../options/objective.ts'
import { latencyReport, makeReport } from '../report/run-report.ts'
import type { ReportOrigin, RunOutcome } from '../report/run-report.ts'
import { LADDER_SCHEMA } from '../report/schema/ladder.ts'
import type { LadderReport, LadderStep, ProbeReport } from '../report/schema/ladder.ts'
import type { Verdict } from '../run/verdict.ts'
import type { HoldOutcome, LadderOutcome, StepOutcome } from './ladder-outcome.ts'
import type { LadderOptions } from './ladder-options.ts'

/** Bytes for each connection may differ so much from step to step, where there are many for each process. */
const FLAT_SHARE = 0.1
const FLAT_FROM = 10_000
const FLAT_FROM_EACH = 2000

export interface LadderOrigin extends ReportOrigin {
  readonly server: LadderReport['server']
}

export function makeLadderReport(options: LadderOptions, outcome: LadderOutcome, origin: LadderOrigin): LadderReport {
  const { environment, version, commandLine, server } = origin
  const { startedAtMs, holders, before, steps, bound, hold, closeMs, after, state } = outcome
  const reports = steps.map((step) => stepReport(step, outcome, origin))
  const top = steps.at(-1)
  return {
    schema: LADDER_SCHEMA,
    version,
    startedAt: new Date(startedAtMs).toISOString(),
    commandLine,
    options,
    holders: holders.map(({ connectionsMax, route }) => ({ connections: connectionsMax, source: route.localAddress })),
    server,
    reached: Math.max(0, ...steps.map(({ connections }) => connections)),
    bound,
    before,
    steps: reports,
    hold: hold === null ? null : holdReport(hold, origin),
    closeMs: closeMs === null ? null : Math.round(closeMs),
    after,
    lost: state.lost,
    lostBy: state.lostBy,
    objectives: top === undefined ? [] : probeObjectives(options, hold?.probe ?? top.probe, origin),
    verdict: judgeLadder(outcome, reports),
    environment,
  }
}

function stepReport(step: StepOutcome, { before, steps }: LadderOutcome, origin: ReportOrigin): LadderStep {
  const { connections, opened, overflows, ledger, state } = step
  const index = steps.indexOf(step)
  const openMs = Math.round(opened.lengthMs)
  const count = connections - (steps[index - 1]?.connections ?? 0)
  return {
    connections,
    openMs,
    opened: Math.max(0, count),
    connectsPerSecond: openMs === 0 ? 0 : Math.round((Math.max(0, count) * 1000) / openMs),
    connect: latencyReport(opened.connects),
    overflows,
    sweep: sweepReport(step.sweep),
    lost: state.lost,
    pings: state.pings,
    ledger,
    perConnection: perConnection(before, ledger),
    probe: probeReport(step.probe, origin),
  }
}

function holdReport({ lengthMs, pings, lost, probe, sweep }: HoldOutcome, origin: ReportOrigin): LadderReport['hold'] {
  return { lengthMs: Math.round(lengthMs), pings, lost, sweep: sweepReport(sweep), probe: probeReport(probe, origin) }
}

function sweepReport({ asked, alive, wrong, answers, lengthMs }: Swept): LadderStep['sweep'] {
  return { asked, alive, wrong, lengthMs: Math.round(lengthMs), answer: latencyReport(answers) }
}

function probeReport(outcome: RunOutcome, origin: ReportOrigin): ProbeReport {
  const { latency, messagesPerSecond, errors, verdict, observed } = makeReport(outcome, origin)
  const mean = (values: readonly (number | null)[]): number | null => {
    const known = values.filter((value) => value !== null)
    if (known.length === 0) return null
    return Math.round((known.reduce((sum, one) => sum + one, 0) / known.length) * 1000) / 1000
  }
  return {
    response: latency.response,
    ownLag: latency.ownLag ?? latency.response,
    messagesPerSecond,
    errors: Object.values(errors).reduce((sum, count) => sum + count, 0),
    verdict,
    serverCores: mean(observed.samples.map(({ serverCores }) => serverCores)),
    generatorCores: mean(observed.samples.map(({ generatorCores }) => generatorCores)),
  }
}

function probeObjectives(options: LadderOptions, outcome: RunOutcome, origin: ReportOrigin): ObjectiveResult[] {
  const { latency, messagesPerSecond } = makeReport(outcome, origin)
  const { meanUs, maxUs } = latency.response
  const percentileUs = (percent: number): number => outcome.totals.latency.response.percentileUs(percent)
  return judgeObjectives(options.objectives, { percentileUs, meanUs, maxUs, messagesPerSecond, errorShare: 0 })
}

function judgeLadder({ steps, hold, state, breaks }: LadderOutcome, reports: readonly LadderStep[]): Verdict {
  const invalid = [
    ...breaks,
    ...lostReasons(state),
    ...steps.flatMap((step) => sweepReasons(step.sweep, step.connections)),
  ]
  if (hold !== null) invalid.push(...sweepReasons(hold.sweep, hold.sweep.asked))
  if (steps.length === 0 && breaks.length === 0) invalid.push('Not one step was reached.')
  const suspect = [...probeReasons(reports), ...overflowReasons(reports), ...flatReasons(reports)]
  if (reports.some(({ ledger }) => ledger.server === null)) {
    suspect.push("The server's processes could not be seen: its memory and processor time are not in the report.")
  }
  const reasons = [...invalid, ...suspect]
  if (invalid.length > 0) return { state: 'INVALID', reasons }
  return { state: suspect.length > 0 ? 'SUSPECT' : 'VALID', reasons }
}

function lostReasons({ lost, lostBy }: HeldState): string[] {
  if (lost === 0) return []
  const codes = Object.entries(lostBy).map(([code, count]) => `${count} ${code}`)
  return [`Connections lost: ${lost} (${codes.join(', ')}).`]
}

function sweepReasons({ asked, alive, wrong }: Swept, connections: number): string[] {
  const reasons =
    wrong > 0 ? [`With ${connections} connections, ${wrong} answered with other bytes than were sent.`] : []
  const silent = asked - alive - wrong
  if (silent > 0) reasons.push(`With ${connections} connections, ${silent} did not answer when they were asked.`)
  return reasons
}

/** What a probe's own verdict says against it, at the steps where it does. */
function probeReasons(steps: readonly LadderStep[]): string[] {
  const doubted = steps.filter(({ probe }) => probe.verdict.state !== 'VALID')
  const [first] = doubted
  if (first === undefined) return []
  const at = doubted.map(({ connections }) => connections).join(', ')
  const [why = ''] = first.probe.verdict.reasons
  return [`The latencies of the probe are in doubt with ${at} connections, the first because: ${why}`]
}

function overflowReasons(steps: readonly LadderStep[]): string[] {
  const overflows = steps.reduce((sum, step) => sum + (step.overflows ?? 0), 0)
  if (overflows === 0) return []
  return [
    `The kernel dropped ${overflows} connects because an accept queue was full: raise the server's backlog and ` +
      'net.core.somaxconn, or use fewer --connecting.',
  ]
}

/** Memory for each connection that grows with their number is a leak, or a table that was doubled; less is none. */
export function flatReasons(steps: readonly Pick<LadderStep, 'connections' | 'ledger' | 'perConnection'>[]): string[] {
  const known = steps.flatMap(({ connections, ledger, perConnection: { server } }) => {
    const from = Math.max(FLAT_FROM, FLAT_FROM_EACH * (ledger.server?.processes ?? 0))
    return connections >= from && server !== null ? [{ connections, server }] : []
  })
  let low = known[0]
  for (const step of known) {
    if (low === undefined || step.server < low.server) low = step
    if (step.server > low.server * (1 + FLAT_SHARE)) return [flatReason(low, step)]
  }
  return []
}

interface Flat {
  readonly connections: number
  readonly server: number
}

function flatReason(low: Flat, high: Flat): string {
  return (
    `The server's memory for each connection is not flat: ${low.server} B with ${low.connections} connections, ` +
    `${high.server} B with ${high.connections}.`
  )
}
