import { expect, test } from 'vitest'

import type { ChurnReport } from '../../src/churn/churn-messages.ts'
import type { HeldState, Swept } from '../../src/fleet/holders.ts'
import { LatencySums } from '../../src/histogram/latency-sums.ts'
import { NO_LATENCIES } from '../../src/load/latency-recorder.ts'
import { noErrors } from '../../src/load/error-ledger.ts'
import { ERROR_KINDS } from '../../src/messages.ts'
import type { ProcessReport } from '../../src/messages.ts'
import { PERCENTILES } from '../../src/run/percentiles.ts'
import { RUN_REMEDIES } from '../../src/run/remedies.ts'
import { judgeRun } from '../../src/run/verdict.ts'
import type { OpenEvidence, RunEvidence } from '../../src/run/verdict.ts'

const CALM: ProcessReport = {
  process: 0,
  lengthUs: 10_000_000,
  threadCpuUs: 5_000_000,
  processCpuUs: 6_000_000,
  loopBusy: 0.5,
  loopDelayP50Us: 50,
  loopDelayP99Us: 400,
  loopDelayMaxUs: 3000,
  spinUs: 0,
  gcCount: 3,
  gcUs: 9000,
  gcMaxUs: 4000,
}
const [P50, , P99, P999] = PERCENTILES
if (P50 === undefined || P99 === undefined || P999 === undefined) throw new Error('percentiles are missing')
const OPEN: OpenEvidence = {
  due: 1000,
  held: 0,
  late: 0,
  unsent: 0,
  dropped: 0,
  censored: 0,
  responseUs: 600,
  ownLagUs: 20,
}
const GOOD: RunEvidence = {
  answers: 1000,
  samples: 1000,
  percentile: P99,
  aboveRange: 0,
  p99Us: 600,
  responseUs: 600,
  hiccupUs: 900,
  beside: null,
  open: null,
  errors: noErrors(),
  example: null,
  selves: [CALM],
  breaks: [],
  remedies: RUN_REMEDIES,
}

test('a run without a fault is VALID and has no reasons', () => {
  expect(judgeRun(GOOD)).toEqual({ state: 'VALID', reasons: [] })
})

test.each(ERROR_KINDS.filter((kind) => kind !== 'refused'))('one error of the kind %s makes it INVALID', (kind) => {
  const { state, reasons } = judgeRun({ ...GOOD, errors: { ...noErrors(), [kind]: 1 } })
  expect(state).toBe('INVALID')
  expect(reasons[0]).toMatch(/: 1\.$/)
})

test('the first error is told', () => {
  const example = { kind: 'wrong-answer', connection: 3, sequence: 9, offset: 6, expected: '61', got: '62' } as const
  const errors = { ...noErrors(), 'wrong-answer': 2 }
  const { reasons } = judgeRun({ ...GOOD, errors, example: { ...example, sentence: 'connection 3 lied' } })
  expect(reasons).toEqual(['Wrong answers: 2.', 'The first: connection 3 lied.'])
})

test.each<[string, Partial<RunEvidence>, RegExp]>([
  ['a run that did not go to its end', { breaks: ['The run was cut short.'] }, /cut short/],
  ['a run without an answer', { answers: 0, samples: 0 }, /No frame was answered/],
  ['a run whose answers all came after it', { answers: 0, samples: 1000 }, /No frame was answered while measuring/],
  [
    'a generator that stood still',
    { selves: [CALM, { ...CALM, process: 3, loopDelayMaxUs: 1_200_000 }] },
    /process 3 stood still/,
  ],
])('%s is INVALID', (_name, change, reason) => {
  const verdict = judgeRun({ ...GOOD, ...change })
  expect(verdict.state).toBe('INVALID')
  expect(verdict.reasons[0]).toMatch(reason)
})

test.each<[string, Partial<RunEvidence>, RegExp]>([
  [
    'more than 90 % of a core',
    { selves: [{ ...CALM, process: 2, threadCpuUs: 9_100_000 }] },
    /process 2 used 91 % of a core/,
  ],
  ['a loop that is always busy', { selves: [{ ...CALM, process: 2, loopBusy: 0.97 }] }, /process 2 was busy 97 % of/],
  [
    'a loop as late as the latency',
    { selves: [{ ...CALM, process: 2, loopDelayP99Us: 1100 }] },
    /process 2 was 1.10 ms late at p99/,
  ],
  [
    'a loop that collects garbage',
    { selves: [{ ...CALM, process: 2, gcUs: 700_000, gcMaxUs: 80_000 }] },
    /process 2 collected garbage 7 % of the time, the longest of 80 ms/,
  ],
  [
    "a tenth of the response time that is the generator's own lag",
    { open: { ...OPEN, responseUs: 2000, ownLagUs: 210 } },
    /was 0.21 ms late with its frames at p99, where the response time is 2.00 ms: part of it is the generator's own/,
  ],
  [
    'two frames in a hundred that are late',
    { open: { ...OPEN, late: 20, responseUs: 1e6 } },
    /2 % of its frames more than a millisecond late/,
  ],
  [
    'a server that does not keep up',
    { open: { ...OPEN, unsent: 10, censored: 40, dropped: 3 } },
    /of 1000 frames due, 40 were not answered .*, 10 of these were never written, 3 found no place .* lower bounds/,
  ],
  ['refused frames', { errors: { ...noErrors(), refused: 4 } }, /^Frames refused by the server: 4. They are in no/],
  ['latencies above the range', { aboveRange: 2 }, /^2 answers took more than 600 s/],
  ['nine samples above p99', { samples: 999 }, /^999 samples are too few for p99: 9 of them lie above it/],
  ['nine samples above p99.9', { samples: 9999, percentile: P999 }, /^9999 samples are too few for p99.9: 9 of them/],
])('%s makes it SUSPECT', (_name, change, reason) => {
  const verdict = judgeRun({ ...GOOD, ...change })
  expect(verdict.state).toBe('SUSPECT')
  expect(verdict.reasons[0]).toMatch(reason)
})

/** What is beside a load that does well. */
function besideWith(
  idle: Partial<HeldState>,
  swept: Partial<Swept>,
  churn: Partial<ChurnReport>,
): RunEvidence['beside'] {
  const memory = { residentBytes: 0, heapBytes: 0, externalBytes: 0 }
  const state = { up: 10, connecting: 0, lost: 0, lostBy: {}, pings: 0, answered: 0, memory, ...idle }
  const sweep = { asked: 10, alive: 10, wrong: 0, answers: new LatencySums(), lengthMs: 5, ...swept }
  const counts = { due: 9, connected: 9, answered: 9, failed: 0, failedBy: {}, dropped: 0, ...churn }
  const report = { ...counts, connect: NO_LATENCIES, firstAnswer: NO_LATENCIES }
  const opened = { failure: null, connects: new LatencySums(), lengthMs: 5 }
  const times = { connect: new LatencySums(), firstAnswer: new LatencySums() }
  return { idle: { opened, state, sweep }, churn: { report, ...times } }
}

test('what is beside the load and does well is no reason', () => {
  expect(judgeRun({ ...GOOD, beside: besideWith({}, {}, {}) })).toEqual({ state: 'VALID', reasons: [] })
})

test.each<[string, Partial<HeldState>, Partial<Swept>, RegExp]>([
  ['lost', { lost: 3, lostBy: { ECONNRESET: 2, CLOSED: 1 } }, {}, /lost: 3 \(2 ECONNRESET, 1 CLOSED\)/],
  ['silent', {}, { alive: 8 }, /did not answer when they were asked: 2/],
  ['wrong', {}, { alive: 9, wrong: 1 }, /answered with other bytes than were sent: 1/],
])('idle connections that are %s make it INVALID', (_name, idle, sweep, reason) => {
  const verdict = judgeRun({ ...GOOD, beside: besideWith(idle, sweep, {}) })
  expect(verdict.state).toBe('INVALID')
  expect(verdict.reasons).toEqual([expect.stringMatching(reason)])
})

test('connections that came and failed, or were not dialed, make it SUSPECT', () => {
  const churn = { failed: 2, failedBy: { ECONNREFUSED: 2 }, dropped: 1 }
  const verdict = judgeRun({ ...GOOD, beside: besideWith({}, {}, churn) })
  expect(verdict.state).toBe('SUSPECT')
  expect(verdict.reasons).toEqual([
    'Of 9 connections that came, 2 failed (2 ECONNREFUSED).',
    'Of 9 connections that were to come, 1 were not dialed: too many under way.',
  ])
})

test('a machine that wakes idle processes late makes it SUSPECT, if that is much against the response time', () => {
  const verdict = judgeRun({ ...GOOD, responseUs: 8000, hiccupUs: 3000 })
  expect(verdict.state).toBe('SUSPECT')
  expect(verdict.reasons[0]).toMatch(/woken 3.00 ms late at p99, where the response time is 8.00 ms/)
  expect(judgeRun({ ...GOOD, responseUs: 80_000, hiccupUs: 3000 }).state).toBe('VALID')
  expect(judgeRun({ ...GOOD, responseUs: 100, hiccupUs: 1200 }).state).toBe('VALID')
})

test('lag that is more than half of the response time makes it INVALID', () => {
  const verdict = judgeRun({ ...GOOD, open: { ...OPEN, responseUs: 5000, ownLagUs: 2600 } })
  expect(verdict.state).toBe('INVALID')
  expect(verdict.reasons).toEqual([
    'The generator itself was 2.60 ms late with its frames at p99, where the response time is 5.00 ms: ' +
      "the number is the generator's own.",
  ])
})

test.each([
  ['of microseconds', { responseUs: 100, ownLagUs: 90 }],
  ['far below the response time', { responseUs: 1e6, ownLagUs: 50_000 }],
])('lag %s is none to speak of', (_name, change) => {
  expect(judgeRun({ ...GOOD, open: { ...OPEN, ...change } })).toEqual({ state: 'VALID', reasons: [] })
})

test('an open loop is judged by its lag, and time that it spins is time to spare', () => {
  const spinning = { ...CALM, threadCpuUs: 9_900_000, spinUs: 8_000_000, loopBusy: 0.2, loopDelayP99Us: 5000 }
  expect(judgeRun({ ...GOOD, open: OPEN, selves: [spinning] })).toEqual({ state: 'VALID', reasons: [] })
})

test.each([
  [20, P50],
  [1000, P99],
  [10_000, P999],
])('%i samples are enough for %o', (samples, percentile) => {
  expect(judgeRun({ ...GOOD, samples, percentile })).toEqual({ state: 'VALID', reasons: [] })
})

test('a loop that is late only little against the latency is no reason', () => {
  expect(judgeRun({ ...GOOD, p99Us: 50_000, selves: [{ ...CALM, loopDelayP99Us: 20_000 }] }).state).toBe('VALID')
})

test('a run without a sample says nothing about the generator, whose numbers it has none of', () => {
  const errors = { ...noErrors(), 'error-frame': 1 }
  const busy = { ...CALM, loopBusy: 0.97, loopDelayP99Us: 5000 }
  const { state, reasons } = judgeRun({ ...GOOD, answers: 0, samples: 0, p99Us: 0, errors, selves: [busy] })
  expect(state).toBe('INVALID')
  expect(reasons).toEqual(['ERROR frames: 1.', 'No frame was answered while measuring.'])
})

test('INVALID outweighs SUSPECT and keeps its reasons too', () => {
  const { state, reasons } = judgeRun({ ...GOOD, aboveRange: 1, breaks: ['The run was cut short.'] })
  expect(state).toBe('INVALID')
  expect(reasons).toHaveLength(2)
})
