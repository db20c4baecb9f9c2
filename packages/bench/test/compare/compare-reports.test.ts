import { describe, expect, test } from 'vitest'

import { compareReports, isWorse } from '../../src/compare/compare-reports.ts'
import { comparisonTable } from '../../src/report/comparison-table.ts'
import { comparisonPage } from '../../src/report/html/comparison-page.ts'
import { comparisonReportSchema } from '../../src/report/schema/comparison.ts'
import type { RunReport } from '../../src/report/schema/run.ts'
import { runReportWith } from '../fixtures/run-report.ts'

const ORIGIN = { version: '0.1.0', startedAt: '2026-01-01T00:00:00.000Z', commandLine: [] }
const VALID = { state: 'VALID', reasons: [] } as const

/** A run of so many intervals, whose latencies are so many times as long as usual. */
function runOf(seed: number, slower = 1, seconds = 20): RunReport {
  const report = runReportWith({ seed, slower, seconds })
  return { ...report, messagesPerSecond: Math.round(report.messagesPerSecond / slower), verdict: VALID }
}

function compared(base: RunReport, now: RunReport, limit = 0.05) {
  return compareReports(base, now, { limit }, { ...ORIGIN, files: ['a.json', 'b.json'] })
}

describe('two runs', () => {
  test('of the same server differ by no more than chance', () => {
    const report = compared(runOf(1), runOf(2))
    expect(report.rows.map(({ judgement }) => judgement)).not.toContain('worse')
    expect(report.verdict).toEqual(VALID)
    expect(isWorse(report)).toBe(false)
  })

  test('of which the second is slower by half differ by more, in every form', () => {
    const report = compared(runOf(1), runOf(2, 1.5))
    const byName = new Map(report.rows.map((row) => [row.name, row]))
    for (const name of ['p50', 'p90', 'p99']) expect(byName.get(name)?.judgement).toBe('worse')
    const p50 = byName.get('p50')
    expect(p50?.change).toBeCloseTo(0.5, 1)
    expect(p50?.low).toBeGreaterThan(0.4)
    expect(p50?.high).toBeLessThan(0.6)
    expect(isWorse(report)).toBe(true)
    expect(comparisonReportSchema.safeParse(JSON.parse(JSON.stringify(report))).error).toBe(undefined)
    expect(comparisonTable(report)).toContain('WORSE')
    expect(comparisonPage(report)).toContain('Worse: ')
    expect(isWorse(compared(runOf(1, 1.5), runOf(2)))).toBe(false)
  })

  test('of which the second is far slower stand in columns apart', () => {
    const [row] = compared(runOf(1), runOf(2)).rows
    if (row === undefined) throw new Error('no row')
    const report = compared(runOf(1), runOf(2))
    const far = { base: 36.4, now: 12_345_678_901.5, change: 177.015, low: 9.664, high: 259.647 }
    const rows = [{ ...row, ...far, judgement: 'worse' } as const, ...report.rows]
    const lines = comparisonTable({ ...report, rows }).split('\n')
    const at = lines.findIndex((line) => line.includes('95 of 100'))
    const first = [row.name, '36.4', '12,345,678,901.5', '+17701.5 %', '+966.4 % to +25964.7 %', 'WORSE']
    expect(lines[at + 1]?.split(/ {2,}/)).toEqual(first)
    // Numbers end where their title ends, in every row.
    const ends = ['base', 'new', 'change', '95 of 100'].map((title) => (lines[at] ?? '').indexOf(title) + title.length)
    for (const line of lines.slice(at + 1, at + 1 + rows.length)) {
      for (const end of ends)
        expect([line[end - 1], line.slice(end, end + 2)]).toEqual([expect.stringMatching(/\S/), '  '])
    }
  })

  test('that differ by less than the limit are the same', () => {
    const report = compared(runOf(1), runOf(2, 1.1), 0.5)
    expect(report.rows.filter(({ name }) => name === 'p50').map(({ judgement }) => judgement)).toEqual(['same'])
  })

  test('too short to tell chance are SUSPECT and judge nothing', () => {
    const report = compared(runOf(1, 1, 4), runOf(2, 3))
    expect(new Set(report.rows.map(({ judgement }) => judgement))).toEqual(new Set(['unknown']))
    expect(report.verdict.state).toBe('SUSPECT')
  })

  test('on different machines or with different loads are SUSPECT and say in what', () => {
    const [base, now] = [runOf(1), runOf(2)]
    const other = { ...now, environment: { ...now.environment, kernel: '9.9' }, options: { ...now.options, depth: 99 } }
    const { state, reasons } = compared(base, other).verdict
    expect(state).toBe('SUSPECT')
    expect(reasons[0]).toMatch(/kernel: 6.1 and 9\.9; depth: 2 and 99/)
  })

  test('say of what runs beside only what differs', () => {
    const [base, now] = [runOf(1), runOf(2)]
    const beside = { ...now.options.beside, idle: 200 }
    const other = { ...now, options: { ...now.options, beside } }
    expect(compared(base, other).differences).toEqual(['what runs beside, idle: 0 and 200'])
  })

  test('of which one is INVALID are INVALID', () => {
    const base = { ...runOf(1), verdict: { state: 'INVALID', reasons: ['Lost.'] } as const }
    expect(compared(base, runOf(2)).verdict.state).toBe('INVALID')
  })
})
