import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeFrame } from '@shardwire/protocol'
import { eventually } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const FULL = '/dev/full'

describe.skipIf(!existsSync(FULL))('a disk that is full, for the log', () => {
  it.each(['json', 'pretty'])('costs its lines and nothing else (%s)', async (format) => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-full-'))
    const path = join(folder, 'socket')
    const settings = { SHARDWIRE_LISTEN: `unix:${path}`, SHARDWIRE_WORKERS: '1', SHARDWIRE_LOG_FORMAT: format }
    const daemon = spawn(process.execPath, [MAIN, 'serve'], {
      env: { PATH: process.env['PATH'], ...settings },
      stdio: ['ignore', openSync(FULL, 'w'), 'inherit'],
    })
    const exited = once(daemon, 'exit')
    await eventually(
      () => existsSync(path),
      () => 'the daemon does not listen',
    )
    const client = connect(path)
    client.write(encodeFrame(frames.message(frames.ROUTE_ECHO, 'x')))
    const [answer] = (await once(client, 'data')) as [Buffer]
    expect(answer).toEqual(Buffer.from(encodeFrame(frames.message(frames.ROUTE_ECHO, 'x'))))
    client.destroy()
    daemon.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    await rm(folder, { recursive: true })
  })
})
