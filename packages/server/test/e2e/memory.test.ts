import { encodeFrame } from '@shardwire/protocol'
import { type Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const SERVICE = fileURLToPath(new URL('../fixtures/service.ts', import.meta.url))
const ROUTE_NEVER = 3
const ROUTE_USED_BYTES = 7
const ROUTE_FIXTURE_ECHO = 8
/** What is still used may differ by this much after 10 000 connections: 50 bytes for each. */
const GROWTH_BYTES_MAX = 500_000
/**
 * Of which 60 MB are Node's program. What V8's young generation and the allocator keep levels off after some 20 000
 * connections, at 155 to 170 MB.
 */
const RESIDENT_BYTES_MAX = 192 * 1024 * 1024

/** One life of a connection: whole frames, a cut one, sometimes a request that is abandoned. */
async function visit(daemon: Daemon, index: number): Promise<void> {
  const client = await RawClient.connect(daemon.port)
  await client.sendFrames(frames.message(ROUTE_FIXTURE_ECHO, new Uint8Array(100)))
  await client.nextFrame()
  const cut = encodeFrame(frames.message(ROUTE_FIXTURE_ECHO, new Uint8Array(5000))).subarray(0, 2000)
  if (index % 5 === 0) await client.sendFrames(frames.request(ROUTE_NEVER, 1, ''))
  if (index % 3 === 0) await client.write(cut)
  if (index % 2 === 0) client.reset()
  else client.destroy()
  await client.gone
}

async function usedBytes(client: RawClient): Promise<number> {
  await client.sendFrames(frames.request(ROUTE_USED_BYTES, 1, ''))
  return Number(frames.value(await client.nextFrame()))
}

describe('memory of a worker', () => {
  it('stays flat while 10 000 connections come and go', { timeout: 120_000 }, async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_SERVICE: SERVICE })
    await using observer = await RawClient.connect(daemon.port)
    await frames.inParallel(2000, 20, (index) => visit(daemon, index))
    const before = await usedBytes(observer)
    await frames.inParallel(10_000, 20, (index) => visit(daemon, index))
    expect((await usedBytes(observer)) - before).toBeLessThan(GROWTH_BYTES_MAX)
    expect(frames.residentBytes(daemon.workers[0]?.pid ?? 0)).toBeLessThan(RESIDENT_BYTES_MAX)
    observer.destroy()
    await daemon.stop()
    const stopped = daemon.records.find(({ event }) => event === 'stopped')
    expect(stopped).toMatchObject({ connectionsTotal: 12_001, forced: 0 })
  })
})
