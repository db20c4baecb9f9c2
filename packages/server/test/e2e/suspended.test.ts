import { encodeFrame, KIND_CONTROL, OPCODE_PING, OPCODE_PONG } from '@shardwire/protocol'
import { RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

const PONG = encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PONG })

/** Answers `count` PINGs. */
async function answerPings(client: RawClient, count: number): Promise<void> {
  for (let beat = 0; beat < count; beat++) {
    expect(await client.nextFrame()).toMatchObject({ kind: KIND_CONTROL, route: OPCODE_PING })
    await client.write(PONG)
  }
}

describe('a worker that did not run for several heartbeat intervals', () => {
  it('kills no peer that answers its PINGs: what came meanwhile is read before anyone is judged', async () => {
    await using daemon = await startDaemon({
      // Two clients shall have two workers.
      SHARDWIRE_ACCEPT: 'handoff',
      SHARDWIRE_WORKERS: '2',
      // Who says nothing for a second and a half is dead: as long may this process stand still.
      SHARDWIRE_HEARTBEAT_MS: '200',
      SHARDWIRE_HEARTBEAT_MISSES: '7',
    })
    await using client = await RawClient.connect(daemon.port)
    const { shard } = await frames.greetServer(client)
    await using other = await RawClient.connect(daemon.port)
    expect((await frames.greetServer(other)).shard).not.toBe(shard)
    await answerPings(client, 2)
    const stopped = daemon.workers[shard]?.pid ?? 0
    process.kill(stopped, 'SIGSTOP')
    // The other worker's PINGs tell how many intervals pass.
    await answerPings(other, 10)
    process.kill(stopped, 'SIGCONT')
    await Promise.all([answerPings(client, 3), answerPings(other, 3)])
    for (const peer of [client, other]) {
      peer.halfClose()
      await peer.closed()
    }
    expect(await daemon.stop()).toBe(0)
    const record = daemon.records.find(({ event }) => event === 'stopped')
    expect(record).toMatchObject({ closes: { PEER_ENDED: 2 }, forced: 0 })
  })
})

describe('a half-closed client', () => {
  it('gets the answer of a slow request, though it can answer no PING', async () => {
    await using daemon = await startDaemon({
      SHARDWIRE_WORKERS: '1',
      SHARDWIRE_HEARTBEAT_MS: '20',
      SHARDWIRE_HEARTBEAT_MISSES: '1',
      SHARDWIRE_FRAME_TIMEOUT_MS: '20',
      SHARDWIRE_IDLE_TIMEOUT_MS: '20',
    })
    // All that it says is there when it is first looked at.
    daemon.signal('SIGSTOP', { group: true })
    await using client = await RawClient.connect(daemon.port)
    await client.sendFrames(frames.sleep(1, 400))
    client.halfClose()
    daemon.signal('SIGCONT', { group: true })
    expect((await client.closed()).how).toBe('end')
    expect(client.received.map(({ kind, id }) => [kind, id])).toEqual([[2, 1]])
    expect(await daemon.stop()).toBe(0)
  })
})
