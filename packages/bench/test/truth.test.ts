/** The whole program against a clock that nobody moves: these take the seconds that they measure. */
import { StallingEcho, withinLimit } from '@shardwire/testkit'
import { describe, expect, test } from 'vitest'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import type { RunReport } from '../src/index.ts'
import { BenchProgram } from './fixtures/bench-program.ts'
import { EchoServer } from './fixtures/echo-server.ts'
import { validReport } from './fixtures/json-schema.ts'

const RATE = 1000
const DURATION_S = 7
const STALL_S = 1.4
/** A frame of 64 bytes of payload. */
const FRAME_BYTES = 74

function reportOf(bench: BenchProgram): RunReport {
  return validReport('run', bench.stdout) as RunReport
}

/** Seconds that the slowest `share` of the frames have waited at least, in a run with one stall. */
function arithmetic(share: number): number {
  return Math.max(0, STALL_S - share * DURATION_S)
}

describe('a server that stalls for 1.4 s in 7 s', () => {
  test('moves p99 as arithmetic says in an open loop, and not the uncorrected one', async () => {
    await using echo = await StallingEcho.listen()
    echo.stallAfter(2 * RATE * FRAME_BYTES, STALL_S * 1000)
    const flags = ['--connections', '5', '--depth', '1', '--rate', String(RATE), '--duration-s', String(DURATION_S)]
    const target = ['--target', `tcp://127.0.0.1:${echo.port}`, '--warmup-s', '0', '--json', '-']
    const lag = monitorEventLoopDelay({ resolution: 10 })
    lag.enable()
    const bench = new BenchProgram('run', ...target, ...flags)
    await bench.ended()
    lag.disable()
    const { open, latency, errors } = reportOf(bench)
    expect(Object.values(errors).filter((count) => count > 0)).toEqual([])
    expect(open).toMatchObject({ due: RATE * DURATION_S, unsent: 0, dropped: 0, censored: 0 })
    expect(latency.response.samples).toBe(RATE * DURATION_S)
    // A machine with other work adds to this, and never takes away.
    expect(latency.response.p99Us / 1e6).toBeGreaterThan(arithmetic(0.01) - 0.02)
    expect(latency.response.p90Us / 1e6).toBeGreaterThan(arithmetic(0.1) - 0.02)
    // By as much as server or generator stood still beside: that is known, and twice of it is let pass.
    const disturbedS = 0.5 + 2 * (lag.max / 1e9 + (latency.ownLag?.maxUs ?? 0) / 1e6)
    expect(latency.response.p99Us / 1e6).toBeLessThan(arithmetic(0.01) + disturbedS)
    expect(latency.response.p90Us / 1e6).toBeLessThan(arithmetic(0.1) + disturbedS)
    // Five connections, a frame each: five samples of 7000 see the stall at all.
    expect(latency.service?.maxUs).toBeGreaterThan(STALL_S * 0.95e6)
    expect(latency.service?.p99Us).toBeLessThan(0.2e6)
  })

  test('is hardly seen by a closed loop, which says so', async () => {
    await using echo = await StallingEcho.listen()
    echo.stallAfter(1000 * FRAME_BYTES, STALL_S * 1000)
    const flags = ['--connections', '5', '--depth', '1', '--duration-s', '4', '--warmup-s', '0', '--json', '-']
    const bench = new BenchProgram('run', '--target', `tcp://127.0.0.1:${echo.port}`, ...flags)
    await bench.ended()
    const { latency, notes } = reportOf(bench)
    expect(latency.response.maxUs).toBeGreaterThan(STALL_S * 0.95e6)
    expect(latency.response.p99Us).toBeLessThan(0.2e6)
    expect(notes[0]).toContain('coordinated omission')
  })
})

describe.runIf(process.platform === 'linux')('a generator without CPU', () => {
  test('that stood still calls its own run INVALID', async () => {
    await using server = await EchoServer.listen()
    const flags = ['--rate', '500', '--duration-s', '5', '--warmup-s', '0', '--json', '-', '--connections', '4']
    const bench = new BenchProgram('run', '--target', server.url, ...flags)
    await server.until('load', () => server.frames > 300)
    const load = bench.loadProcesses()[0] ?? NaN
    process.kill(load, 'SIGSTOP')
    // The time that passes is what is tested.
    await promisify(execFile)('sleep', ['1.3'])
    process.kill(load, 'SIGCONT')
    expect(await withinLimit(bench.ended(), () => 'the bench has not ended', 45_000)).toBe(2)
    const { verdict, latency, open } = reportOf(bench)
    expect(verdict.state).toBe('INVALID')
    expect(verdict.reasons.join(' ')).toMatch(/The generator itself was .* late|stood still/)
    expect(latency.ownLag?.maxUs).toBeGreaterThan(1.2e6)
    // Not one frame is missing all the same.
    expect(open).toMatchObject({ due: 2500, unsent: 0, dropped: 0 })
    expect(latency.response.samples).toBe(2500)
  })
})
