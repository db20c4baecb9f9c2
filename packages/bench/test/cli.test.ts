import { describe, expect, test } from 'vitest'
import { encodeErrorBody, encodeFrame, FRAME_TOO_LARGE, KIND_ERROR, ShardwireError } from '@shardwire/protocol'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import type { RunReport } from '../src/index.ts'
import { LatencyHistogram } from '../src/index.ts'
import { BenchProgram, shortRun } from './fixtures/bench-program.ts'
import { EchoServer, echoOf, withWrongByte } from './fixtures/echo-server.ts'

function reportOf(json: string): RunReport {
  return JSON.parse(json) as RunReport
}

describe('run', () => {
  test.each([['message'], ['request']])('of %ss against an echo passes, with table and JSON', async (mode) => {
    await using server = await EchoServer.listen()
    const folder = mkdtempSync(path.join(tmpdir(), 'shardwire-bench-'))
    const file = path.join(folder, 'run.json')
    const bench = new BenchProgram(...shortRun(server.url, '--processes', '2', '--mode', mode, '--json', file))
    expect(await bench.ended(), bench.stderr).toBe(0)
    const report = reportOf(readFileSync(file, 'utf8'))
    rmSync(folder, { recursive: true })
    expect(report).toMatchObject({
      schema: 'shardwire-bench/run/1',
      options: { connections: 5, processes: 2, mode, durationMs: 300 },
      example: null,
    })
    expect(report.verdict.state).not.toBe('INVALID')
    expect(report.processes).toHaveLength(2)
    expect(report.messages).toBeGreaterThan(0)
    expect(report.latency.maxUs).toBeGreaterThanOrEqual(report.latency.p50Us)
    const histogram = new LatencyHistogram()
    histogram.merge(report.latency.histogram)
    expect(histogram.samples).toBe(report.latency.samples)
    expect(server.connectionsSeen).toBe(5)
    expect(bench.stdout).toContain('messages/s')
    expect(bench.stdout).toContain('coordinated omission')
    expect(bench.stderr).toBe('')
  })

  test('with --json - has JSON alone on standard output, progress and table on standard error', async () => {
    await using server = await EchoServer.listen()
    const flags = ['--json', '-', '--payload-bytes', '0', '--duration-s', '1.8']
    const bench = new BenchProgram(...shortRun(server.url, ...flags))
    expect(await bench.ended()).toBe(0)
    const report = reportOf(bench.stdout)
    expect(report.environment.nodeVersion).toBe(process.version)
    expect(report.series.length).toBeGreaterThan(0)
    expect(report.notes).toHaveLength(2)
    expect(bench.stderr).toContain('s left')
    expect(bench.stderr).toContain('verdict')
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
    const bench = new BenchProgram(...shortRun(server.url, '--warmup-s', '0'))
    expect(await bench.ended()).toBe(0)
    expect(bench.stdout).toMatch(/s measured without warm-up$/m)
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
    expect(report.latency.samples).toBeGreaterThan(0)
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
  const flags = ['--target', server.url, '--connections', '4', '--processes', '2', '--duration-s', '600']
  const bench = new BenchProgram('run', ...flags)
  await server.until('load', () => server.frames > 500)
  const { pid } = bench.child
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  process.kill(Number(children[0]), 'SIGKILL')
  expect(await bench.ended()).toBe(2)
  expect(bench.stdout).toMatch(/Load process [01] ended \(SIGKILL\)/)
  await server.until('no connection', () => server.sockets.size === 0)
})

test('--help and --version answer on standard output', async () => {
  const help = new BenchProgram('--help')
  const version = new BenchProgram('--version')
  expect(await help.ended()).toBe(0)
  expect(help.stdout).toContain('--payload-bytes N')
  expect(help.stdout).toContain('exit codes')
  expect(help.stdout).toContain('server under load (tcp://127.0.0.1:7400)')
  expect(help.stdout).toContain('npm run --silent bench -- run --json -')
  for (const state of ['VALID', 'SUSPECT', 'INVALID']) expect(help.stdout).toMatch(new RegExp(`^  ${state} +\\w`, 'm'))
  expect(await version.ended()).toBe(0)
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('an unknown command exits 3 and names one that exists', async () => {
  const bench = new BenchProgram('walk')
  expect(await bench.ended()).toBe(3)
  expect(bench.stderr).toContain('expected run')
})
