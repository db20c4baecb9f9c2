/** Owns the end-to-end tests of SHARDWIRE_MAX_CONNECTION_AGE_MS. */
import { type Frame, KIND_CONTROL, OPCODE_GOAWAY, parseGoaway } from '@shardwire/protocol'
import { type Daemon, RawClient, type ReceivedFrame, startDaemon } from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const FAULTY = fileURLToPath(new URL('../fixtures/faulty.ts', import.meta.url))
const [ROUTE_ECHO, ROUTE_HOLDS, ROUTE_RELEASE] = [1, 5, 6]

function goawayOf({ kind, route, body }: ReceivedFrame): unknown {
  return kind === KIND_CONTROL && route === OPCODE_GOAWAY ? parseGoaway(body, 0, body.length) : undefined
}

/** Connects and asks, all of which is there when the daemon first sees it: its age begins then. */
async function asking(daemon: Daemon, ...asked: readonly Frame[]): Promise<RawClient> {
  daemon.signal('SIGSTOP', { group: true })
  const client = await RawClient.connect(daemon.port)
  await client.sendFrames(...asked)
  daemon.signal('SIGCONT', { group: true })
  return client
}

describe('a connection of the greatest age', () => {
  it('is told to connect anew at once, gets the answers it waits for, and is ended', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_SERVICE: FAULTY, SHARDWIRE_MAX_CONNECTION_AGE_MS: '300' })
    const startedMs = performance.now()
    await using client = await asking(daemon, frames.request(ROUTE_HOLDS, 1, ''))
    const goaway = goawayOf(await client.nextFrame())
    const ageMs = performance.now() - startedMs
    expect(goaway).toMatchObject({ reason: 'max-age', retry: 'now', retryAfterMs: 0 })
    expect(ageMs).toBeGreaterThan(260)
    await client.sendFrames(frames.request(ROUTE_ECHO, 2, 'late'), frames.message(ROUTE_RELEASE, ''))
    const answers = [await client.nextFrame(), await client.nextFrame()]
    expect(answers.map(({ id }) => id)).toEqual([2, 1])
    expect(frames.errorOf(answers[0] as ReceivedFrame).name).toBe('DRAINING')
    expect((await client.closed()).how).toBe('end')
    await using next = await RawClient.connect(daemon.port)
    await next.sendFrames(frames.message(ROUTE_ECHO, 'x'))
    expect(frames.text(await next.nextFrame())).toBe('x')
    next.destroy()
    expect(await daemon.stop()).toBe(0)
    const { closes } = await daemon.waitFor(({ event }) => event === 'stopped')
    expect(closes).toMatchObject({ MAX_AGE: 1 })
  })

  it('is cut off when what it waits for outlasts the time it was given', async () => {
    const settings = { SHARDWIRE_MAX_CONNECTION_AGE_MS: '100', SHARDWIRE_DRAIN_TIMEOUT_MS: '300' }
    await using daemon = await startDaemon(settings)
    await using client = await asking(daemon, frames.sleep(1, 60_000))
    expect(goawayOf(await client.nextFrame())).toMatchObject({ deadlineMs: 300 })
    expect((await client.closed()).how).toBe('reset')
    expect(await daemon.stop()).toBe(0)
    const { closes } = await daemon.waitFor(({ event }) => event === 'stopped')
    expect(closes).toEqual({ MAX_AGE: 1 })
  })

  it('those that came at once do not leave at once', async () => {
    const settings = { SHARDWIRE_MAX_CONNECTION_AGE_MS: '3000', SHARDWIRE_WORKERS: '1', SHARDWIRE_LOG_LEVEL: 'debug' }
    await using daemon = await startDaemon(settings)
    const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect(daemon.port)))
    await Promise.all(clients.map((client) => client.closed()))
    expect(await daemon.stop()).toBe(0)
    // As the server counts, whenever we hear of it. They leave over six tenths of a second, and a little more.
    const ages = daemon.records.filter(({ reason }) => reason === 'MAX_AGE').map(({ ageMs }) => Number(ageMs))
    expect(ages).toHaveLength(clients.length)
    expect(Math.max(...ages) - Math.min(...ages)).toBeGreaterThan(200)
  })
})
