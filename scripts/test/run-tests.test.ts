/**
 * A test run as CI sees it, with a stand-in for vitest that reports what its environment asks for.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BootstrapHome } from './bootstrap-home.ts'
import type { BootstrapRun } from './bootstrap-home.ts'

const SCRIPTS = join(import.meta.dirname, '..')

/** Says how it was called; reports and exits as `script` has it for that pass. */
function standIn(script: string): string {
  return `
    import { writeFileSync } from 'node:fs'
    const socket = process.env.TEST_DAEMON_TRANSPORT === 'socket'
    const args = process.argv.slice(2)
    const report = (passed, failed, skipped) =>
      writeFileSync(process.env.TEST_COUNTS_FILE, JSON.stringify({ passed, failed, skipped }))
    const reuseport = process.env.TEST_DAEMON_ACCEPT === 'reuseport'
    console.log(JSON.stringify({ args, socket, reuseport }))
    ${script}
  `
}

class TestRunHome extends BootstrapHome {
  constructor(script: string) {
    super()
    for (const file of ['run-tests.ts', 'test-counts.ts']) cpSync(join(SCRIPTS, file), join(this.root, 'scripts', file))
    this.write('node_modules/vitest/vitest.mjs', standIn(script))
  }
}

async function ended(run: BootstrapRun): Promise<{ code: number | null; calls: unknown[]; last: string | undefined }> {
  const lines: string[] = []
  for await (const line of run.lines) lines.push(line)
  const calls = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown)
  return { code: await run.exitCode(), calls, last: lines.at(-1) }
}

const ALL: unknown = [
  { args: ['run'], socket: false, reuseport: false },
  { args: expect.arrayContaining(['run', 'packages/server/test/e2e/']), socket: true, reuseport: false },
  {
    args: expect.arrayContaining(['run', 'packages/server/test/e2e/placement.test.ts']),
    socket: false,
    reuseport: true,
  },
]

describe('without arguments', () => {
  it('runs everything, then end-to-end tests on the other transport and accept mode, and counts all last', async () => {
    using home = new TestRunHome('socket ? report(5, 0, 1) : reuseport ? report(3, 0, 0) : report(100, 0, 2)')
    expect(await ended(home.run('test'))).toEqual({ code: 0, calls: ALL, last: '108 passed, 0 failed, 3 skipped' })
  })

  it.each([
    ['first', 'const bad = !socket && !reuseport; report(4, bad ? 1 : 0, 0); process.exitCode = bad ? 1 : 0'],
    ['second', 'report(4, socket ? 1 : 0, 0); process.exitCode = socket ? 1 : 0'],
    ['third', 'report(4, reuseport ? 1 : 0, 0); process.exitCode = reuseport ? 1 : 0'],
  ])('fails when the %s run did, and does all of them all the same', async (_which, script) => {
    using home = new TestRunHome(script)
    expect(await ended(home.run('test'))).toEqual({ code: 1, calls: ALL, last: '12 passed, 1 failed' })
  })

  it('takes a second run that reports nothing for a failure, not for the first one again', async () => {
    using home = new TestRunHome('if (!socket) report(4, 0, 0)')
    expect(await ended(home.run('test'))).toEqual({ code: 1, calls: ALL, last: '8 passed, 1 failed' })
  })
})

describe('with arguments', () => {
  it('runs once, with them', async () => {
    using home = new TestRunHome('report(1, 0, 0)')
    expect(await ended(home.run('test', 'crc32', '-t', 'a name'))).toEqual({
      code: 0,
      calls: [{ args: ['run', 'crc32', '-t', 'a name'], socket: false, reuseport: false }],
      last: '1 passed, 0 failed',
    })
  })

  it('fails when they match no test', async () => {
    using home = new TestRunHome('report(0, 0, 3)')
    expect(await ended(home.run('test', 'nothing'))).toMatchObject({ code: 1, last: '0 passed, 0 failed, 3 skipped' })
  })
})
