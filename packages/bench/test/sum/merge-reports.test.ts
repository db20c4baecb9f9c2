import { withSeed } from '@shardwire/testkit'
import { describe, expect, test } from 'vitest'

import { LatencyHistogram } from '../../src/histogram/latency-histogram.ts'
import { runReportSchema } from '../../src/report/schema/run.ts'
import type { RunReport } from '../../src/report/schema/run.ts'
import { kindOf, mergeLatencies, mergeProblems, mergeReports } from '../../src/sum/merge-reports.ts'
import { runReportWith } from '../fixtures/run-report.ts'

const ORIGIN = { version: '0.1.0', commandLine: ['merge'] }

function at(startedAt: string): RunReport {
  return { ...runReportWith(), startedAt }
}

test('merging many latencies is the same as recording all in one', async () => {
  await withSeed('merged latencies', (random) => {
    const all = new LatencyHistogram()
    const parts = Array.from({ length: 7 }, () => {
      const histogram = new LatencyHistogram()
      const samples = random.integer(1, 3000)
      let [sum, maxUs, minUs] = [0, 0, Infinity]
      for (let index = 0; index < samples; index++) {
        const us = random.integer(1, 10 ** random.integer(1, 8))
        histogram.record(us, 1)
        all.record(us, 1)
        ;[sum, maxUs, minUs] = [sum + us, Math.max(maxUs, us), Math.min(minUs, us)]
      }
      const { latency } = runReportWith()
      return { ...latency.response, samples, minUs, maxUs, meanUs: sum / samples, histogram: histogram.encode() }
    })
    const merged = mergeLatencies(parts)
    expect(merged.samples).toBe(all.samples)
    expect(merged.histogram).toBe(all.encode())
    expect(merged.minUs).toBe(Math.min(...parts.map(({ minUs }) => minUs)))
    expect(merged.p99Us).toBe(Math.min(merged.maxUs, all.percentileUs(99)))
  })
})

describe('runs', () => {
  const [first, second] = [at('2026-01-01T00:00:00.000Z'), at('2026-01-01T00:00:00.200Z')]

  test('at the same time are parts of one load, others repetitions', () => {
    expect(kindOf([first, second])).toBe('together')
    expect(kindOf([first, at('2026-01-01T01:00:00.000Z')])).toBe('repeats')
  })

  test('together add their rates, connections and intervals', () => {
    const merged = mergeReports([first, second], 'together', ORIGIN)
    expect(merged).toMatchObject({
      merged: 2,
      messages: first.messages * 2,
      measuredUs: first.measuredUs,
      options: { connections: first.options.connections * 2, processes: first.options.processes * 2 },
    })
    expect(Math.abs(merged.messagesPerSecond - first.messagesPerSecond * 2)).toBeLessThanOrEqual(2)
    expect(merged.series).toHaveLength(first.series.length)
    expect(merged.series[0]?.samples).toBe((first.series[0]?.samples ?? 0) * 2)
    expect(merged.latency.response.samples).toBe(first.latency.response.samples * 2)
    expect(merged.latency.response.p99Us).toBe(first.latency.response.p99Us)
    expect(runReportSchema.safeParse(JSON.parse(JSON.stringify(merged))).error).toBe(undefined)
  })

  test('as repetitions keep the rate, and their intervals follow each other', () => {
    const merged = mergeReports([first, second], 'repeats', ORIGIN)
    expect(merged).toMatchObject({ merged: 2, measuredUs: first.measuredUs * 2, options: first.options })
    expect(Math.abs(merged.messagesPerSecond - first.messagesPerSecond)).toBeLessThanOrEqual(1)
    const measured = first.series.filter(({ phase }) => phase === 'measured')
    expect(merged.series).toHaveLength(measured.length * 2)
    const starts = merged.series.map(({ fromMs }) => fromMs)
    expect(starts).toEqual(starts.toSorted((one, other) => one - other))
    expect(new Set(merged.series.map(({ index }) => index)).size).toBe(merged.series.length)
  })

  test('of which one is INVALID are INVALID, with its reasons', () => {
    const broken = { ...second, verdict: { state: 'INVALID', reasons: ['Lost connections: 2.'] } as const }
    const { verdict } = mergeReports([first, broken], 'together', ORIGIN)
    expect(verdict.state).toBe('INVALID')
    expect(verdict.reasons).toContain('Run 2 of 2: Lost connections: 2.')
  })

  test('of which two are one and the same are refused', () => {
    expect(mergeProblems([first, second, structuredClone(first)])).toEqual([
      'the runs 1 and 3 are the same: name each report once',
    ])
  })

  test('of different loads are told apart', () => {
    expect(mergeProblems([first, second])).toEqual([])
    const other = { ...second, options: { ...second.options, codec: 'json' as const } }
    expect(mergeProblems([first, other])).toEqual(['the codec differs: "frame" and "json"'])
  })
})
