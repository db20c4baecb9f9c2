import { decodeBody, encodeBody, KIND_RESPONSE } from '@shardwire/protocol'
import { type Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/service.ts', import.meta.url))

describe('a service of the user', () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDaemon({ SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' })
  })
  afterAll(async () => {
    expect(await daemon.stop()).toBe(0)
  })

  it('is loaded from TypeScript and answers', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(1, 1, encodeBody(21)))
    const answer = await client.nextFrame()
    expect(decodeBody(answer.body, 0, answer.body.length)).toBe(42)
  })

  it('may read the body of a bytes route after an await, whatever was read from the network meanwhile', async () => {
    await using client = await RawClient.connect(daemon.port)
    const bodies = Array.from({ length: 50 }, (_, index) => new Uint8Array(1000).fill(index))
    await client.sendFrames(...bodies.map((body, index) => frames.request(2, index + 1, body)))
    const answers = await client.frames(bodies.length)
    for (const { id, body } of answers) expect(Buffer.compare(body, bodies[id - 1] ?? new Uint8Array(0))).toBe(0)
  })

  it('has a deadline of its own per route', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(3, 1, ''))
    expect(frames.errorOf(await client.nextFrame()).name).toBe('DEADLINE_EXCEEDED')
  })

  it('a MESSAGE whose deadline passes is silent', async () => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.message(3, ''), frames.request(3, 2, ''))
    const answer = await client.nextFrame()
    expect([answer.id, frames.errorOf(answer).name]).toEqual([2, 'DEADLINE_EXCEEDED'])
    await client.sendFrames(frames.request(1, 3, encodeBody(1)))
    expect(await client.nextFrame()).toMatchObject({ kind: KIND_RESPONSE, id: 3 })
  })

  it.each([['an answer of the wrong type', 5]])('%s is HANDLER_FAILED and a log line', async (_, route) => {
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(route, 1, ''))
    expect(frames.errorOf(await client.nextFrame()).name).toBe('HANDLER_FAILED')
    await daemon.waitFor(({ event, route: name }) => event === 'handler-failed' && name === 'notBytes')
  })
})

describe('an answer above the frame limit', () => {
  it('is HANDLER_FAILED and a log line, and the connection stays', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_MAX_FRAME_BYTES: '65536' })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.request(4, 1, ''), frames.request(1, 2, encodeBody(2)))
    const [failed, answer] = await client.frames(2)
    expect(failed === undefined ? '' : frames.errorOf(failed).name).toBe('HANDLER_FAILED')
    expect(answer).toMatchObject({ kind: KIND_RESPONSE, id: 2 })
    await daemon.waitFor(({ event, route }) => event === 'handler-failed' && route === 'large')
    client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})

describe('a connection whose handlers burn the loop', () => {
  it('lets others be served between its frames', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_WORKERS: '1' })
    await using greedy = await RawClient.connect(daemon.port)
    await using modest = await RawClient.connect(daemon.port)
    const count = 100
    const burning = Array.from({ length: count }, (_, index) => frames.request(6, index + 1, encodeBody(3)))
    const { pid } = daemon.workers[0] ?? { pid: 0 }
    for (const client of [greedy, modest]) await frames.settle(client)
    // Both have sent when the worker looks: the greedy one's frames come first, all in one read.
    process.kill(pid, 'SIGSTOP')
    await greedy.sendFrames(...burning)
    await modest.sendFrames(frames.request(9, 1, ''))
    process.kill(pid, 'SIGCONT')
    expect(frames.value(await modest.nextFrame())).toBeLessThan(count / 4)
    await greedy.frames(count)
    const ids = greedy.received.slice(1).map(({ id }) => id)
    expect(ids).toEqual(Array.from({ length: count }, (_, index) => index + 1))
    greedy.destroy()
    modest.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})

describe('a service that cannot be loaded', () => {
  it('one that is defined wrong stops the start, and says where', async () => {
    const file = fileURLToPath(new URL('../fixtures/twice.ts', import.meta.url))
    const start = startDaemon({ SHARDWIRE_SERVICE: file })
    await expect(start).rejects.toThrow(/routes first \(.*twice\.ts:4:\d+\) and second \(.*twice\.ts:5:\d+\) both have/)
    await expect(start).rejects.toThrow(/route second has a handler that is of type string.*twice\.ts:5:\d+/)
  })

  it.each([
    ['is missing', undefined, /cannot be loaded/],
    ['has no default export', 'export const x = 1', /must have a default export/],
    ['exports something else', 'export default 7', /must have a default export/],
    ['throws', '\nthrow new Error("boom")', /boom \(file:.*service\.mjs:2:7\)/],
    ['imports what is not there', 'import "./nope.mjs"', /nope\.mjs/],
    ['has a mistake', 'export default {', /SyntaxError: Unexpected end of input\n.*`node --check FILE` shows the line/],
  ])('one that %s stops the start with exit 1 and says why', async (_, source, expected) => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-service-'))
    const file = join(folder, 'service.mjs')
    if (source !== undefined) await writeFile(file, source)
    await expect(startDaemon({ SHARDWIRE_SERVICE: file })).rejects.toThrow(expected)
    await rm(folder, { recursive: true })
  })

  it('one in TypeScript that has a mistake is told its line, and no more', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-service-'))
    await writeFile(join(folder, 'service.mts'), 'const one: number = 1\nconst two = = 2\n')
    const error: unknown = await startDaemon({ SHARDWIRE_SERVICE: join(folder, 'service.mts') }).catch(String)
    expect(error).toMatch(/service\.mts:2\n/)
    expect(error).not.toContain('node --check')
    await rm(folder, { recursive: true })
  })

  it.each([`import 'node:fs'`, 'export default 1'])(
    'one in a package of scripts is told what to do: %s',
    async (source) => {
      const folder = await mkdtemp(join(tmpdir(), 'shardwire-service-'))
      await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }')
      await writeFile(join(folder, 'service.ts'), source)
      const start = startDaemon({ SHARDWIRE_SERVICE: join(folder, 'service.ts') })
      await expect(start).rejects.toThrow(/package\.json says that it is a script: put "type": "module" there/)
      await rm(folder, { recursive: true })
    },
  )
})
