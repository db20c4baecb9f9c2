import { Daemon, eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVER = new URL('../../dist/index.js', import.meta.url).href

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dev-test-'))
  mkdirSync(join(directory, 'lib'))
  write('lib/greeting.ts', "export const greeting: string = 'hello'")
  write('service.ts', serviceOf("import { greeting } from './lib/greeting.ts'"))
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})

/** All at once: a file that is half written may be seen as one change more. */
function write(name: string, text: string): void {
  const unfinished = join(directory, 'unfinished')
  writeFileSync(unfinished, `${text}\n`)
  renameSync(unfinished, join(directory, name))
}

function serviceOf(importing: string): string {
  return `import { defineService, route } from '${SERVER}'
${importing}
export default defineService({ name: 'dev', routes: { greet: route(1, { body: 'none' }, () => greeting) } })`
}

const OPTIONS = { SHARDWIRE_WORKERS: '1', SHARDWIRE_ADMIN: 'off' }

async function startDev(): Promise<Daemon> {
  return await startDaemon(OPTIONS, { args: ['dev', './service.ts'], cwd: directory })
}

async function greeting(daemon: Daemon): Promise<unknown> {
  await using client = await RawClient.connect(daemon.port)
  await client.sendFrames(frames.request(1, 1, ''))
  return frames.value(await client.nextFrame())
}

/** What was logged of an event so far, so that the next one can be waited for. */
function count(daemon: Daemon, event: string): number {
  return daemon.records.filter((record) => record['event'] === event).length
}

async function next(daemon: Daemon, event: string, before: number): Promise<Record<string, unknown>> {
  let seen = 0
  return await daemon.waitFor((record) => record['event'] === event && ++seen > before)
}

/** Does something, and waits for what it leads to. */
async function after(daemon: Daemon, event: string, act: () => void): Promise<Record<string, unknown>> {
  const before = count(daemon, event)
  act()
  return await next(daemon, event, before)
}

async function said(daemon: Daemon, text: string): Promise<void> {
  await eventually(
    () => daemon.stderr.includes(text),
    () => `nobody said: ${text}\n${daemon.describe()}`,
  )
}

it('replaces the worker when its module or an import changes, and keeps the old one while it is broken', async () => {
  await using daemon = await startDev()
  expect(await greeting(daemon)).toBe('hello')
  await after(daemon, 'reloaded', () => write('lib/greeting.ts', "export const greeting: string = 'changed'"))
  expect(await greeting(daemon)).toBe('changed')
  expect(daemon.stderr).toContain('lib/greeting.ts changed')

  // As an editor saves: another file takes the name.
  await after(daemon, 'reloaded', () => {
    write('saved', serviceOf("const greeting = 'from the service itself'"))
    renameSync(join(directory, 'saved'), join(directory, 'service.ts'))
  })
  expect(await greeting(daemon)).toBe('from the service itself')

  const failed = await after(daemon, 'reload-failed', () =>
    write('service.ts', serviceOf("const greeting = 'unfinished")),
  )
  expect(JSON.stringify(failed)).toContain('service.ts')
  expect(await greeting(daemon)).toBe('from the service itself')
  await after(daemon, 'reload-failed', () => write('service.ts', serviceOf("import { greeting } from './missing.ts'")))
  expect(await greeting(daemon)).toBe('from the service itself')
  // A file that was not there is waited for, too.
  await after(daemon, 'reloaded', () => write('missing.ts', "export const greeting = 'found'"))
  expect(await greeting(daemon)).toBe('found')
  expect(await daemon.stop()).toBe(0)
})

it('leaves alone what the service does not import, and finds what an import waits for', async () => {
  // A save that counts follows one that does not: it is told alone.
  await using daemon = await startDev()
  write('lib/unrelated.ts', 'export {}')
  write('service.test.ts', 'export {}')
  write('package.json', '{ "type": "module" }')
  await after(daemon, 'reloaded', () => write('lib/greeting.ts', "export const greeting: string = 'changed'"))
  write('lib/unrelated.ts', 'export const again = 1')
  await after(daemon, 'reload-failed', () =>
    write('service.ts', serviceOf("import { greeting } from './new/deep/er.ts'")),
  )
  mkdirSync(join(directory, 'new'))
  mkdirSync(join(directory, 'new/deep'))
  write('new/deep/other.ts', "export const greeting = 'other'")
  await after(daemon, 'reloaded', () => write('new/deep/er.ts', "export const greeting = 'deep'"))
  expect(await greeting(daemon)).toBe('deep')
  // What it does not import any more does not count either.
  await daemon.waitFor((record) => record['event'] === 'reloaded' && count(daemon, 'worker-replaced') === 2)
  write('lib/greeting.ts', "export const greeting = 'nobody asks'")
  await after(daemon, 'reloaded', () => write('new/deep/er.ts', "export const greeting = 'deeper'"))
  const told = [...daemon.stderr.matchAll(/shardwire dev: (.*) changed/g)].map(([, files]) => files)
  expect(told).toEqual(['lib/greeting.ts', 'service.ts', 'new/deep/er.ts', 'new/deep/er.ts'])
  expect(await daemon.stop()).toBe(0)
})

it('tells a mistake once, in full, and what to do where files are watched', async () => {
  const environment = { ...OPTIONS, SHARDWIRE_LOG_FORMAT: 'pretty', SHARDWIRE_WORKERS: '' }
  await using daemon = new Daemon(environment, { args: ['dev', './service.ts'], cwd: directory })
  const stdout = (): string => `${daemon.otherLines.join('\n')}\n`
  const printed = async (text: string): Promise<void> => {
    await eventually(
      () => stdout().includes(text),
      () => `nobody printed: ${text}\n${stdout()}`,
    )
  }
  await printed('Stop it:')
  // What it set itself is not the user's.
  expect(stdout()).toMatch(/SHARDWIRE_WORKERS +1 +dev\n/)
  expect(stdout()).toMatch(/SHARDWIRE_DRAIN_TIMEOUT_MS +2000 +dev\n/)
  expect(stdout()).toMatch(/SHARDWIRE_SERVICE +\.\/service\.ts +dev\n/)
  expect(stdout()).toMatch(/SHARDWIRE_LOG_FORMAT +pretty +environment\n/)
  write('lib/greeting.ts', "export const greeting = 'unfinished\nconst other = 1")
  await printed('ERR_INVALID_TYPESCRIPT_SYNTAX')
  write('lib/greeting.ts', "export const greeting = 'finished'")
  await printed('reloaded: all workers are new')
  const times = (text: string): number => stdout().split(text).length - 1
  expect(times('ERROR')).toBe(1)
  expect(times("'unfinished")).toBe(1)
  expect(times('Mend it and save it again')).toBe(1)
  expect(stdout()).not.toContain('SIGHUP again')
  expect(stdout()).not.toContain('\\n')
  expect(await daemon.stop()).toBe(0)
})

it('has one worker and a watch over lent views, unless the environment says otherwise', async () => {
  const environment = { SHARDWIRE_WORKERS: '', SHARDWIRE_DEBUG_VIEWS: '', SHARDWIRE_ADMIN: 'off' }
  await using daemon = await startDaemon(environment, { args: ['dev', './service.ts'], cwd: directory })
  const listening = await daemon.waitFor(({ event }) => event === 'listening')
  expect(listening['config']).toMatchObject({ workers: 1, debugViews: true, drainTimeoutMs: 2000 })
  expect(await daemon.stop()).toBe(0)
})

it('waits for a change when the service cannot be loaded at first, and starts then', async () => {
  write('service.ts', 'export default 1')
  await using daemon = new Daemon(OPTIONS, { args: ['dev', './service.ts'], cwd: directory })
  await said(daemon, 'waiting for a change of service.ts')
  expect(daemon.stderr).toContain('must have a default export made by defineService')
  write('service.ts', serviceOf("import { greeting } from './lib/greeting.ts'"))
  await daemon.waitFor(({ event }) => event === 'listening')
  expect(await greeting(daemon)).toBe('hello')
  expect(await daemon.stop()).toBe(0)
})

it('starts again when what failed to start was mended meanwhile', async () => {
  // It fails when it is told to: by then it has been saved anew.
  write(
    'service.ts',
    `import { existsSync, writeFileSync } from 'node:fs'
writeFileSync('begun', '')
while (!existsSync('fail')) await new Promise((turn) => setImmediate(turn))
throw new Error('not mended yet')`,
  )
  await using daemon = new Daemon(OPTIONS, { args: ['dev', './service.ts'], cwd: directory })
  await eventually(
    () => readdirSync(directory).includes('begun'),
    () => daemon.describe(),
  )
  write('service.ts', serviceOf("const greeting = 'mended'"))
  await said(daemon, 'service.ts changed')
  write('fail', '')
  await daemon.waitFor(({ event }) => event === 'listening')
  expect(daemon.stderr).toContain('not mended yet')
  expect(daemon.stderr).not.toContain('waiting for a change')
  expect(await greeting(daemon)).toBe('mended')
  expect(await daemon.stop()).toBe(0)
})

it('ends with the daemon, also while it waits, and leaves no file behind', async () => {
  write('service.ts', 'export default 1')
  await using daemon = new Daemon({ ...OPTIONS, TMPDIR: directory }, { args: ['dev', './service.ts'], cwd: directory })
  await said(daemon, 'waiting for a change')
  expect(readdirSync(directory).filter((name) => name.startsWith('shardwire-dev-'))).toHaveLength(1)
  expect(await daemon.stop()).toBe(0)
  expect(readdirSync(directory).toSorted()).toEqual(['lib', 'service.ts'])
})

it('needs a module that is there', async () => {
  await using none = new Daemon(OPTIONS, { args: ['dev'], cwd: directory })
  expect((await none.exited).code).toBe(2)
  expect(none.stderr).toContain('dev takes the path of one module, such as ./service.ts, got: nothing')
  await using missing = new Daemon(OPTIONS, { args: ['dev', './other.ts'], cwd: directory })
  expect((await missing.exited).code).toBe(2)
  expect(missing.stderr).toContain(`there is no ${join(directory, 'other.ts')}`)
})
