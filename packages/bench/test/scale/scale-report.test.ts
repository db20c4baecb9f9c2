import { describe, expect, test } from 'vitest'

import { parseCommand } from '../../src/commands/command.ts'
import { throughputOf } from '../../src/scale/models.ts'
import { scaleOptionsOf, scaleProblems, SCALE_FLAGS } from '../../src/scale/scale-options.ts'
import { makeScaleReport } from '../../src/scale/scale-report.ts'
import type { Measured } from '../../src/scale/scale-report.ts'
import { scaleTable } from '../../src/report/scale-table.ts'
import { scalePage } from '../../src/report/html/scale-page.ts'
import type { RunReport } from '../../src/report/schema/run.ts'
import { scaleReportSchema } from '../../src/report/schema/scale.ts'
import { runReportWith } from '../fixtures/run-report.ts'

const LAW = { each: 10_000, serial: 0.04, crosstalk: 0.004 }
const VALID = { state: 'VALID', reasons: [] } as const

function optionsWith(...args: string[]) {
  const parsed = parseCommand('scale', SCALE_FLAGS, ['--daemon', 'auto', ...args], { check: scaleProblems })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return scaleOptionsOf(parsed.values)
}

function sweep(sizes: readonly number[], cores: number, change: Partial<RunReport> = {}, law = LAW) {
  const base = runReportWith()
  const runs = sizes.flatMap((size): Measured[] =>
    [0, 1].map((repeat) => {
      const messagesPerSecond = Math.round(throughputOf(law, size))
      return { size, repeat, report: { ...base, messagesPerSecond, verdict: VALID, ...change } }
    }),
  )
  const environment = { ...base.environment, cores }
  const origin = {
    environment,
    version: '0.1.0',
    commandLine: [],
    startedAt: '2026-01-01T00:00:00.000Z',
    settings: null,
  }
  const options = optionsWith('--sizes', sizes.join(','), '--repeats', '2', '--predict', '20,99')
  return makeScaleReport(options, runs, origin)
}

describe('a sweep', () => {
  test('of enough sizes and cores is VALID, fits its law, and has every form', () => {
    const report = sweep([1, 2, 4, 6, 8, 12], 32)
    expect(report.verdict).toEqual(VALID)
    expect(report.best).toBe('usl')
    expect(report.fits.map(({ residuals }) => residuals.length)).toEqual([12, 12, 12])
    expect(scaleReportSchema.safeParse(JSON.parse(JSON.stringify(report))).error).toBe(undefined)
    const text = scaleTable(report)
    expect(text).toContain('<- best')
    expect(text).toContain('99 workers: too far')
    expect(scalePage(report)).toContain('too far')
  })

  test('that no law explains says so in every form, and tells neither peak nor prediction', () => {
    const report = sweep([1, 2], 32, {}, { each: 798_000, serial: 1, crosstalk: 0.23 })
    expect(report).toMatchObject({ best: null, peak: null, verdict: { state: 'SUSPECT' } })
    expect(report.bestWhy).toMatch(/^no law that 2 sizes can test explains the throughput better than its mean/)
    expect(report.verdict.reasons).toContain(`No law is the best, and no peak is told: ${report.bestWhy}.`)
    expect(report.predictions.map(({ perSecond }) => perSecond)).toEqual([null, null])
    expect(scaleReportSchema.safeParse(JSON.parse(JSON.stringify(report))).error).toBe(undefined)
    const text = scaleTable(report).replaceAll(/\s+/g, ' ')
    expect(text).toContain(`best none: ${report.bestWhy}`)
    expect(text).toContain('peak not told')
    expect(text).not.toContain('<- best')
    const page = scalePage(report)
    expect(page).toContain('No law is the best')
    expect(page).not.toMatch(/\(best\)|of the variance|not in sight/)
  })

  test('past the cores is SUSPECT and says from where on', () => {
    const { state, reasons } = sweep([1, 2, 4, 6, 8, 12], 6).verdict
    expect(state).toBe('SUSPECT')
    expect(reasons[0]).toContain('With 6, 8, 12 workers')
    expect(reasons[0]).toContain('the 6 cores')
  })

  test('of fewer than six sizes is SUSPECT', () => {
    expect(sweep([1, 2, 4], 32).verdict.reasons[0]).toBe('3 sizes are few for a law: take 6 or more.')
  })

  test('with an INVALID run is INVALID', () => {
    const verdict = { state: 'INVALID', reasons: ['Lost connections: 2.'] } as const
    expect(sweep([1, 2, 4, 6, 8, 12], 32, { verdict }).verdict.state).toBe('INVALID')
  })
})

test('workers want a daemon that the sweep starts', () => {
  const parsed = parseCommand('scale', SCALE_FLAGS, [], { check: scaleProblems })
  expect(parsed.ok ? [] : parsed.problems.map(({ name }) => name)).toEqual(['--daemon'])
  expect(parseCommand('scale', SCALE_FLAGS, ['--over', 'connections'], { check: scaleProblems }).ok).toBe(true)
})

test('sizes of connections are those of each run', () => {
  const options = optionsWith('--over', 'connections', '--sizes', '10,1000')
  expect([options.load(10).connections, options.load(1000).connections]).toEqual([10, 1000])
})
