import { describe, expect, test } from 'vitest'

import type { PreflightReport } from '../src/report/schema/preflight.ts'
import { BenchProgram } from './fixtures/bench-program.ts'
import { EchoServer } from './fixtures/echo-server.ts'
import { validReport } from './fixtures/json-schema.ts'

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
    expect(bench.stdout).toMatch(/BINDS +open files of the system/)
    expect(bench.stdout).toMatch(/-> sysctl -w fs.file-max=\d+/)
    expect(bench.stdout).toMatch(/[\d,]+ connections are possible now, bound by/)
  })
})
