/**
 * The bootstrap as its users meet it: what reaches the daemon, what comes back, and what is said when it cannot start.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BootstrapHome } from './bootstrap-home.ts'

describe('start', () => {
  it('runs `shardwire serve`', async () => {
    using home = new BootstrapHome()
    const run = home.run('start')
    expect((await run.childStarted()).args).toEqual(['serve'])
    run.signal('SIGTERM')
    await run.exitCode()
  })

  it('runs the daemon as its own direct child, with the arguments as they were given', async () => {
    using home = new BootstrapHome()
    const run = home.run('start', '--print', 'two words', 'exit=0')
    const child = await run.childStarted()
    expect(child.args).toEqual(['--print', 'two words', 'exit=0'])
    expect(child.parentPid).toBe(run.pid)
    expect(await run.exitCode()).toBe(0)
  })

  it('exits with the exit code of the daemon', async () => {
    using home = new BootstrapHome()
    expect(await home.run('start', 'exit=7').exitCode()).toBe(7)
  })

  it('forwards SIGHUP and SIGINT, stays while the daemon does, and ends with it after SIGTERM', async () => {
    using home = new BootstrapHome()
    const run = home.run('start', 'stay')
    await run.childStarted()
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGHUP'] as const) {
      run.signal(signal)
      expect(await run.nextLine()).toBe(`"${signal}"`)
    }
    run.signal('SIGTERM')
    expect(await run.exitCode()).toBe(42)
  })

  it.each([
    ['SIGKILL', 137],
    ['SIGTERM', 143],
  ])('exits with 128 + the number of the signal that ended the daemon: %s', async (signal, code) => {
    using home = new BootstrapHome()
    expect(await home.run('start', `die=${signal}`).exitCode()).toBe(code)
  })

  it('keeps stdout for the daemon: its own lines go to stderr', async () => {
    using home = new BootstrapHome()
    home.writeCompiler('process.exitCode = 2')
    const run = home.run('start')
    expect(await run.exitCode()).toBe(2)
    expect(run.stderr).toBe(
      'shardwire: the build failed (tsc exited with 2): correct the type errors above and try again\n',
    )
  })

  it('says which file the build did not make', async () => {
    using home = new BootstrapHome()
    rmSync(join(home.root, 'packages/server/dist/main.js'))
    const run = home.run('start')
    expect(await run.exitCode()).toBe(1)
    expect(run.stderr).toContain('packages/server/dist/main.js is missing after the build')
    expect(run.stderr).toContain('packages/server/src/main.ts')
  })
})

describe('the scripts of package.json', () => {
  const manifest = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
  const { scripts } = JSON.parse(manifest) as { scripts: Record<string, string> }

  it('leave no shell between npm and the bootstrap, so that a SIGTERM to npm ends the daemon', async () => {
    using home = new BootstrapHome()
    const run = home.runByShell(`${scripts['start']} stay`)
    expect((await run.childStarted()).parentPid).toBe(run.pid)
    run.signal('SIGTERM')
    expect(await run.exitCode()).toBe(42)
  })

  it.each(Object.entries(scripts))('%s is the command of that name', (name, script) => {
    expect(script).toBe(`exec node scripts/bootstrap.mjs ${name}`)
  })
})

describe('other commands', () => {
  it('passes the arguments of bench to the load generator and nothing before them', async () => {
    using home = new BootstrapHome()
    const child = await home.run('bench', '--rate', '1000', 'exit=0').childStarted()
    expect(child.args).toEqual(['--rate', '1000', 'exit=0'])
  })

  it('does not test a build that failed', async () => {
    using home = new BootstrapHome()
    home.writeCompiler('process.exitCode = 2')
    home.write('scripts/run-tests.ts', 'process.stdout.write("tested")')
    expect(await home.run('test').exitCode()).toBe(2)
  })

  it.each([['strat'], ['toString'], ['']])('refuses the command "%s" and lists those that exist', async (name) => {
    using home = new BootstrapHome()
    const run = home.run(name)
    expect(await run.exitCode()).toBe(1)
    expect(run.stderr).toContain(`no such command: "${name}"`)
    expect(run.stderr).toContain('npm run start')
  })
})
