import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { filesOf } from '../../src/commands/report-kinds.ts'
import type { ComparisonReport } from '../../src/report/schema/comparison.ts'
import type { RunReport } from '../../src/report/schema/run.ts'
import { BenchProgram } from '../fixtures/bench-program.ts'
import { validReport } from '../fixtures/json-schema.ts'
import { runReportWith } from '../fixtures/run-report.ts'

let directory: string
const VALID = { state: 'VALID', reasons: [] } as const

function file(name: string): string {
  return path.join(directory, name)
}

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'bench-reports-'))
  const write = (name: string, report: RunReport): void => {
    writeFileSync(file(name), JSON.stringify({ ...report, verdict: VALID }))
  }
  write('base.json', runReportWith({ seed: 1, seconds: 20 }))
  write('again.json', runReportWith({ seed: 2, seconds: 20 }))
  write('slow.json', runReportWith({ seed: 3, seconds: 20, slower: 2 }))
  writeFileSync(file('old.json'), JSON.stringify({ schema: 'shardwire-bench/run/1' }))
  writeFileSync(file('cut.json'), JSON.stringify({ ...runReportWith(), messages: 'many' }))
  writeFileSync(file('text.json'), 'hello')
})

afterAll(() => rmSync(directory, { recursive: true }))

describe('compare', () => {
  test.each([
    ['again.json', 0],
    ['slow.json', 1],
  ])('with %s exits %i', async (name, code) => {
    const bench = new BenchProgram('compare', file('base.json'), file(name), '--json', '-', '--html', file('c.html'))
    expect(await bench.ended()).toBe(code)
    const report = validReport('comparison', bench.stdout) as ComparisonReport
    expect(report.rows.some(({ judgement }) => judgement === 'worse')).toBe(code === 1)
    expect(bench.stderr).toContain('95 of 100')
    expect(readFileSync(file('c.html'), 'utf8')).toContain(code === 1 ? 'Worse: ' : 'Nothing is worse')
  })

  test('of a number of files that is not two says so', async () => {
    const bench = new BenchProgram('compare', file('base.json'))
    expect(await bench.ended()).toBe(3)
    expect(bench.stderr).toContain('the number of files is 1: expected two reports')
  })
})

describe('merge', () => {
  test('adds runs, and its report can be compared, merged and shown again', async () => {
    const names = ['base.json', 'again.json'].map(file)
    const bench = new BenchProgram('merge', ...names, '--as', 'repeats', '--json', file('sum.json'))
    expect(await bench.ended()).toBe(0)
    expect(bench.stdout).toContain('2 runs, taken as repetitions')
    const sum = validReport('run', readFileSync(file('sum.json'), 'utf8')) as RunReport
    expect(sum).toMatchObject({ merged: 2, messages: 80_000 })
    const compare = new BenchProgram('compare', file('sum.json'), file('slow.json'))
    expect(await compare.ended()).toBe(1)
    const shown = new BenchProgram('report', file('sum.json'), '--html', file('sum.html'))
    expect(await shown.ended()).toBe(0)
    expect(readFileSync(file('sum.html'), 'utf8')).toContain('the sum of 2 runs')
  })
})

describe('report', () => {
  test('shows a report as it was shown, in every form', async () => {
    const bench = new BenchProgram('report', file('base.json'), '--out', file('out'))
    expect(await bench.ended()).toBe(0)
    expect(bench.stdout).toContain('response us')
    const { html, others } = filesOf(JSON.parse(readFileSync(file('base.json'), 'utf8')) as RunReport)
    expect(readFileSync(path.join(file('out'), 'report.html'), 'utf8')).toBe(html)
    for (const [name, text] of Object.entries(others)) {
      expect(readFileSync(path.join(file('out'), name), 'utf8')).toBe(text)
    }
  })

  test.each([
    ['old.json', 'is no report of this version'],
    ['cut.json', 'is damaged at messages'],
    ['text.json', 'cannot be read as JSON'],
    ['none.json', 'cannot be read as JSON (ENOENT'],
  ])('of %s says what is wrong with it', async (name, what) => {
    const bench = new BenchProgram('report', file(name))
    expect(await bench.ended()).toBe(3)
    expect(bench.stderr).toContain(what)
    expect(bench.stderr).toContain(name)
  })
})

test('every command tells its flags', async () => {
  for (const name of ['run', 'capacity', 'scale', 'ladder', 'preflight', 'compare', 'merge', 'report']) {
    const bench = new BenchProgram(name, '--help')
    expect(await bench.ended()).toBe(0)
    expect(bench.stdout).toContain(`shardwire-bench ${name}:`)
    expect(bench.stdout).toContain('--json FILE')
  }
})
