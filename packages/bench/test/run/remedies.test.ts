import { describe, expect, test } from 'vitest'

import { COMMANDS } from '../../src/cli.ts'
import { writtenName } from '../../src/options/flag.ts'
import { noErrors } from '../../src/load/error-ledger.ts'
import { PERCENTILES } from '../../src/run/percentiles.ts'
import { diagnose } from '../../src/run/diagnosis.ts'
import {
  CONFIRM_REMEDIES,
  HOLD_PROBE_REMEDIES,
  IDLE_REMEDIES,
  LADDER_REMEDIES,
  PROBE_REMEDIES,
  RUN_REMEDIES,
  SCALE_CONNECTIONS_REMEDIES,
  SCALE_REMEDIES,
  STEP_REMEDIES,
} from '../../src/run/remedies.ts'
import type { Remedies } from '../../src/run/remedies.ts'
import { checkDescriptors } from '../../src/run/system-limits.ts'
import { judgeRun } from '../../src/run/verdict.ts'
import type { RunEvidence } from '../../src/run/verdict.ts'

const [, , P99] = PERCENTILES
if (P99 === undefined) throw new Error('percentiles are missing')
const BUSY = { process: 0, lengthUs: 1e6, threadCpuUs: 99e4, processCpuUs: 99e4, loopBusy: 0.99, spinUs: 0 }
const QUIET = { loopDelayP50Us: 0, loopDelayP99Us: 0, loopDelayMaxUs: 0, gcCount: 0, gcUs: 0, gcMaxUs: 0 }

/** A run that took too few samples, from a process that had too much to do. */
const POOR: Omit<RunEvidence, 'remedies'> = {
  answers: 20,
  samples: 20,
  percentile: P99,
  aboveRange: 0,
  p99Us: 600,
  responseUs: 600,
  hiccupUs: 0,
  beside: null,
  open: null,
  errors: noErrors(),
  example: null,
  selves: [{ ...BUSY, ...QUIET }],
  breaks: [],
}

/** Everything that is ever advised with these. */
function adviceOf(some: Remedies): string {
  const said = [...judgeRun({ ...POOR, remedies: some }).reasons]
  expect(said).toHaveLength(2)
  for (const code of ['EMFILE', 'EADDRNOTAVAIL', 'ECONNREFUSED']) {
    said.push(diagnose({ host: '::1', port: 1 }, { code, message: '', connected: 3 }, some).message)
  }
  expect(() => checkDescriptors(2000, 1024, some)).toThrow(/ulimit/)
  try {
    checkDescriptors(2000, 1024, some)
  } catch (error) {
    said.push(String(error))
  }
  return said.join(' ')
}

describe('what is advised', () => {
  test.each<[string, Remedies, string]>([
    ['run', RUN_REMEDIES, 'take a longer --duration-s for 1000 samples, or another --percentile.'],
    ['run', IDLE_REMEDIES, 'or use a lower --idle'],
    ['capacity', STEP_REMEDIES, 'take a longer --step-s for 1000 samples, or another --slo.'],
    ['capacity', CONFIRM_REMEDIES, 'take a longer --confirm-s for 1000 samples, or another --slo.'],
    ['scale', SCALE_REMEDIES, 'take a longer --duration-s for 1000 samples.'],
    ['scale', SCALE_CONNECTIONS_REMEDIES, 'use more --processes or smaller --sizes'],
    ['ladder', PROBE_REMEDIES, 'take a longer --probe-s for 1000 samples, or another --percentile.'],
    ['ladder', HOLD_PROBE_REMEDIES, 'take a longer --hold-s for 1000 samples, or another --percentile.'],
    ['ladder', LADDER_REMEDIES, 'or use a lower --to'],
  ])('to who uses %s, by %o, are flags that it has', (name, some, sentence) => {
    const command = COMMANDS.find((one) => one.name === name)
    const has = Object.keys(command?.flags ?? {}).map((flag) => `--${writtenName(flag)}`)
    const advice = adviceOf(some)
    expect(advice).toContain(sentence)
    const named = advice.match(/--[a-z][a-z-]*/g) ?? []
    expect(named.length).toBeGreaterThan(2)
    expect(named.filter((flag) => !has.includes(flag))).toEqual([])
  })
})
