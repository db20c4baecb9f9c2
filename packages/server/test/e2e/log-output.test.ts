import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, createReadStream, existsSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { encodeFrame } from '@shardwire/protocol'
import { eventually } from '@shardwire/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const FULL = '/dev/full'
const MESSAGE = Buffer.from(encodeFrame(frames.message(frames.ROUTE_ECHO, 'x')))

let folder = ''
/** Where the daemon listens: of its log nobody may see a line. */
let path = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shardwire-log-'))
  path = join(folder, 'socket')
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function start(
  stdout: number | 'pipe',
  environment: Readonly<Record<string, string>> = {},
): Promise<ChildProcess> {
  const settings = { SHARDWIRE_LISTEN: `unix:${path}`, SHARDWIRE_WORKERS: '1', SHARDWIRE_ADMIN: 'off' }
  const daemon = spawn(process.execPath, [MAIN, 'serve'], {
    env: { PATH: process.env['PATH'], SHARDWIRE_LOG_FORMAT: 'json', ...settings, ...environment },
    stdio: ['ignore', stdout, 'inherit'],
  })
  await eventually(
    () => existsSync(path),
    () => 'the daemon does not listen',
  )
  return daemon
}

async function isServed(): Promise<boolean> {
  const client = connect(path)
  client.write(MESSAGE)
  client.once('close', () => client.emit('error', new Error('closed before it had an answer')))
  const [answer] = (await once(client, 'data')) as [Buffer]
  client.removeAllListeners('close')
  client.destroy()
  return answer.equals(MESSAGE)
}

async function stop(daemon: ChildProcess): Promise<unknown> {
  const exited = once(daemon, 'exit')
  daemon.kill('SIGTERM')
  return await exited
}

/** Writes into a pipe until it takes no more. */
function fill(fd: number): void {
  const line = Buffer.from('full\n')
  try {
    for (;;) writeSync(fd, line)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
  }
}

describe.skipIf(!existsSync(FULL))('a disk that is full, for the log', () => {
  it.each(['json', 'pretty'])('costs its lines and nothing else (%s)', async (format) => {
    const daemon = await start(openSync(FULL, 'w'), { SHARDWIRE_LOG_FORMAT: format })
    expect(await isServed()).toBe(true)
    // What is told of them is tried again a quarter of a second later, by when it was still the same daemon.
    for (let death = 0; death < 3; death++) {
      execFileSync('pkill', ['-KILL', '-P', String(daemon.pid)])
      expect(await isServed()).toBe(true)
    }
    expect(await stop(daemon)).toEqual([0, null])
  })
})

describe('a reader of the log that does not read', () => {
  it('makes nobody wait, from the first line on, and gets what it missed when it reads again', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const filler = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
    const writer = openSync(pipe, 'w')
    fill(filler)
    const daemon = await start(writer)
    for (const fd of [filler, writer]) closeSync(fd)
    expect(await isServed()).toBe(true)
    // Told by the primary, which starts another: none of it may wait for the log.
    execFileSync('pkill', ['-KILL', '-P', String(daemon.pid)])
    expect(await isServed()).toBe(true)
    const events: unknown[] = []
    const lines = createInterface({ input: createReadStream(pipe) })
    lines.on('line', (line) => {
      if (line !== 'full') events.push((JSON.parse(line) as { readonly event: unknown }).event)
    })
    const closed = once(lines, 'close')
    expect(await stop(daemon)).toEqual([0, null])
    await closed
    closeSync(reader)
    const expected = ['listening', 'worker-exited', 'draining', 'stopped']
    expect(events.filter((event) => expected.includes(String(event)))).toEqual(expected)
  })

  it('at the other end of a socket, as a service manager is, makes nobody wait either', async () => {
    const daemon = await start('pipe', { SHARDWIRE_LOG_LEVEL: 'debug' })
    // About three hundred bytes each, and the socket takes two hundred thousand.
    for (let round = 0; round < 10; round++) {
      const served = await Promise.all(Array.from({ length: 100 }, isServed))
      expect(served).toEqual(Array.from({ length: 100 }, () => true))
    }
    expect(await stop(daemon)).toEqual([0, null])
  })
})
