/** Owns the tests of a worker that has more to do than it can, as its clients and its operator see it. */
import {
  encodeBody,
  KIND_CONTROL,
  KIND_ERROR,
  KIND_MESSAGE,
  OVERLOADED,
  type ShardwireError,
} from '@shardwire/protocol'
import { type Daemon, eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVICE = new URL('../fixtures/limits.ts', import.meta.url).pathname
const ROUTE_BURN = 2
const ENVIRONMENT = { SHARDWIRE_WORKERS: '1', SHARDWIRE_SERVICE: SERVICE, SHARDWIRE_OVERLOAD_DELAY_MS: '30' }

/** Keeps a handler of 60 ms running until one of its requests is refused. */
async function untilRefused(client: RawClient): Promise<void> {
  for (let id = 1; ; id++) {
    await client.sendFrames(frames.request(ROUTE_BURN, id, encodeBody(60)))
    const answer = await client.nextFrame()
    if (answer.kind !== KIND_ERROR) continue
    expect(frames.errorOf(answer)).toMatchObject({ name: 'OVERLOADED', retryAfterMs: expect.any(Number) })
    return
  }
}

/** Keeps a handler of 60 ms running until `isOver` says so, whatever it is answered. */
async function keepBusy(client: RawClient, isOver: () => boolean): Promise<void> {
  for (let id = 1; !isOver(); id++) {
    await client.sendFrames(frames.request(ROUTE_BURN, id, encodeBody(60)))
    await client.nextFrame()
  }
}

/** Those that make a worker busy: they are let in before anyone is. */
async function connectAll(port: number): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(port)))
  await Promise.all(clients.map(frames.settle))
  return clients
}

/** Connects until somebody is refused. @returns what that one was told */
async function refusal(port: number): Promise<ShardwireError> {
  return await eventually(
    async () => {
      await using client = await RawClient.connect(port)
      await client.sendFrames(frames.message(1, 'x'))
      const frame = await client.nextFrame()
      if (frame.kind !== KIND_ERROR || frame.id !== 0 || frame.route !== 0) return undefined
      expect((await client.closed()).how).toBe('end')
      return frames.errorOf(frame)
    },
    () => 'nobody is refused',
  )
}

async function overloadLevels(daemon: Daemon): Promise<unknown[]> {
  expect(await daemon.stop()).toBe(0)
  return daemon.records.filter(({ event }) => event === 'overload').map(({ overload }) => overload)
}

describe.each(['handoff', 'reuseport'])('the door of workers that are overloaded, by %s', (accept) => {
  it('refuses new connections with a time to come back, and is open again when they have recovered', async () => {
    await using daemon = await startDaemon({ ...ENVIRONMENT, SHARDWIRE_ACCEPT: accept })
    await using guest = await RawClient.connect(daemon.port)
    let isOver = false
    const clients = await connectAll(daemon.port)
    const busy = clients.map((client) => keepBusy(client, () => isOver))
    const error = await refusal(daemon.port)
    expect(error).toMatchObject({ code: OVERLOADED, retryable: true })
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(1000)
    expect(error.retryAfterMs).toBeLessThanOrEqual(5000)
    // Who is in stays.
    await frames.settle(guest)
    isOver = true
    await Promise.all(busy)
    await daemon.waitFor(({ event, overload }) => event === 'overload' && overload === 0)
    const next = await eventually(
      async () => {
        const client = await RawClient.connect(daemon.port)
        await client.sendFrames(frames.message(1, 'x'))
        if ((await client.nextFrame()).kind === KIND_MESSAGE) return client
        client.destroy()
        return undefined
      },
      () => 'nobody is let in again',
    )
    for (const client of [...clients, next, guest]) client.destroy()
    expect(await daemon.stop()).toBe(0)
    const { refusals } = await daemon.waitFor(({ event }) => event === 'stopped')
    expect(Object.keys(refusals as object)).toEqual(['OVERLOADED'])
  })
})

describe('a worker whose loop is late in every turn', () => {
  it('says so, refuses requests with a time to come back, serves those in flight, and recovers by itself', async () => {
    await using daemon = await startDaemon(ENVIRONMENT)
    await using bystander = await RawClient.connect(daemon.port)
    const clients = await connectAll(daemon.port)
    const busy = clients.map(untilRefused)
    const record = await daemon.waitFor(({ event, overload }) => event === 'overload' && overload === 2)
    expect(record).toMatchObject({ level: 'warn', delayMs: expect.any(Number), bufferPercent: 0 })
    // PING is answered by a worker that refuses requests: it is alive.
    await frames.settle(bystander)
    await Promise.all(busy)
    await daemon.waitFor(({ event, overload }) => event === 'overload' && overload === 0)
    await eventually(
      async () => {
        await bystander.sendFrames(frames.request(1, 1, 'as before'))
        return frames.text(await bystander.nextFrame()) === 'as before'
      },
      () => 'it does not recover',
    )
    for (const client of clients) client.destroy()
    expect((await overloadLevels(daemon)).at(-1)).toBe(0)
  })

  it('is not overloaded by handlers that hold it for a second now and then', async () => {
    const heartbeat = { SHARDWIRE_HEARTBEAT_MS: '40', SHARDWIRE_HEARTBEAT_MISSES: '100' }
    // Far below what the handlers take, and far above how late a crowded machine makes one turn after the other.
    await using daemon = await startDaemon({ ...ENVIRONMENT, ...heartbeat, SHARDWIRE_OVERLOAD_DELAY_MS: '300' })
    await using client = await RawClient.connect(daemon.port)
    for (let round = 0; round < 3; round++) {
      await client.sendFrames(frames.request(ROUTE_BURN, 1, encodeBody(1000)))
      while ((await client.nextFrame()).kind === KIND_CONTROL);
      // The loop turns in between: five intervals without an answer.
      for (let beat = 0; beat < 5; beat++) expect(await client.nextFrame()).toMatchObject({ kind: KIND_CONTROL })
    }
    expect(await overloadLevels(daemon)).toEqual([])
  })
})
