import { encodeFrame, KIND_CONTROL, OPCODE_GOAWAY } from '@shardwire/protocol'
import { nextTurn, RawClient, type ReceivedFrame, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

function isGoaway({ kind, route }: ReceivedFrame): boolean {
  return kind === KIND_CONTROL && route === OPCODE_GOAWAY
}

/** Reads until the server says GOAWAY. */
async function untilGoaway(client: RawClient): Promise<void> {
  while (!isGoaway(await client.nextFrame()));
}

/** Writes `batch` again and again without reading, until the connection is gone. */
async function flood(client: RawClient, batch: Uint8Array): Promise<void> {
  client.pause()
  const gone = client.gone.then(() => 'gone' as const)
  for (let state: unknown; state !== 'gone';) {
    if (client.socket.destroyed) return
    const drained = Promise.withResolvers<void>()
    if (client.socket.write(batch)) drained.resolve()
    else client.socket.once('drain', drained.resolve)
    state = await Promise.race([gone, drained.promise])
  }
}

describe('a peer that sends the smallest frames and does not read', () => {
  it('is closed when it has spent the buffers of its worker, while another client is never disturbed', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_MAX_FRAME_BYTES: '65536',
      SHARDWIRE_WRITE_BUFFER_BYTES: '262144',
      SHARDWIRE_MAX_BUFFER_BYTES: '262144',
      SHARDWIRE_SLOW_CONSUMER_MS: '500',
    })
    await using innocent = await RawClient.connect(daemon.port)
    await using slow = await RawClient.connect(daemon.port)
    const frame = encodeFrame(frames.message(1, 'x'))
    expect(frame).toHaveLength(11)
    const flooding = flood(slow, Buffer.concat(Array.from({ length: 6000 }, () => frame)))
    let isOver = false
    const over = flooding.then(() => (isOver = true))
    for (let round = 1; !isOver; round++) {
      // A body that is cut by the reads needs a ring: there must be one for it at any time.
      const body = new Uint8Array(60_000).fill(round)
      await innocent.sendFrames(frames.request(1, round, body))
      const answer = await innocent.nextFrame()
      expect([answer.id, Buffer.compare(answer.body, body)]).toEqual([round, 0])
    }
    await over
    expect((await slow.gone).how).toBe('reset')
    innocent.destroy()
    expect(await daemon.stop()).toBe(0)
    const closes = daemon.records.find(({ event }) => event === 'stopped')?.['closes']
    expect([
      { PEER_ENDED: 1, BUFFER_LIMIT: 1 },
      { PEER_ENDED: 1, SLOW_CONSUMER: 1 },
    ]).toContainEqual(closes)
  })
})

describe('a drain and a peer that does not read', () => {
  it('held for write: every request sent before the signal gets its one answer once the peer reads again', async () => {
    const limits = { SHARDWIRE_MAX_FRAME_BYTES: '65536', SHARDWIRE_SLOW_CONSUMER_MS: '60000' }
    await using daemon = await startDaemon({ ...limits, SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await using neighbour = await RawClient.connect(daemon.port)
    client.pause()
    const body = new Uint8Array(30_000)
    const frameBytes = encodeFrame(frames.request(1, 1, body)).length
    let sent = 0
    // Until the server has taken nothing more for as long as it answers a neighbour ten times.
    for (let idle = 0; idle < 10; idle++) {
      while (client.socket.writableLength === 0) {
        client.socket.write(encodeFrame(frames.request(1, ++sent, body)))
        await nextTurn()
        idle = 0
      }
      await frames.settle(neighbour)
    }
    const inKernel = Math.floor((client.socket.bytesWritten - client.socket.writableLength) / frameBytes)
    expect(inKernel).toBeGreaterThan(50)
    daemon.signal('SIGTERM')
    await untilGoaway(neighbour)
    client.resume()
    const { how } = await client.closed()
    const answers = client.received.filter((frame) => !isGoaway(frame)).map(({ id }) => id)
    expect(answers.slice(0, inKernel)).toEqual(Array.from({ length: inKernel }, (_, index) => index + 1))
    expect([new Set(answers).size, how]).toEqual([answers.length, 'end'])
    expect(await daemon.exited).toEqual({ code: 0, signal: null })
    expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({ forced: 0 })
  })

  it('around the signal, and reads when the daemon has gone: every answer is still there, and then FIN', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1' })
    await using client = await RawClient.connect(daemon.port)
    await using neighbour = await RawClient.connect(daemon.port)
    client.pause()
    // More than a peer that does not read takes in, less than the two kernels hold.
    const count = 400
    const body = new Uint8Array(1000)
    await client.sendFrames(...Array.from({ length: count }, (_, index) => frames.request(1, index + 1, body)))
    await frames.settle(neighbour)
    neighbour.destroy()
    daemon.signal('SIGTERM')
    expect(await daemon.exited).toEqual({ code: 0, signal: null })
    client.resume()
    expect((await client.closed()).how).toBe('end')
    const answers = client.received.filter((frame) => !isGoaway(frame)).map(({ id }) => id)
    expect(answers).toEqual(Array.from({ length: count }, (_, index) => index + 1))
    expect(client.received.filter(isGoaway)).toHaveLength(1)
  })
})
