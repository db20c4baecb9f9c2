/** docs/codec-vectors.json through a whole shard, each stream cut at every point. */
import { everySplit, nextTurn } from '@shardwire/testkit'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CODEC_VECTORS_FILE, type CodecVectors, codecVectors } from '../../../../../scripts/codec-vectors.ts'
import { fakeShard } from '../fake-shard.ts'
import { CodecPeer, demoRoutes, starred } from './codec-peer.ts'

const VECTORS = JSON.parse(readFileSync(CODEC_VECTORS_FILE, 'utf8')) as CodecVectors
const JSON_LISTENER = { SHARDWIRE_LISTEN: 'tcp://127.0.0.1:1?codec=json' }

test('the file is in step with its source: else run `node scripts/codec-vectors.ts`', () => {
  expect(readFileSync(CODEC_VECTORS_FILE, 'utf8') === codecVectors()).toBe(true)
})

test.each(VECTORS.json)('$name', async ({ stream, streamHex = '', answers, closes, lifeSigns = 0 }) => {
  const bytes = stream === undefined ? Buffer.from(streamHex, 'hex') : Buffer.from(stream)
  const { shard, faults, misuses } = fakeShard(JSON_LISTENER, demoRoutes())
  let streams = 0
  for (const parts of everySplit(bytes)) {
    streams++
    const peer = new CodecPeer(shard)
    for (const part of parts) peer.send(part)
    await nextTurn()
    const got = peer.lines().map(starred)
    expect([got.toSorted(), peer.isFinished]).toEqual([answers.toSorted(), closes === true])
    // Those that are ready at once leave in the order in which they were asked.
    if (!stream?.includes('sleep')) expect(got).toEqual(answers)
    peer.handle.arriveEnd()
    expect(peer.isFinished).toBe(true)
    peer.handle.finLeaves()
    peer.handle.closes()
  }
  expect(shard.counters.lifeSigns).toBe(lifeSigns * streams)
  expect([faults, misuses, shard.connections.size, shard.pool.leasedBlocks]).toEqual([[], [], 0, 0])
})
