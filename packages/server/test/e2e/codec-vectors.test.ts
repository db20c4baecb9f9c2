/** docs/codec-vectors.json against the demo service, over real sockets: whole, and torn by chance. */
import { readFileSync } from 'node:fs'
import { type Daemon, randomChunks, startDaemon, withSeed } from '@shardwire/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CodecVectors } from '../../../../scripts/codec-vectors.ts'
import { starred } from '../worker/codecs/codec-peer.ts'
import { LineClient } from './line-client.ts'

const FILE = new URL('../../../../docs/codec-vectors.json', import.meta.url)
const { json } = JSON.parse(readFileSync(FILE, 'utf8')) as CodecVectors

let daemon: Daemon

beforeAll(async () => {
  daemon = await startDaemon({ SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0?codec=json', SHARDWIRE_WORKERS: '1' })
})

afterAll(async () => {
  const signs = 2 * json.reduce((sum, { lifeSigns = 0 }) => sum + lifeSigns, 0)
  expect(await daemon.stop()).toBe(0)
  expect(daemon.records.find(({ event }) => event === 'stopped')).toMatchObject({ lifeSigns: signs })
  await daemon[Symbol.asyncDispose]()
})

test.each(json)('$name', async ({ stream, streamHex = '', answers, closes }) => {
  const bytes = stream === undefined ? Buffer.from(streamHex, 'hex') : Buffer.from(stream)
  await withSeed('vectors', async (random) => {
    for (const parts of [[bytes], randomChunks(bytes, random, 40)]) {
      await using client = await LineClient.connect(daemon.port)
      await client.raw.writeChunks(parts)
      const text = closes === true ? await client.ended() : await client.finish()
      expect(text.split('\n').slice(0, -1).map(starred).toSorted()).toEqual(answers.toSorted())
    }
  })
})
