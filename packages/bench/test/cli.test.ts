import { describe, expect, test } from 'vitest'
import { encodeErrorBody, encodeFrame, FRAME_TOO_LARGE, KIND_ERROR, ShardwireError } from '@shardwire/protocol'
import { HistogramLogReader } from 'hdr-histogram-js'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { COMMANDS } from '../src/cli.ts'
import { LatencyHistogram } from '../src/index.ts'
import type { RunReport } from '../src/index.ts'
import { BenchProgram, shortRun } from './fixtures/bench-program.ts'
import { writtenName } from '../src/options/flag.ts'
import { describeFlags } from '../src/options/read-flags.ts'
import { validReport } from './fixtures/json-schema.ts'
import { EchoServer, echoOf, withWrongByte } from './fixtures/echo-server.ts'

function reportOf(json: string): RunReport {
  return validReport('run', json) as RunReport
}

/**
 * That a run against a server without fault ended well. A machine that lets the load processes stand still for a second
 * makes a run INVALID, rightly so: that, and nothing else, is taken for a verdict too, with the exit code that it has.
 */
function expectSound(
  { verdict: { state, reasons }, errors, example, messages }: RunReport,
  exitCode: number | null,
): void {
  const aboutGenerator =
    /^(Load process \d+ (stood still|used|was busy|collected) |The event loop of |A process with |\d+ samples are)/
  const starved = reasons.some((reason) => / stood still for .* the generator was starved\.$/.test(reason))
  if (!starved) expect(reasons.filter((reason) => !aboutGenerator.test(reason))).toEqual([])
  if (!starved) expect(messages).toBeGreaterThan(0)
  expect([state === 'INVALID', exitCode]).toEqual(starved ? [true, 2] : [false, 0])
  expect(Object.values(errors).filter((count) => count > 0)).toEqual([])
  expect(example).toBe(null)
}

describe('run', () => {
  test.each([['message'], ['request']])('of %ss against an echo passes, with table and JSON', async (mode) => {
    await using server = await EchoServer.listen()
    const folder = mkdtempSync(path.join(tmpdir(), 'shardwire-bench-'))
    const file = path.join(folder, 'run.json')
    const bench = new BenchProgram(...shortRun(server.url, '--processes', '2', '--mode', mode, '--json', file))
    const exitCode = await bench.ended()
    const report = reportOf(readFileSync(file, 'utf8'))
    rmSync(folder, { recursive: true })
    expect(report).toMatchObject({
      schema: 'shardwire-bench/run/2',
      options: { connections: 5, processes: 2, mode, durationMs: 300 },
    })
    expectSound(report, exitCode)
    expect(report.processes.map(({ process }) => process)).toEqual([0, 1])
    expect(report.latency.response.maxUs).toBeGreaterThanOrEqual(report.latency.response.p50Us)
    const histogram = new LatencyHistogram()
    histogram.merge(report.latency.response.histogram)
    expect(histogram.samples).toBe(report.latency.response.samples)
    expect(server.connectionsSeen).toBe(5)
    expect(bench.stdout).toContain('messages/s')
    expect(bench.stdout).toContain('coordinated omission')
    expect(bench.stderr).toBe('')
  })

  test('with --json - has JSON alone on standard output, progress and table on standard error', async () => {
    await using server = await EchoServer.listen()
    const flags = ['--json', '-', '--payload-bytes', '0', '--duration-s', '1.8']
    const bench = new BenchProgram(...shortRun(server.url, ...flags))
    const exitCode = await bench.ended()
    const report = reportOf(bench.stdout)
    expectSound(report, exitCode)
    expect(report.environment.nodeVersion).toBe(process.version)
    expect(report.series.length).toBeGreaterThan(0)
    expect(report.notes).toHaveLength(2)
    expect(bench.stderr).toContain('s left')
    expect(bench.stderr).toContain('verdict')
  })

  test('with everything beside the load, in every form', async () => {
    await using server = await EchoServer.listen()
    const folder = mkdtempSync(path.join(tmpdir(), 'shardwire-bench-'))
    const beside = [
      '--idle',
      '30',
      '--churn',
      '40',
      '--slow',
      '1',
      '--rate',
      '500',
      '--out',
      path.join(folder, 'new', 'one'),
    ]
    const bench = new BenchProgram(...shortRun(server.url, '--duration-s', '1', ...beside))
    const exitCode = await bench.ended()
    const files = readdirSync(path.join(folder, 'new', 'one')).toSorted()
    const read = (name: string): string => readFileSync(path.join(folder, 'new', 'one', name), 'utf8')
    expect(files).toEqual(['latency.hgrm', 'latency.hlog', 'report.html', 'report.json', 'series.csv'])
    const report = reportOf(read('report.json'))
    const log = read('latency.hlog')
    const [csv, hgrm, html] = [read('series.csv'), read('latency.hgrm'), read('report.html')]
    rmSync(folder, { recursive: true })
    expect(report.idle).toMatchObject({ held: 30, lost: 0, sweep: { asked: 30, alive: 30, wrong: 0 } })
    expect(report.churn).toMatchObject({ due: 40, answered: 40, failed: 0 })
    expect(report.slow).toMatchObject({ up: 1, ended: 0 })
    expect(report.open).toMatchObject({ due: 500, dropped: 0 })
    expect(exitCode).toBe(report.verdict.state === 'INVALID' ? 2 : 0)
    expect(bench.stdout).toContain('1 load process of 5 connections, 1 holder of 30 connections idle')
    expect(bench.stdout).toContain('30 of 30 alive when asked for one echo')
    // Read back by the readers of the formats themselves.
    const reader = new HistogramLogReader(log)
    const tags: string[] = []
    for (let one = reader.nextIntervalHistogram(); one !== null; one = reader.nextIntervalHistogram()) {
      tags.push(one.tag)
      if (one.tag === 'whole-response') expect(one.totalCount).toBe(500)
    }
    expect(tags).toEqual(expect.arrayContaining(['measured', 'whole-response', 'whole-service', 'whole-ownLag']))
    expect(csv.split('\r\n')).toHaveLength(report.series.length + 2)
    expect(hgrm).toContain('Total count    =          500')
    expect(html).toContain('</html>')
  })

  test('with an objective that is missed exits 1, and with one that is met 0', async () => {
    await using server = await EchoServer.listen()
    const missed = new BenchProgram(...shortRun(server.url, '--slo', 'rate>100000000'))
    const met = new BenchProgram(...shortRun(server.url, '--slo', 'rate>0', '--slo', 'errors<50%'))
    const code = await missed.ended()
    if (!missed.stdout.includes('INVALID')) expect(code).toBe(1)
    expect(missed.stdout).toMatch(/objective +MISSED +rate>100000000, was/)
    expect(await met.ended()).toBe(met.stdout.includes('INVALID') ? 2 : 0)
    expect(met.stdout).toMatch(/objective +met +rate>0, was/)
  })

  test('with a report that cannot be written exits 3 before it connects', async () => {
    await using server = await EchoServer.listen()
    const folder = mkdtempSync(path.join(tmpdir(), 'shardwire-bench-'))
    mkdirSync(path.join(folder, 'taken'))
    for (const [file, why] of [
      ['missing/run.json', 'there is no directory'],
      ['taken', 'it is a directory'],
    ] as const) {
      const bench = new BenchProgram(...shortRun(server.url, '--json', path.join(folder, file)))
      expect(await bench.ended()).toBe(3)
      expect(bench.stderr).toContain(`The report cannot be written to ${path.join(folder, file)} (${why}`)
      expect(bench.stdout).toBe('')
    }
    expect(server.connectionsSeen).toBe(0)
    expect(readdirSync(folder)).toEqual(['taken'])
    rmSync(folder, { recursive: true })
  })

  test('without warm-up says so', async () => {
    await using server = await EchoServer.listen()
    const bench = new BenchProgram(...shortRun(server.url, '--warmup-s', '0', '--json', '-'))
    const exitCode = await bench.ended()
    expectSound(reportOf(bench.stdout), exitCode)
    expect(bench.stderr).toMatch(/s measured without warm-up$/m)
  })

  test('with too few samples for the percentile asked for says so in verdict, table and JSON', async () => {
    await using server = await EchoServer.listen(({ bytes, number, socket }) => {
      if (number > 40) socket.end()
      return number > 40 ? [] : [echoOf(bytes)]
    })
    const few = ['--connections', '1', '--depth', '1', '--warmup-s', '0', '--percentile', '90', '--json', '-']
    const bench = new BenchProgram(...shortRun(server.url, ...few))
    await bench.ended()
    const report = reportOf(bench.stdout)
    expect(report.latency.response).toMatchObject({ samples: 40, fewSamplesFor: [90, 99, 99.9, 99.99] })
    expect(report.verdict.reasons).toContainEqual(expect.stringMatching(/^40 samples are too few for p90: 4 of them/))
    expect(bench.stderr).toMatch(/^ {2}p90 .* \*$/m)
    expect(bench.stderr).toMatch(/^ {2}p50 .*\d$/m)
  })

  test('that takes no sample prints what went wrong, and no numbers', async () => {
    const error = new ShardwireError(FRAME_TOO_LARGE, 'a payload of 64 bytes, the limit is 8')
    await using server = await EchoServer.listen(({ socket }) => {
      socket.end(encodeFrame({ kind: KIND_ERROR, route: 0, id: 0, body: encodeErrorBody(error) }))
      return []
    })
    const bench = new BenchProgram(...shortRun(server.url, '--warmup-s', '0'))
    expect(await bench.ended()).toBe(2)
    expect(bench.stdout).toContain('FRAME_TOO_LARGE')
    expect(bench.stdout).toContain('INVALID')
    expect(bench.stdout).not.toMatch(/p50|p99|messages\/s|generator|coordinated omission/)
  })

  test('against wrong answers is INVALID, exits 2 and shows the first', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      return [number >= 100 ? withWrongByte(echoOf(bytes), 20) : echoOf(bytes)]
    })
    const bench = new BenchProgram(...shortRun(server.url))
    expect(await bench.ended()).toBe(2)
    expect(bench.stdout).toContain('INVALID')
    expect(bench.stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /byte 20 of the frame \(payload\): expected [0-9a-f]+, got [0-9a-f]+/,
    )
  })

  test('counts errors in the interval of each, and those of all add up', async () => {
    await using server = await EchoServer.listen(({ bytes, number }) => {
      return [number % 50 === 0 ? withWrongByte(echoOf(bytes), 20) : echoOf(bytes)]
    })
    const flags = ['--rate', '1000', '--warmup-s', '1', '--duration-s', '3', '--json', '-', '--quiet']
    const bench = new BenchProgram(...shortRun(server.url, ...flags))
    expect(await bench.ended()).toBe(2)
    const { series, errors } = reportOf(bench.stdout)
    const counted = Object.values(errors).reduce((sum, count) => sum + count, 0)
    expect(counted).toBeGreaterThan(10)
    expect(series.length).toBeGreaterThan(3)
    expect(series.reduce((sum, point) => sum + point.errors, 0)).toBe(counted)
  })

  test('that loses a connection is INVALID and exits 2', async () => {
    await using server = await EchoServer.listen(({ bytes, number, socket }) => {
      if (number === 200) socket.resetAndDestroy()
      return [echoOf(bytes)]
    })
    const bench = new BenchProgram(...shortRun(server.url))
    expect(await bench.ended()).toBe(2)
    expect(bench.stdout).toContain('Lost connections: 1.')
  })

  test('against nobody exits 3 with a sentence', async () => {
    const server = await EchoServer.listen()
    const { url } = server
    await server[Symbol.asyncDispose]()
    const bench = new BenchProgram(...shortRun(url, '--processes', '2'))
    expect(await bench.ended()).toBe(3)
    expect(bench.stderr).toContain(`Nobody listens on ${url}`)
    expect(bench.stderr).toContain('ECONNREFUSED')
  })

  test('against a name that does not exist exits 3 with a sentence', async () => {
    const bench = new BenchProgram(...shortRun('tcp://no-such-host.invalid:7400'))
    expect(await bench.ended()).toBe(3)
    expect(bench.stderr).toMatch(/ENOTFOUND|EAI_AGAIN/)
  })

  test('with wrong flags exits 3 and tells them all', async () => {
    const bench = new BenchProgram('run', '--target', 'here', '--depth', 'deep', '--route', '0')
    expect(await bench.ended()).toBe(3)
    expect(bench.stderr).toContain('--target is here')
    expect(bench.stderr).toContain('--depth is deep')
    expect(bench.stderr).toContain('--route is 0')
  })
})

describe('an end before its time', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('by %s reports what there is and leaves nothing behind', async (signal) => {
    await using server = await EchoServer.listen()
    const flags = ['--target', server.url, '--connections', '4', '--processes', '2', '--warmup-s', '0', '--json', '-']
    const bench = new BenchProgram('run', ...flags, '--duration-s', '600')
    await server.until('load', () => server.frames > 500)
    bench.child.kill(signal)
    expect(await bench.ended()).toBe(2)
    const report = reportOf(bench.stdout)
    expect(report.verdict).toMatchObject({
      state: 'INVALID',
      reasons: expect.arrayContaining(['The run was cut short.']),
    })
    expect(report.latency.response.samples).toBeGreaterThan(0)
    await server.until('no connection', () => server.sockets.size === 0)
  })

  test('of the coordinator by force ends the load processes too', async () => {
    await using server = await EchoServer.listen()
    const flags = ['--target', server.url, '--connections', '4', '--processes', '2', '--duration-s', '600']
    const bench = new BenchProgram('run', ...flags)
    await server.until('load', () => server.frames > 500)
    bench.child.kill('SIGKILL')
    await server.until('no connection', () => server.sockets.size === 0)
    expect(await bench.ended()).toBe(null)
  })
})

test.runIf(process.platform === 'linux')('a load process that dies breaks the run', async () => {
  await using server = await EchoServer.listen()
  const flags = ['--target', server.url, '--connections', '4', '--processes', '2', '--warmup-s', '0']
  const bench = new BenchProgram('run', ...flags, '--duration-s', '600')
  await server.until('load', () => server.frames > 500)
  process.kill(bench.loadProcesses()[0] ?? NaN, 'SIGKILL')
  expect(await bench.ended()).toBe(2)
  const [, died] = /Load process ([01]) ended \(SIGKILL\)/.exec(bench.stdout) ?? []
  const left = died === '0' ? '1' : '0'
  expect(bench.stdout).toContain(`process ${left}: `)
  expect(bench.stdout).not.toContain(`process ${died}: `)
  await server.until('no connection', () => server.sockets.size === 0)
})

test('--help and --version answer on standard output', async () => {
  const help = new BenchProgram('--help')
  const version = new BenchProgram('--version')
  expect(await help.ended()).toBe(0)
  expect(help.stdout).toContain('exit codes')
  expect(help.stdout).toContain('npm run --silent bench -- run --json -')
  for (const state of ['VALID', 'SUSPECT', 'INVALID']) expect(help.stdout).toMatch(new RegExp(`^  ${state} +\\w`, 'm'))
  for (const { name, about } of COMMANDS) expect(help.stdout).toContain(`${name.padEnd(12)}${about}`)
  expect(await version.ended()).toBe(0)
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test.each(COMMANDS.map(({ name }) => name))('%s --help tells every flag of it, and does nothing else', async (name) => {
  const help = new BenchProgram(name, '--help')
  expect(await help.ended()).toBe(0)
  const command = COMMANDS.find((one) => one.name === name)
  for (const flag of Object.keys(command?.flags ?? {})) expect(help.stdout).toContain(`--${writtenName(flag)}`)
  expect(help.stderr).toBe('')
})

test.each([
  ['run', '--arrivals KIND', 'constant or poisson: '],
  ['run', '--pacing HOW', 'auto, spin or timer: '],
  ['run', '--churn-close HOW', 'fin or reset: '],
  ['run', '--mode MODE', 'message or request: '],
  ['run', '--codec CODEC', 'frame, json, line or raw: '],
  ['run', '--percentile P', '50, 90, 99, 99.9 or 99.99: '],
  ['merge', '--as KIND', 'auto, together or repeats: '],
  ['scale', '--over WHAT', 'workers or connections: '],
  ['ladder', '--daemon FILE|auto', 'auto, or the main file of a daemon: '],
  ['ladder', '--to N', 'connections at the top (the last of --steps; without these 10000)'],
])('the help of %s tells what %s may be', (name, flag, values) => {
  const command = COMMANDS.find((one) => one.name === name)
  if (command === undefined) throw new Error(`no command ${name}`)
  const lines = describeFlags(command.flags)
    .replaceAll(/\n {3,}/g, ' ')
    .split('\n')
  expect(lines.filter((line) => line.startsWith(`  ${flag} `)).map((line) => line.slice(flag.length + 2))).toEqual([
    expect.stringContaining(values),
  ])
})

test('an unknown command exits 3 and names one that exists', async () => {
  const bench = new BenchProgram('walk')
  expect(await bench.ended()).toBe(3)
  expect(bench.stderr).toContain('expected run')
})
