import { encodeFrame, KIND_ERROR } from '@shardwire/protocol'
import { type Daemon, eventually, FaultProxy, hasProc, RawClient, startDaemon, testSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { socketsOf } from './burst.ts'
import * as frames from './frames.ts'

const ONE_WORKER = { SHARDWIRE_WORKERS: '1' }

async function closesAtStop(daemon: Daemon): Promise<unknown> {
  expect(await daemon.stop()).toBe(0)
  return daemon.records.find(({ event }) => event === 'stopped')?.['closes']
}

function proxyOf(daemon: Daemon): Promise<FaultProxy> {
  return FaultProxy.listen({ port: daemon.port, random: testSeed('faults') })
}

describe('a network that is bad but honest', () => {
  it('torn, throttled and jittering: every request has its own answer, in order', async () => {
    await using daemon = await startDaemon(ONE_WORKER)
    await using proxy = await proxyOf(daemon)
    proxy.faults = {
      toServer: { pieceBytesMax: 200, jitterMs: 4 },
      toClient: { pieceBytesMax: 500, bytesPerSecond: 400_000, delayMs: 2 },
    }
    const clients = await Promise.all([1, 2, 3, 4].map(() => RawClient.connect(proxy.port)))
    await Promise.all(
      clients.map(async (client, index) => {
        const bodies = Array.from({ length: 10 }, (_, turn) => new Uint8Array(turn * 500).fill(index + 1))
        await client.sendFrames(...bodies.map((body, turn) => frames.request(1, turn + 1, body)))
        for (const [turn, body] of bodies.entries()) {
          const answer = await client.nextFrame()
          expect([answer.id, Buffer.compare(answer.body, body)]).toEqual([turn + 1, 0])
        }
        client.halfClose()
        await client.closed()
      }),
    )
    expect(await closesAtStop(daemon)).toEqual({ PEER_ENDED: 4 })
  })
})

describe('a network that lies', () => {
  it('one bit of a body wrong on its way in: answers before it, ERROR BAD_CRC, FIN', async () => {
    await using daemon = await startDaemon(ONE_WORKER)
    await using proxy = await proxyOf(daemon)
    await using client = await RawClient.connect(proxy.port)
    const line = await proxy.nextConnection()
    await client.sendFrames(frames.request(1, 1, 'good'))
    expect(await client.nextFrame()).toMatchObject({ id: 1 })
    const bad = encodeFrame(frames.request(1, 2, 'x'.repeat(100)))
    await client.write(bad.subarray(0, 50))
    await eventually(
      () => line.toServer.forwardedBytes >= 64,
      () => 'the first half was not forwarded',
    )
    line.toServer.corruptNext()
    await client.write(bad.subarray(50))
    const error = await client.nextFrame()
    expect([error.kind, error.id, frames.errorOf(error).name]).toEqual([KIND_ERROR, 0, 'BAD_CRC'])
    expect((await client.closed()).how).toBe('end')
    expect(await closesAtStop(daemon)).toEqual({ BAD_CRC: 1 })
  })
})

describe.skipIf(!hasProc)('a connection that breaks', () => {
  it('by a reset while a handler runs: it is gone at once, and the drain waits for nobody', async () => {
    await using daemon = await startDaemon(ONE_WORKER)
    await using proxy = await proxyOf(daemon)
    await using client = await RawClient.connect(proxy.port)
    const line = await proxy.nextConnection()
    await client.sendFrames(frames.sleep(1, 3_600_000))
    await frames.settle(client)
    const pid = daemon.workers[0]?.pid ?? 0
    const before = socketsOf(pid)
    line.reset()
    expect((await client.gone).how).toBe('reset')
    await eventually(
      () => socketsOf(pid) === before - 1,
      () => `still ${socketsOf(pid)} sockets, had ${before}`,
    )
    expect(await closesAtStop(daemon)).toEqual({ PEER_RESET: 1 })
  })

  it('by a reset in the middle of an answer that the peer takes slowly', async () => {
    await using daemon = await startDaemon(ONE_WORKER)
    await using proxy = await proxyOf(daemon)
    await using client = await RawClient.connect(proxy.port)
    const line = await proxy.nextConnection()
    line.toClient.cutAt(3_000_000, 'reset')
    client.socket.write(Buffer.concat(Array.from({ length: 8 }, (_, id) => request(id + 1, 1_000_000))))
    expect((await client.gone).how).toBe('reset')
    const pid = daemon.workers[0]?.pid ?? 0
    await using neighbour = await RawClient.connect(daemon.port)
    await frames.settle(neighbour)
    const before = socketsOf(pid)
    neighbour.halfClose()
    await neighbour.closed()
    await eventually(
      () => socketsOf(pid) < before,
      () => `still ${socketsOf(pid)} sockets`,
    )
    expect(await closesAtStop(daemon)).toEqual({ PEER_RESET: 1, PEER_ENDED: 1 })
  })

  it('by a network that stops in the middle of a frame: TIMEOUT', async () => {
    await using daemon = await startDaemon({ ...ONE_WORKER, SHARDWIRE_FRAME_TIMEOUT_MS: '60' })
    await using proxy = await proxyOf(daemon)
    await using client = await RawClient.connect(proxy.port)
    const line = await proxy.nextConnection()
    // With its answer it is the worker's; from now on its socket is counted.
    await frames.settle(client)
    const pid = daemon.workers[0]?.pid ?? 0
    const before = socketsOf(pid)
    line.toServer.cutAt(line.toServer.forwardedBytes + 9, 'hole')
    await client.sendFrames(frames.request(1, 1, 'never whole'))
    await eventually(
      () => line.isHole,
      () => 'the hole did not open',
    )
    await eventually(
      () => socketsOf(pid) < before,
      () => `still ${socketsOf(pid)} sockets`,
    )
    line.toClient.clear()
    expect(frames.errorOf(await client.nextFrame()).name).toBe('TIMEOUT')
    expect(await closesAtStop(daemon)).toEqual({ FRAME_TIMEOUT: 1 })
  })
})

function request(id: number, bodyBytes: number): Uint8Array {
  return encodeFrame(frames.request(1, id, new Uint8Array(bodyBytes)))
}
