import { encodeFrame } from '@shardwire/protocol'
import { type Daemon, eventually, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { TICKET_MS } from '../../src/primary/handoff-lane.ts'
import { socketsOf } from './burst.ts'
import * as frames from './frames.ts'

/**
 * Says HELLO on one connection after the other, keeping them open, so that the order of accepts is known. `prompt` is
 * how many of the first were answered before a worker that stood still would have been passed over.
 */
async function connectInOrder(
  daemon: Daemon,
  count: number,
): Promise<{ clients: RawClient[]; shards: number[]; prompt: number }> {
  const clients: RawClient[] = []
  const shards: number[] = []
  let prompt = count
  for (let index = 0; index < count; index++) {
    const beganMs = performance.now()
    const client = await RawClient.connect(daemon.port)
    clients.push(client)
    shards.push((await frames.greetServer(client)).shard)
    if (performance.now() - beganMs >= TICKET_MS) prompt = Math.min(prompt, index)
  }
  return { clients, shards, prompt }
}

describe('placement', () => {
  it('is strictly round-robin over 1000 connections', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '4', SHARDWIRE_ACCEPT: 'handoff' })
    const { clients, shards, prompt } = await connectInOrder(daemon, 1000)
    expect(shards.slice(0, prompt)).toEqual(Array.from({ length: prompt }, (_, index) => index % 4))
    const ids = new Set<string>()
    for (const client of clients) {
      await client.sendFrames(frames.message(1, 'here'))
      ids.add(frames.text(await client.nextFrame()))
      client.destroy()
    }
    expect(ids).toEqual(new Set(['here']))
    expect(await daemon.stop()).toBe(0)
  })

  it('leaves no descriptor of a handed-over socket in the primary', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '2' })
    const before = socketsOf(daemon.pid)
    const { clients } = await connectInOrder(daemon, 50)
    // An answered HELLO was acknowledged before it was read: the primary has only to read that.
    await eventually(
      () => socketsOf(daemon.pid) <= before,
      () => `the primary has ${socketsOf(daemon.pid)} sockets, had ${before}`,
    )
    for (const client of clients) client.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it('serves what came while the last worker of a slot was killed: the slot is started again', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '2', SHARDWIRE_ACCEPT: 'handoff' })
    const [victim] = daemon.workers
    const { clients, shards } = await connectInOrder(daemon, 2)
    expect(shards).toEqual([0, 1])
    process.kill(victim?.pid ?? 0, 'SIGKILL')
    expect(await clients[0]?.closed()).toBeDefined()
    await clients[1]?.sendFrames(frames.message(1, 'untouched'))
    expect(await clients[1]?.nextFrame()).toMatchObject({ route: 1 })
    const record = await daemon.waitFor(({ event }) => event === 'worker-exited')
    expect(record).toMatchObject({ slot: 0, worker: victim?.pid, signal: 'SIGKILL', lostAtMost: 1 })
    const seen = new Set<number>()
    while (seen.size < 2) {
      const client = await RawClient.connect(daemon.port)
      seen.add((await frames.greetServer(client)).shard)
      client.destroy()
    }
    // The connection of the other slot was served through all of it, by the worker that it began with.
    await clients[1]?.sendFrames(frames.message(1, 'still the same'))
    expect(await clients[1]?.nextFrame()).toMatchObject({ route: 1 })
    expect(daemon.records.filter(({ event }) => event === 'worker-exited')).toHaveLength(1)
    clients[1]?.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it('loses no socket that is on its way to a worker that stands still and is then killed', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '2' })
    const frozen = daemon.workers[0]?.pid ?? 0
    process.kill(frozen, 'SIGSTOP')
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(daemon.port)))
    const frame = encodeFrame(frames.message(1, 'do not lose me'))
    await Promise.all(clients.map((client) => client.write(frame)))
    process.kill(frozen, 'SIGKILL')
    const answers = await Promise.all(clients.map((client) => client.nextFrame()))
    expect(answers.map(frames.text)).toEqual(clients.map(() => 'do not lose me'))
    for (const client of clients) client.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it('gives sockets that a worker does not take in time to another, and no byte to both', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '2' })
    const frozen = daemon.workers[0]?.pid ?? 0
    process.kill(frozen, 'SIGSTOP')
    const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(daemon.port)))
    await Promise.all(
      clients.map((client, index) => client.sendFrames(frames.request(1, index + 1, `client ${index}`))),
    )
    const answers = await Promise.all(clients.map((client) => client.nextFrame()))
    expect(answers.map(frames.text)).toEqual(clients.map((_, index) => `client ${index}`))
    process.kill(frozen, 'SIGCONT')
    for (const [index, client] of clients.entries()) {
      await client.sendFrames(frames.request(1, 100 + index, 'still mine'))
      expect(await client.nextFrame()).toMatchObject({ id: 100 + index })
      expect(client.received).toHaveLength(2)
      client.destroy()
    }
    expect(await daemon.stop()).toBe(0)
  })
})
