import { describe, expect, test } from 'vitest'

import type { CapacityReport } from '../../src/report/schema/capacity.ts'
import type { ScaleReport } from '../../src/report/schema/scale.ts'
import { BenchProgram } from '../fixtures/bench-program.ts'
import { EchoServer } from '../fixtures/echo-server.ts'
import { validReport } from '../fixtures/json-schema.ts'

const QUICK = ['--warmup-s', '0.1', '--connections', '4', '--json', '-']

describe('capacity', () => {
  test('tries rates up to the highest, confirms, and reports each trial', async () => {
    await using server = await EchoServer.listen()
    const limits = ['--slo', 'p50<30s', '--start', '500', '--max', '1500', '--step-s', '0.3']
    const confirm = ['--confirm-s', '0.3', '--confirms', '1']
    const bench = new BenchProgram('capacity', '--target', server.url, ...limits, ...confirm, ...QUICK)
    const code = await bench.ended()
    const report = validReport('capacity', bench.stdout) as CapacityReport
    expect(report.objective.text).toBe('p50<30s')
    expect(report.trials[0]).toMatchObject({ stage: 'rise', perSecond: 500 })
    expect(report.capacity).toEqual({ perSecond: 1500, isConfirmed: true, missedPerSecond: null, limit: 'maximum' })
    expect(report.verdict.reasons[0]).toContain('The highest rate that was to be tried was held')
    expect(code).toBe(0)
    expect(bench.stderr).toContain('limited by')
  })

  test('that no rate holds exits 1', async () => {
    await using server = await EchoServer.listen()
    const limits = ['--slo', 'mean<1us', '--start', '20', '--step-s', '0.2']
    const bench = new BenchProgram('capacity', '--target', server.url, ...limits, ...QUICK)
    expect(await bench.ended()).toBe(1)
    const report = validReport('capacity', bench.stdout) as CapacityReport
    expect(report).toMatchObject({ capacity: { perSecond: 0 }, verdict: { state: 'INVALID' } })
  })

  test('says what is wrong with its flags', async () => {
    const bench = new BenchProgram('capacity', '--slo', 'fast', '--rate', '5', '--precision', '0')
    expect(await bench.ended()).toBe(3)
    for (const name of ['--slo is fast', '--rate is unknown', '--precision is 0']) expect(bench.stderr).toContain(name)
  })
})

describe('scale', () => {
  test('sweeps connections in turn and fits its laws', async () => {
    await using server = await EchoServer.listen()
    const sizes = ['--over', 'connections', '--sizes', '1,2,4', '--predict', '8,9']
    const runs = ['--repeats', '2', '--duration-s', '0.2', '--warmup-s', '0.1', '--json', '-']
    const bench = new BenchProgram('scale', '--target', server.url, ...sizes, ...runs)
    const code = await bench.ended()
    const report = validReport('scale', bench.stdout) as ScaleReport
    expect(report.runs.map(({ size, repeat }) => [size, repeat])).toEqual([
      [1, 0],
      [2, 0],
      [4, 0],
      [1, 1],
      [2, 1],
      [4, 1],
    ])
    expect(report.fits.map(({ model }) => model)).toEqual(['linear', 'amdahl', 'usl'])
    // Whether a law is the best is the machine's affair; without one nothing is predicted.
    expect(report.predictions.map(({ perSecond }) => perSecond === null)).toEqual([report.best === null, true])
    expect(report.best === null).toBe(report.bestWhy !== '')
    expect(report.verdict.reasons.join(' ')).toContain('3 sizes are few for a law')
    expect(code).toBe(report.verdict.state === 'INVALID' ? 2 : 0)
  })

  test('over workers starts a daemon for each number of them, and leaves none behind', async () => {
    const server = await EchoServer.listen()
    const { url } = server
    await server[Symbol.asyncDispose]()
    const sizes = ['--target', url, '--daemon', 'auto', '--sizes', '1,2']
    const runs = ['--repeats', '1', '--duration-s', '0.2', ...QUICK]
    const bench = new BenchProgram('scale', ...sizes, ...runs)
    await bench.ended()
    const report = validReport('scale', bench.stdout) as ScaleReport
    expect(report.runs.map(({ size }) => size)).toEqual([1, 2])
    for (const { messagesPerSecond } of report.runs) expect(messagesPerSecond).toBeGreaterThan(0)
    expect(report.settings).toMatchObject({ SHARDWIRE_WORKERS: '2', SHARDWIRE_LISTEN: url })
  })

  test('over workers wants a daemon to start', async () => {
    const bench = new BenchProgram('scale', '--sizes', '1,2')
    expect(await bench.ended()).toBe(3)
    expect(bench.stderr).toContain('--daemon is missing')
  })
})
