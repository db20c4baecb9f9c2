import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { nextTurn, withinLimit } from '@shardwire/testkit'

import type { LadderReport } from '../src/report/schema/ladder.ts'
import type { PreflightReport } from '../src/report/schema/preflight.ts'
import { BenchProgram } from './fixtures/bench-program.ts'
import { EchoServer } from './fixtures/echo-server.ts'
import { validReport } from './fixtures/json-schema.ts'

/** Where nobody listens. */
async function freeUrl(): Promise<string> {
  const server = await EchoServer.listen()
  const { url } = server
  await server[Symbol.asyncDispose]()
  return url
}

async function isRefused(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
  const refused = await promise
  socket.destroy()
  return refused
}

describe('preflight', () => {
  test('says what there is room for, of a server that it can see too, and connects to nobody', async () => {
    await using server = await EchoServer.listen()
    const flags = ['--target', server.url, '--connections', '200', '--json', '-']
    const bench = new BenchProgram('preflight', ...flags)
    expect(await bench.ended()).toBe(0)
    const report = validReport('preflight', bench.stdout) as PreflightReport
    expect(report).toMatchObject({ connections: 200, isReached: true })
    if (process.platform === 'linux') expect(report.isServerSeen).toBe(true)
    expect(bench.stderr).toMatch(/All 200 are within the known limits|No limit is known/)
    expect(server.connectionsSeen).toBe(0)
  })

  test.runIf(process.platform === 'linux')('of too many exits 3 and names the limit, with its cure', async () => {
    const bench = new BenchProgram('preflight', '--connections', '100000000')
    expect(await bench.ended()).toBe(3)
    // Which of them are low depends on the machine: systemd lifts that of open files altogether.
    expect(bench.stdout).toMatch(/BINDS +(open files of the system|descriptors of the generator|memory)/)
    expect(bench.stdout).toMatch(/-> (sysctl -w fs\.file-max=\d+|ulimit -n \d+|fewer connections)/)
    expect(bench.stdout).toMatch(/[\d,]+ connections are possible now, bound by/)
  })
})

describe('ladder', () => {
  const SHORT = ['--probe-s', '0.5', '--probe-rate', '400', '--settle-s', '0.1', '--hold-s', '1', '--json', '-']

  test('goes up in steps, proves each connection alive, holds the top and gives all back', async () => {
    await using server = await EchoServer.listen()
    const bench = new BenchProgram('ladder', '--target', server.url, '--to', '150', '--steps', '20,70', ...SHORT)
    const code = await bench.ended()
    const report = validReport('ladder', bench.stdout) as LadderReport
    expect(report.steps.map(({ connections }) => connections)).toEqual([20, 70, 150])
    for (const { connections, sweep, lost, probe } of report.steps) {
      expect(sweep).toMatchObject({ asked: connections, alive: connections, wrong: 0 })
      expect(lost).toBe(0)
      expect(probe.response.samples).toBeGreaterThan(100)
    }
    // 200 samples are too few for p99.
    const advice = report.steps.map(({ probe }) => probe.verdict.reasons.join(' '))
    for (const said of advice) expect(said).toContain('take a longer --probe-s for 1000 samples')
    expect(report.hold?.probe.verdict.reasons.join(' ')).toContain('take a longer --hold-s for 1000 samples')
    expect(report).toMatchObject({ reached: 150, bound: null, lost: 0, hold: { lost: 0, sweep: { alive: 150 } } })
    expect(report.after?.connections).toBe(0)
    expect([0, 2]).toContain(code)
    expect(report.verdict.state === 'INVALID').toBe(code === 2)
    // 150 at most, and the probe's own 16.
    expect(server.connectionsOpenMax).toBe(166)
    expect(server.sockets.size).toBe(0)
    expect(bench.stderr).toContain('reached     150 connections')
  })

  test('that loses connections is INVALID and says by what', async () => {
    let seen = 0
    await using server = await EchoServer.listen(undefined, (socket) => {
      let questions = 0
      if (++seen !== 30) return
      // The first one is asked when it is opened.
      socket.on('data', () => {
        if (++questions === 2) socket.resetAndDestroy()
      })
    })
    const bench = new BenchProgram('ladder', '--target', server.url, '--to', '60', '--steps', '60', ...SHORT)
    expect(await bench.ended()).toBe(2)
    const report = validReport('ladder', bench.stdout) as LadderReport
    expect(report).toMatchObject({ lost: 1, lostBy: { ECONNRESET: 1 }, verdict: { state: 'INVALID' } })
    expect(report.verdict.reasons[0]).toBe('Connections lost: 1 (1 ECONNRESET).')
  })

  test('against nobody tells where it ended, and why', async () => {
    const server = await EchoServer.listen()
    const { url } = server
    await server[Symbol.asyncDispose]()
    const bench = new BenchProgram('ladder', '--target', url, '--to', '60', ...SHORT)
    expect(await bench.ended()).toBe(3)
    expect(bench.stderr).toContain('Nobody listens on')
  })

  test('with --daemon starts one with room for all, and leaves none behind', async () => {
    const url = await freeUrl()
    const flags = ['--target', url, '--daemon', 'auto', '--to', '80', '--steps', '40']
    const bench = new BenchProgram('ladder', ...flags, ...SHORT)
    const code = await bench.ended()
    const report = validReport('ladder', bench.stdout) as LadderReport
    expect(report).toMatchObject({ reached: 80, lost: 0, hold: { sweep: { alive: 80 } } })
    expect(report.server?.settings).toMatchObject({ SHARDWIRE_LISTEN: url, SHARDWIRE_HEARTBEAT_MS: '30000' })
    expect([0, 2]).toContain(code)
    expect(bench.stderr).toMatch(/starting a daemon: SHARDWIRE_LISTEN=.*daemon up after/s)
    expect(await isRefused(url)).toBe(true)
  })

  test('with --daemon on a port that is taken says what the daemon said', async () => {
    await using server = await EchoServer.listen()
    const bench = new BenchProgram('ladder', '--target', server.url, '--daemon', 'auto', '--to', '5', ...SHORT)
    expect(await bench.ended()).toBe(3)
    expect(bench.stderr).toMatch(/The daemon ended \(code 1\).*ends with:.*in use/s)
  })

  test('that is cut short reports what there was, and leaves nothing behind', async () => {
    await using server = await EchoServer.listen()
    const flags = ['--to', '60', '--steps', '60', '--hold-s', '600', '--json', '-']
    const bench = new BenchProgram('ladder', '--target', server.url, ...flags, '--probe-s', '0.5', '--settle-s', '0.1')
    await withinLimit(
      (async () => {
        while (!/60 of 60 alive/.test(bench.stderr)) await nextTurn()
      })(),
      () => 'no step',
    )
    bench.child.kill('SIGINT')
    expect(await bench.ended()).toBe(2)
    const report = validReport('ladder', bench.stdout) as LadderReport
    expect(report.verdict.reasons).toContain('The ladder was cut short.')
    expect(report.reached).toBe(60)
    await server.until('no connection', () => server.sockets.size === 0)
  })
})
