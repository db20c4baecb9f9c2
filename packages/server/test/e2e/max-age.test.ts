/** Owns the end-to-end tests of SHARDWIRE_MAX_CONNECTION_AGE_MS. */
import { KIND_CONTROL, OPCODE_GOAWAY, parseGoaway } from '@shardwire/protocol'
import { RawClient, type ReceivedFrame, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

function goawayOf({ kind, route, body }: ReceivedFrame): unknown {
  return kind === KIND_CONTROL && route === OPCODE_GOAWAY ? parseGoaway(body, 0, body.length) : undefined
}

describe('a connection of the greatest age', () => {
  it('is told to connect anew at once, gets the answers it waits for, and is ended', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_MAX_CONNECTION_AGE_MS: '300' })
    const startedMs = performance.now()
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 600))
    const goaway = goawayOf(await client.nextFrame())
    const ageMs = performance.now() - startedMs
    expect(goaway).toMatchObject({ reason: 'max-age', retry: 'now', retryAfterMs: 0 })
    expect(ageMs).toBeGreaterThan(260)
    await client.sendFrames(frames.request(frames.ROUTE_ECHO, 2, 'late'))
    const answers = [await client.nextFrame(), await client.nextFrame()]
    expect(answers.map(({ id }) => id)).toEqual([2, 1])
    expect(frames.errorOf(answers[0] as ReceivedFrame).name).toBe('DRAINING')
    expect((await client.closed()).how).toBe('end')
    await using next = await RawClient.connect(daemon.port)
    await next.sendFrames(frames.message(frames.ROUTE_ECHO, 'x'))
    expect(frames.text(await next.nextFrame())).toBe('x')
    next.destroy()
    expect(await daemon.stop()).toBe(0)
    const { closes } = await daemon.waitFor(({ event }) => event === 'stopped')
    expect(closes).toMatchObject({ MAX_AGE: 1 })
  })

  it('is cut off when what it waits for outlasts the time it was given', async () => {
    const settings = { SHARDWIRE_MAX_CONNECTION_AGE_MS: '100', SHARDWIRE_DRAIN_TIMEOUT_MS: '300' }
    await using daemon = await startDaemon(settings)
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 20_000))
    expect(goawayOf(await client.nextFrame())).toMatchObject({ deadlineMs: 300 })
    expect((await client.closed()).how).toBe('reset')
    expect(await daemon.stop()).toBe(0)
    const { closes } = await daemon.waitFor(({ event }) => event === 'stopped')
    expect(closes).toEqual({ MAX_AGE: 1 })
  })

  it('those that came at once do not leave at once', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_MAX_CONNECTION_AGE_MS: '1000', SHARDWIRE_WORKERS: '1' })
    const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect(daemon.port)))
    const times = await Promise.all(
      clients.map(async (client) => {
        await client.nextFrame()
        return performance.now()
      }),
    )
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(80)
    for (const client of clients) client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})
