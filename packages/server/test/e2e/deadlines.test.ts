import { encodeFrame, KIND_CONTROL, KIND_MESSAGE, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import { type Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

/** The close reasons that the daemon counted, from the record of its stop. */
async function closesAtStop(daemon: Daemon): Promise<unknown> {
  expect(await daemon.stop()).toBe(0)
  return daemon.records.find(({ event }) => event === 'stopped')?.['closes']
}

/** Ends a connection on which PINGs may be on their way: to destroy it with one unread would be a reset. */
async function endWell(client: RawClient): Promise<void> {
  client.halfClose()
  expect((await client.closed()).how).toBe('end')
}

describe('heartbeat', () => {
  const HEARTBEAT = { SHARDWIRE_WORKERS: '1', SHARDWIRE_HEARTBEAT_MS: '40' }
  /** Two seconds of them: as long may this process stand still. */
  const MISSES = 50

  it('a peer that answers is pinged again and again, and stays', async () => {
    await using daemon = await startDaemon({ ...HEARTBEAT, SHARDWIRE_HEARTBEAT_MISSES: String(MISSES) })
    await using client = await RawClient.connect(daemon.port)
    for (let beat = 0; beat < MISSES + 5; beat++) {
      expect(await client.nextFrame()).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PING })
      await client.sendFrames({ kind: KIND_CONTROL, route: OPCODE_PONG })
    }
    await endWell(client)
    expect(await closesAtStop(daemon)).toEqual({ PEER_ENDED: 1 })
  })

  it('a silent peer gets as many PINGs as may be missed, then a reset', async () => {
    await using daemon = await startDaemon({ ...HEARTBEAT, SHARDWIRE_HEARTBEAT_MISSES: '2' })
    await using client = await RawClient.connect(daemon.port)
    expect((await client.gone).how).toBe('reset')
    expect(client.received.map(({ route }) => route)).toEqual([OPCODE_PING, OPCODE_PING])
    expect(await closesAtStop(daemon)).toEqual({ HEARTBEAT_TIMEOUT: 1 })
  })

  it('bytes of a frame that is not finished are life too', async () => {
    await using daemon = await startDaemon({ ...HEARTBEAT, SHARDWIRE_HEARTBEAT_MISSES: String(MISSES) })
    await using client = await RawClient.connect(daemon.port)
    const text = 'drop by drop, '.repeat(MISSES)
    const frame = encodeFrame(frames.message(1, text))
    // More PINGs than may be missed, each followed by one byte and by no PONG.
    for (const byte of frame.subarray(0, MISSES + 5)) {
      expect(await client.nextFrame()).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PING })
      await client.write(Uint8Array.of(byte))
    }
    await client.write(frame.subarray(MISSES + 5))
    let answer = await client.nextFrame()
    while (answer.kind === KIND_CONTROL) answer = await client.nextFrame()
    expect(frames.text(answer)).toBe(text)
    await endWell(client)
    expect(await closesAtStop(daemon)).toEqual({ PEER_ENDED: 1 })
  })
})

describe('frame timeout', () => {
  it('a frame that is begun and not finished: TIMEOUT, FIN', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_FRAME_TIMEOUT_MS: '60' })
    await using client = await RawClient.connect(daemon.port)
    await client.write(encodeFrame(frames.message(1, 'slow loris')).subarray(0, 9))
    expect(frames.errorOf(await client.nextFrame()).name).toBe('TIMEOUT')
    expect((await client.closed()).how).toBe('end')
    expect(await closesAtStop(daemon)).toEqual({ FRAME_TIMEOUT: 1 })
  })

  it('a slow loris, which sends a byte now and then and answers PINGs, is ended all the same', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_FRAME_TIMEOUT_MS: '1500',
      SHARDWIRE_HEARTBEAT_MS: '50',
      SHARDWIRE_HEARTBEAT_MISSES: '100',
    })
    await using client = await RawClient.connect(daemon.port)
    const frame = encodeFrame(frames.message(1, new Uint8Array(1000)))
    let sent = 0
    let last = await client.nextFrame()
    // A byte for every PING: it is never silent, and would be done in a minute.
    for (; last.kind === KIND_CONTROL; last = await client.nextFrame()) {
      await client.write(frame.subarray(sent, ++sent))
    }
    expect([frames.errorOf(last).name, sent > 2, sent < frame.length]).toEqual(['TIMEOUT', true, true])
    expect((await client.closed()).how).toBe('end')
    expect(await closesAtStop(daemon)).toEqual({ FRAME_TIMEOUT: 1 })
  })

  it('is for each frame by itself: whole ones that drip in may take as long as they like together', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_FRAME_TIMEOUT_MS: '2000',
      SHARDWIRE_HEARTBEAT_MS: '100',
      SHARDWIRE_HEARTBEAT_MISSES: '100',
    })
    await using client = await RawClient.connect(daemon.port)
    const frame = encodeFrame(frames.message(1, 'x'))
    const [begin, rest] = [frame.subarray(0, 5), frame.subarray(5)]
    await client.write(begin)
    // With every PING the rest of one and the beginning of the next: each is whole in time, and at any time one is cut.
    for (let echoes = 0; echoes < 25;) {
      const { kind } = await client.nextFrame()
      if (kind === KIND_CONTROL) await client.write(Buffer.concat([rest, begin]))
      else if (kind === KIND_MESSAGE) echoes++
      else throw new Error(`after ${echoes} echoes came kind ${kind}`)
    }
    await client.write(rest)
    await endWell(client)
    expect(await closesAtStop(daemon)).toEqual({ PEER_ENDED: 1 })
  })

  it('does not count while nothing is begun', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_FRAME_TIMEOUT_MS: '30',
      SHARDWIRE_HEARTBEAT_MS: '50',
      SHARDWIRE_HEARTBEAT_MISSES: '100',
    })
    await using client = await RawClient.connect(daemon.port)
    for (let beat = 0; beat < 3; beat++) {
      expect(await client.nextFrame()).toMatchObject({ route: OPCODE_PING })
      await client.sendFrames({ kind: KIND_CONTROL, route: OPCODE_PONG })
    }
    await endWell(client)
    expect(await closesAtStop(daemon)).toEqual({ PEER_ENDED: 1 })
  })
})

describe('idle timeout', () => {
  const IDLE = { SHARDWIRE_WORKERS: '1', SHARDWIRE_HEARTBEAT_MS: '30', SHARDWIRE_HEARTBEAT_MISSES: '100' }

  it('heartbeats are no messages: a peer that only answers PINGs is closed with TIMEOUT', async () => {
    await using daemon = await startDaemon({ ...IDLE, SHARDWIRE_IDLE_TIMEOUT_MS: '120' })
    await using client = await RawClient.connect(daemon.port)
    let frame = await client.nextFrame()
    for (; frame.kind === KIND_CONTROL; frame = await client.nextFrame()) {
      await client.sendFrames({ kind: KIND_CONTROL, route: OPCODE_PONG })
    }
    expect(frames.errorOf(frame).name).toBe('TIMEOUT')
    expect((await client.closed()).how).toBe('end')
    expect(await closesAtStop(daemon)).toEqual({ IDLE_TIMEOUT: 1 })
  })

  it('nor are PINGs of its own: who only asks whether we live is idle', async () => {
    await using daemon = await startDaemon({ ...IDLE, SHARDWIRE_IDLE_TIMEOUT_MS: '1500' })
    await using client = await RawClient.connect(daemon.port)
    let pongs = 0
    let frame = await client.nextFrame()
    // One for each of the server's.
    for (; frame.kind === KIND_CONTROL; frame = await client.nextFrame()) {
      if (frame.route === OPCODE_PONG) pongs++
      else await client.sendFrames({ kind: KIND_CONTROL, route: OPCODE_PING })
    }
    expect([frames.errorOf(frame).name, pongs > 5]).toEqual(['TIMEOUT', true])
    expect(await closesAtStop(daemon)).toEqual({ IDLE_TIMEOUT: 1 })
  })

  it('who waits for an answer is not idle', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_IDLE_TIMEOUT_MS: '300',
      SHARDWIRE_HEARTBEAT_MS: '0',
    })
    // Its request is there when it is first looked at.
    daemon.signal('SIGSTOP', { group: true })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 700))
    daemon.signal('SIGCONT', { group: true })
    expect(await client.nextFrame()).toMatchObject({ id: 1, kind: 2 })
    expect(await daemon.stop()).toBe(0)
  })
})

describe('a peer that does not read', () => {
  const LIMITS = {
    SHARDWIRE_WORKERS: '1',
    SHARDWIRE_MAX_FRAME_BYTES: '65536',
    SHARDWIRE_WRITE_BUFFER_BYTES: '65546',
  }

  /** Sends echoes without reading an answer, until the server stops taking them or the connection is gone. */
  async function flood(client: RawClient, frame: Uint8Array): Promise<void> {
    client.pause()
    const gone = client.gone.then(() => 'gone' as const)
    for (let round = 0; round < 2000; round++) {
      const taken = client.socket.write(frame)
      if (taken) continue
      const drained = new Promise<'drain'>((resolve) => {
        client.socket.once('drain', () => {
          resolve('drain')
        })
      })
      if ((await Promise.race([gone, drained])) === 'gone') return
    }
  }

  it('is paused, and closed as SLOW_CONSUMER when it stays so', async () => {
    await using daemon = await startDaemon({ ...LIMITS, SHARDWIRE_SLOW_CONSUMER_MS: '150' })
    await using client = await RawClient.connect(daemon.port)
    await flood(client, encodeFrame(frames.message(1, new Uint8Array(60_000))))
    expect((await client.gone).how).toBe('reset')
    expect(await closesAtStop(daemon)).toEqual({ SLOW_CONSUMER: 1 })
  })

  it('goes on without a byte lost when it reads again in time, and its neighbours never noticed', async () => {
    await using daemon = await startDaemon({ ...LIMITS, SHARDWIRE_SLOW_CONSUMER_MS: '60000' })
    await using slow = await RawClient.connect(daemon.port)
    await using neighbour = await RawClient.connect(daemon.port)
    slow.pause()
    const count = 400
    const bodies = Array.from({ length: count }, (_, index) => new Uint8Array(30_000).fill(index))
    const sent = slow.write(Buffer.concat(bodies.map((body, index) => encodeFrame(frames.request(1, index + 1, body)))))
    for (let round = 0; round < 200; round++) {
      const body = new Uint8Array(5000).fill(round)
      await neighbour.sendFrames(frames.message(1, body))
      expect(Buffer.compare((await neighbour.nextFrame()).body, body)).toBe(0)
    }
    slow.resume()
    for (const [index, body] of bodies.entries()) {
      const answer = await slow.nextFrame()
      expect(answer.id).toBe(index + 1)
      expect(Buffer.compare(answer.body, body)).toBe(0)
    }
    await sent
    slow.destroy()
    neighbour.destroy()
    expect(await closesAtStop(daemon)).toEqual({ PEER_ENDED: 2 })
  })
})
