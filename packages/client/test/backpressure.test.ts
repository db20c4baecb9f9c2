/** Rules towards a server that does not read. */
import { FRAME_OVERHEAD_BYTES, KIND_CONTROL, OPCODE_PING } from '@shardwire/protocol'
import { nextTurn, withinLimit } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { bytesOf, openBench, rejectionOf } from './support.ts'
import type { Bench } from './support.ts'

const CHUNK = new Uint8Array(60_000)
const LIMITS = { maxFrameBytes: 65_536, highWaterBytes: 200_000, maxBufferedBytes: 1_000_000 }

/** Sends until it is told to wait; the kernel's buffers take a few megabytes first. */
async function fillUp({ connection, server }: Bench): Promise<number> {
  server.pause()
  let sent = 0
  for (;;) {
    sent++
    if (!connection.send(1, CHUNK)) return sent
    await nextTurn()
  }
}

it('send asks to wait, and drained settles once the server reads again', async () => {
  await using bench = await openBench(LIMITS)
  const sent = await fillUp(bench)
  const { connection, server } = bench
  expect(connection.stats.bytesUnsent).toBeGreaterThanOrEqual(LIMITS.highWaterBytes)
  const drained = connection.drained()
  server.resume()
  await withinLimit(drained, () => 'not drained')
  expect(connection.stats.bytesUnsent).toBeLessThan(LIMITS.highWaterBytes)
  expect(connection.send(2, bytesOf('after'))).toBe(true)
  await server.bytesReceived(sent * (CHUNK.length + FRAME_OVERHEAD_BYTES))
  expect(server.received.filter(({ route }) => route === 1)).toHaveLength(sent)
})

it('what waits is bounded: send throws, and a request rejects without being sent', async () => {
  await using bench = await openBench(LIMITS)
  await fillUp(bench)
  const { connection } = bench
  const sendTooMuch = (): void => {
    for (let count = 0; count < 20; count++) connection.send(1, CHUNK)
  }
  expect(sendTooMuch).toThrow(expect.objectContaining({ code: 'BACKLOG_FULL' }) as Error)
  expect(connection.stats.bytesUnsent).toBeLessThanOrEqual(LIMITS.maxBufferedBytes)
  await expect(connection.request(1, CHUNK)).rejects.toMatchObject({ code: 'BACKLOG_FULL' })
  expect(connection.stats.requestsInFlight).toBe(0)
})

it('a lost connection says how many bytes were not sent, and rejects those who wait', async () => {
  await using bench = await openBench(LIMITS)
  await fillUp(bench)
  const { connection, server } = bench
  const waiting = rejectionOf(connection.drained())
  const { bytesUnsent } = connection.stats
  server.reset()
  expect(await waiting).toMatchObject({ code: 'CONNECTION_LOST' })
  expect(await connection.closed).toMatchObject({ end: 'lost', bytesUnsent })
  expect(bytesUnsent).toBeGreaterThan(0)
})

it('close gives up on a server that does not take the rest', async () => {
  await using bench = await openBench({ ...LIMITS, closeTimeoutMs: 900 })
  await fillUp(bench)
  const closing = bench.connection.close()
  bench.clock.advance(900)
  await closing
  const { end, bytesUnsent, error } = await bench.connection.closed
  expect(end).toBe('lost')
  expect(bytesUnsent).toBeGreaterThan(0)
  expect(error?.message).toContain('not all was taken within 900 ms of closing')
})

it('a server that asks but does not read the answers is left', async () => {
  await using bench = await openBench({ ...LIMITS, maxBufferedBytes: 300_000 })
  await fillUp(bench)
  const ping = { kind: KIND_CONTROL, route: OPCODE_PING, body: new Uint8Array(125) }
  const flood = bench.server.sendFrames(...Array.from({ length: 5000 }, () => ping))
  const { error } = await bench.connection.closed
  expect(error?.message).toContain('the server asks, but does not read the answers')
  await Promise.allSettled([flood])
})
