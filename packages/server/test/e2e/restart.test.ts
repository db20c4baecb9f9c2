import { encodeBody } from '@shardwire/protocol'
import { eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVER = new URL('../../dist/index.js', import.meta.url).href

/** A service in a file of its own, which answers with its version. */
function serviceOf(version: number): string {
  return `import { defineService, route } from ${JSON.stringify(SERVER)}
export default defineService({ name: 'temporary', routes: { version: route(1, {}, () => ${version}) } })
`
}

async function versionServed(port: number): Promise<unknown> {
  await using client = await RawClient.connect(port)
  await client.sendFrames(frames.request(1, 1, encodeBody(null)))
  return frames.value(await client.nextFrame())
}

describe('a service that is broken when its worker is started again', () => {
  it('is tried again and again: the slot comes back once it is mended, and the daemon never left', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-restart-'))
    const file = join(folder, 'service.mjs')
    await writeFile(file, serviceOf(1))
    await using daemon = await startDaemon({ SHARDWIRE_SERVICE: file, SHARDWIRE_WORKERS: '1' })
    expect(await versionServed(daemon.port)).toBe(1)
    await writeFile(file, 'this is no module')
    process.kill(daemon.workers[0]?.pid ?? 0, 'SIGKILL')
    // The first is the one that was killed.
    const isFailed = ({ event, signal }: Record<string, unknown>): boolean =>
      event === 'worker-exited' && signal === null
    const failed = await daemon.waitFor(isFailed)
    expect(failed).toMatchObject({ slot: 0, msg: expect.stringContaining(pathToFileURL(file).pathname) })
    await writeFile(file, serviceOf(2))
    expect(await versionServed(daemon.port)).toBe(2)
    expect(await daemon.stop()).toBe(0)
    await rm(folder, { recursive: true })
  })
})

describe('a worker that is replaced while its service still loads', () => {
  it('is let go at once: it serves nobody, and neither it nor its drain is waited for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-restart-'))
    const file = join(folder, 'service.mjs')
    const begun = join(folder, 'begun')
    await writeFile(file, serviceOf(1))
    await using daemon = await startDaemon({
      SHARDWIRE_SERVICE: file,
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_DRAIN_TIMEOUT_MS: '60000',
    })
    const waits = `import { writeFileSync } from 'node:fs'
writeFileSync(${JSON.stringify(begun)}, '')
await new Promise((resolve) => setInterval(resolve, 3_600_000))
`
    await writeFile(file, waits + serviceOf(2))
    process.kill(daemon.workers[0]?.pid ?? 0, 'SIGKILL')
    await eventually(
      () => existsSync(begun),
      () => 'no worker loads the service again',
    )
    await writeFile(file, serviceOf(3))
    daemon.signal('SIGHUP')
    await daemon.waitFor(({ event }) => event === 'reloaded')
    expect(await versionServed(daemon.port)).toBe(3)
    expect(await daemon.stop()).toBe(0)
    expect(daemon.records.filter(({ event }) => event === 'worker-killed')).toEqual([])
    await rm(folder, { recursive: true })
  })
})
