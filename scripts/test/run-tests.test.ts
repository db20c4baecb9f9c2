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
    const report = (passed, failed, skipped, failedFiles = {}) => {
      writeFileSync(process.env.TEST_COUNTS_FILE, JSON.stringify({ passed, failed, skipped, failedFiles }))
      process.exitCode = failed > 0 ? 1 : 0
    }
    const again = args.includes('--maxWorkers=1')
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

interface Ended {
  readonly code: number | null
  readonly calls: unknown[]
  readonly unsteady: string[]
  readonly last: string | undefined
}

async function ended(run: BootstrapRun): Promise<Ended> {
  const lines: string[] = []
  for await (const line of run.lines) lines.push(line)
  const calls = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown)
  const unsteady = lines.filter((line) => line.startsWith('unsteady: '))
  return { code: await run.exitCode(), calls, unsteady, last: lines.at(-1) }
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
    expect(await ended(home.run('test'))).toEqual({
      code: 0,
      calls: ALL,
      unsteady: [],
      last: '108 passed, 0 failed, 3 skipped',
    })
  })

  it.each([
    ['first', 'const bad = !socket && !reuseport; report(4, bad ? 1 : 0, 0)'],
    ['second', 'report(4, socket ? 1 : 0, 0)'],
    ['third', 'report(4, reuseport ? 1 : 0, 0)'],
  ])('fails when the %s run did, and does all of them all the same', async (_which, script) => {
    using home = new TestRunHome(script)
    expect(await ended(home.run('test'))).toEqual({ code: 1, calls: ALL, unsteady: [], last: '12 passed, 1 failed' })
  })

  it('takes a second run that reports nothing for a failure, not for the first one again', async () => {
    using home = new TestRunHome('if (!socket) report(4, 0, 0)')
    expect(await ended(home.run('test'))).toEqual({ code: 1, calls: ALL, unsteady: [], last: '8 passed, 1 failed' })
  })
})

describe('a file that failed', () => {
  const FAILED = JSON.stringify({ 'a.test.ts': { passed: 2, failed: 1, skipped: 1 } })
  const AGAIN: unknown = { args: ['run', 'a.test.ts', '--maxWorkers=1'], socket: true, reuseport: false }

  it('is run again by itself, in the way that it failed, and is named as unsteady when it passes then', async () => {
    using home = new TestRunHome(`again ? report(3, 0, 1) : socket ? report(9, 1, 1, ${FAILED}) : report(10, 0, 0)`)
    const run = await ended(home.run('test'))
    expect(run).toMatchObject({ code: 0, last: '30 passed, 0 failed, 1 skipped' })
    expect(run.calls).toEqual([...(ALL as unknown[]), AGAIN])
    expect(run.unsteady).toEqual([expect.stringContaining(' a.test.ts ')])
  })

  it('has failed when it fails again', async () => {
    using home = new TestRunHome(
      `again ? report(2, 1, 1, ${FAILED}) : socket ? report(9, 1, 1, ${FAILED}) : report(10, 0, 0)`,
    )
    const run = await ended(home.run('test'))
    expect(run).toMatchObject({ code: 1, unsteady: [], last: '29 passed, 1 failed, 1 skipped' })
    expect(run.calls).toEqual([...(ALL as unknown[]), AGAIN])
  })

  it('has failed when vitest dies as it is run again', async () => {
    using home = new TestRunHome(
      `if (!again) socket ? report(9, 1, 1, ${FAILED}) : report(10, 0, 0); else process.exitCode = 7`,
    )
    expect(await ended(home.run('test'))).toMatchObject({ code: 7, unsteady: [], last: '27 passed, 1 failed' })
  })

  it.each([
    ['there are more than three', `socket ? report(0, 2, 0, two('a', 'b')) : report(0, 2, 0, two('c', 'd'))`, 6],
    ['something failed outside of files', `report(9, socket ? 2 : 0, 0, socket ? two('a') : {})`, 2],
  ])('is not run again where %s', async (_why, script, failed) => {
    const counts = '{ passed: 0, failed: 1, skipped: 0 }'
    const two = `const two = (...files) => Object.fromEntries(files.map((file) => [file, ${counts}]))`
    using home = new TestRunHome(`${two}\n${script}`)
    const run = await ended(home.run('test'))
    expect(run).toMatchObject({ code: 1, calls: ALL, unsteady: [] })
    expect(run.last).toContain(`, ${failed} failed`)
  })
})

describe('with arguments', () => {
  it('runs once, with them', async () => {
    using home = new TestRunHome('report(1, 0, 0)')
    expect(await ended(home.run('test', 'crc32', '-t', 'a name'))).toEqual({
      code: 0,
      calls: [{ args: ['run', 'crc32', '-t', 'a name'], socket: false, reuseport: false }],
      unsteady: [],
      last: '1 passed, 0 failed',
    })
  })

  it('runs nothing again', async () => {
    using home = new TestRunHome(`report(1, 1, 0, { 'a.test.ts': { passed: 1, failed: 1, skipped: 0 } })`)
    const run = await ended(home.run('test', 'a.test.ts'))
    expect(run).toMatchObject({ code: 1, unsteady: [], last: '1 passed, 1 failed' })
    expect(run.calls).toHaveLength(1)
  })

  it('fails when they match no test', async () => {
    using home = new TestRunHome('report(0, 0, 3)')
    expect(await ended(home.run('test', 'nothing'))).toMatchObject({ code: 1, last: '0 passed, 0 failed, 3 skipped' })
  })
})
