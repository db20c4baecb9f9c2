import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FakeClock } from '@shardwire/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LogOutput } from '../src/log-output.ts'

const LINE = `${'x'.repeat(1000)}\n`
const RETRY_MS = 250
const SHARED_OUTPUT = fileURLToPath(new URL('fixtures/shared-output.ts', import.meta.url))

let folder = ''
let reader = -1
let writer = -1

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shardwire-output-'))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  writer = openSync(path, constants.O_WRONLY)
})

afterEach(async () => {
  for (const fd of [reader, writer]) closeSync(fd)
  await rm(folder, { recursive: true })
})

/** All that is in the pipe. */
function readAll(): string {
  const buffer = Buffer.alloc(1024 * 1024)
  let text = ''
  for (;;) {
    try {
      text += buffer.toString('latin1', 0, readSync(reader, buffer))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return text
      throw error
    }
  }
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${at} ${LINE}`)
}

describe('the log of a process whose output nobody reads', () => {
  it('waits, and comes whole and in order when somebody does', () => {
    const clock = new FakeClock()
    const output = new LogOutput(clock, writer)
    const lines = numbered(500)
    for (const line of lines) output.destination.write(line)
    let text = ''
    // As much as the pipe holds at a time.
    for (let more = readAll(); more !== ''; more = readAll()) {
      text += more
      clock.advance(RETRY_MS)
    }
    expect(text === lines.join('')).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it('is bounded: what is beyond is lost, and told of, once', () => {
    const clock = new FakeClock()
    const output = new LogOutput(clock, writer)
    const told: number[] = []
    output.onLost((lines) => told.push(lines))
    const lines = numbered(3000)
    for (const line of lines) output.destination.write(line)
    clock.advance(RETRY_MS)
    expect(told).toEqual([])
    let text = ''
    for (let more = readAll(); more !== ''; more = readAll()) {
      text += more
      clock.advance(RETRY_MS)
    }
    const came = text.split('\n').length - 1
    expect(text === lines.slice(0, came).join('')).toBe(true)
    expect(told).toEqual([lines.length - came])
    expect(came).toBeGreaterThan(1000)
  })

  it('waits for nobody, also after another process that shares it made writes wait', async () => {
    const writes = spawn(process.execPath, ['--conditions=source', SHARED_OUTPUT], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const exited = once(writes, 'exit')
    const [told] = (await once(writes.stderr, 'data')) as [Buffer]
    expect(String(told)).toBe('written\n')
    expect(await exited).toEqual([0, null])
    writes.stdout.destroy()
  })
})
