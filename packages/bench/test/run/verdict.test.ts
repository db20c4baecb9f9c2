import { expect, test } from 'vitest'

import { noErrors } from '../../src/load/error-ledger.ts'
import { ERROR_KINDS } from '../../src/messages.ts'
import type { ProcessReport } from '../../src/messages.ts'
import { PERCENTILES } from '../../src/run/percentiles.ts'
import { judgeRun } from '../../src/run/verdict.ts'
import type { RunEvidence } from '../../src/run/verdict.ts'

const CALM: ProcessReport = {
  process: 0,
  lengthUs: 10_000_000,
  threadCpuUs: 5_000_000,
  processCpuUs: 6_000_000,
  loopBusy: 0.5,
  loopDelayP50Us: 50,
  loopDelayP99Us: 400,
  loopDelayMaxUs: 3000,
}
const [P50, , P99, P999] = PERCENTILES
if (P50 === undefined || P99 === undefined || P999 === undefined) throw new Error('percentiles are missing')
const GOOD: RunEvidence = {
  answers: 1000,
  samples: 1000,
  percentile: P99,
  aboveRange: 0,
  p99Us: 600,
  errors: noErrors(),
  example: null,
  selves: [CALM],
  breaks: [],
}

test('a run without a fault is VALID and has no reasons', () => {
  expect(judgeRun(GOOD)).toEqual({ state: 'VALID', reasons: [] })
})

test.each(ERROR_KINDS)('one error of the kind %s makes it INVALID', (kind) => {
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
  ['latencies above the range', { aboveRange: 2 }, /^2 answers took more than 600 s/],
  ['nine samples above p99', { samples: 999 }, /^999 samples are too few for p99: 9 of them lie above it/],
  ['nine samples above p99.9', { samples: 9999, percentile: P999 }, /^9999 samples are too few for p99.9: 9 of them/],
])('%s makes it SUSPECT', (_name, change, reason) => {
  const verdict = judgeRun({ ...GOOD, ...change })
  expect(verdict.state).toBe('SUSPECT')
  expect(verdict.reasons[0]).toMatch(reason)
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
