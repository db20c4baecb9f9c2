import { expect, test } from 'vitest'

import { judgeTrial } from '../../src/capacity/judge-trial.ts'
import type { RunReport } from '../../src/report/schema/run.ts'
import { parseObjective } from '../../src/options/objective.ts'
import { runReportWith } from '../fixtures/run-report.ts'

const OPEN = { due: 10_000, held: 0, late: 0, unsent: 0, dropped: 0, censored: 0 }
const MET = { ...(parseObjective('p99<10ms') as NonNullable<ReturnType<typeof parseObjective>>), actual: 5, met: true }

/** On a machine that wakes everybody in time. */
function trial(change: Partial<RunReport>): RunReport {
  const report = runReportWith()
  const hiccups = { ...report.hiccups, p99Us: 1 }
  return { ...report, hiccups, open: OPEN, objectives: [MET], ...change }
}

test('a rate is held when its objective is met and its frames are answered', () => {
  expect(judgeTrial(trial({}))).toEqual({ state: 'held', why: '' })
  expect(judgeTrial(trial({ open: { ...OPEN, censored: 10 } })).state).toBe('held')
})

test.each<[string, Partial<RunReport>, string]>([
  ['an objective', { objectives: [{ ...MET, met: false }] }, 'p99<10ms was missed'],
  ['answers', { open: { ...OPEN, censored: 8, dropped: 3 } }, '11 of 10000 frames were not answered'],
])('a rate that misses %s is missed by the server', (_what, change, why) => {
  expect(judgeTrial(trial(change))).toEqual({ state: 'missed', why })
})

test('errors are of the server', () => {
  const report = trial({})
  const errors = { ...report.errors, 'lost-connection': 2 }
  expect(judgeTrial({ ...report, errors })).toEqual({ state: 'missed', why: 'errors: 2 lost-connection' })
})

test('an objective that its own lag missed is for the generator to answer', () => {
  const report = trial({ objectives: [{ ...MET, met: false }] })
  const { response } = report.latency
  const latency = { ...report.latency, ownLag: { ...response } }
  expect(judgeTrial({ ...report, latency }).state).toBe('generator')
})

test('an objective that a process with nothing to do would have missed too is not missed by the server', () => {
  const report = trial({ objectives: [{ ...MET, met: false }] })
  expect(judgeTrial({ ...report, hiccups: report.latency.response }).state).toBe('generator')
})

test('an objective that is met in spite of a late generator is met; without all of its processes nothing is', () => {
  const verdict = { state: 'INVALID', reasons: ['Load process 0 stood still for 2 s.'] } as const
  expect(judgeTrial(trial({ verdict })).state).toBe('held')
  const why = 'Load process 0 stood still for 2 s.'
  expect(judgeTrial(trial({ verdict, processes: [] }))).toEqual({ state: 'generator', why })
})
