/** Rules of a daemon under test, proved on a stand-in that speaks the same start-up line. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it, vi } from 'vitest'
import { startDaemon } from '../src/daemon.ts'
import { ScriptedPeer } from '../src/scripted-peer.ts'
import { withinLimit } from '../src/time-limit.ts'

const STAND_IN = fileURLToPath(new URL('fixtures/stand-in-daemon.ts', import.meta.url))
const ABANDON = fileURLToPath(new URL('fixtures/abandon-daemon.ts', import.meta.url))
/** So that the fixture finds the sources of the workspace's packages. */
const CONDITIONS = ['--conditions=source']
const options = { main: STAND_IN }

afterEach(() => {
  vi.unstubAllEnvs()
})

it('waits until it listens, and tells port, pid and workers', async () => {
  await using daemon = await startDaemon({}, options)
  expect(daemon.port).toBe(4711)
  expect(daemon.addresses).toEqual([{ address: '127.0.0.1', port: 4711 }])
  expect(daemon.workers).toEqual([{ slot: 0, pid: daemon.pid }])
  expect(daemon.records[0]).toMatchObject({ event: 'starting', args: ['serve'] })
  expect(daemon.otherLines).toEqual(['no json'])
})

it('hands on its defaults and what the test says, but nothing else named SHARDWIRE_', async () => {
  vi.stubEnv('SHARDWIRE_BACKLOG', '7')
  await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '3' }, options)
  expect(daemon.records[0]).toMatchObject({
    env: { SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0', SHARDWIRE_LOG_FORMAT: 'json', SHARDWIRE_WORKERS: '3' },
  })
})

it('stops with its exit code, and waits for records of the past and the future', async () => {
  await using daemon = await startDaemon({}, options)
  const stopped = daemon.waitFor((record) => record['event'] === 'stopped')
  expect(await daemon.stop()).toBe(3)
  expect(await stopped).toMatchObject({ event: 'stopped' })
  expect(await daemon.waitFor((record) => record['event'] === 'listening')).toBeDefined()
  expect(await daemon.exited).toEqual({ code: 3, signal: null })
})

it('sends a signal to the whole group', async () => {
  await using daemon = await startDaemon({}, options)
  daemon.signal('SIGKILL', { group: true })
  expect(await daemon.exited).toEqual({ code: null, signal: 'SIGKILL' })
  await expect(daemon.waitFor(() => false)).rejects.toThrow('before the end')
})

it('says why a daemon did not start', async () => {
  const failed = startDaemon({ STAND_IN_FAILS: '1' }, options)
  await expect(failed).rejects.toThrow(/exited with 9[\s\S]*cannot start/)
})

it('dies with a test process that is killed', async () => {
  await using peer = await ScriptedPeer.listen()
  const env = { ...process.env, STAND_IN_CALLS: String(peer.port) }
  const abandoner = spawn(process.execPath, [...CONDITIONS, ABANDON, STAND_IN], { stdio: 'ignore', env })
  const daemon = await peer.nextConnection()
  abandoner.kill('SIGKILL')
  expect(await daemon.closed()).toBeDefined()
})

it('does not keep a test process alive once it is disposed of', async () => {
  const owner = spawn(process.execPath, [...CONDITIONS, ABANDON, STAND_IN, 'dispose'], { stdio: 'ignore' })
  const exited = once(owner, 'exit')
  expect(await withinLimit(exited, () => 'the test process hangs')).toEqual([0, null])
})
