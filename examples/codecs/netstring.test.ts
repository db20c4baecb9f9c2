/** The codec of docs/codecs.md: held to the rules by the helper that users have, and in the real daemon. */
import { fileURLToPath } from 'node:url'
import { checkCodec, encodeAnswerWith } from '@shardwire/server/codec'
import { RawClient, startDaemon } from '@shardwire/testkit'
import { expect, test } from 'vitest'
import netstring from './netstring.ts'

const BAD_FRAME = 1
const FRAME_TOO_LARGE = 3
const options = { messageBytesMax: 1000, parameters: {} }

test('decodes netstrings, wherever reads cut them', () => {
  checkCodec(
    netstring.create(options),
    [
      { name: 'two', stream: '5:hello,3:a,b,', finds: [{ body: 'hello' }, { body: 'a,b' }] },
      { name: 'an empty one', stream: '0:,', finds: [{ body: '' }] },
      { name: 'one that is cut', stream: '5:hel', finds: [], ends: 'cut' },
      { name: 'no comma', stream: '1:ab', finds: [], ends: BAD_FRAME },
      { name: 'no length', stream: '1:a,:a,', finds: [{ body: 'a' }], ends: BAD_FRAME },
      { name: 'a zero in front', stream: '01:a,', finds: [], ends: BAD_FRAME },
      { name: 'one that is too long', stream: '1001:', finds: [], ends: FRAME_TOO_LARGE },
    ],
    options,
  )
})

test('encodes them', () => {
  expect(Buffer.from(encodeAnswerWith(netstring.create(options), { body: 'hello' })).toString()).toBe('5:hello,')
})

test('in the daemon it serves the same routes', async () => {
  const path = fileURLToPath(new URL('netstring.ts', import.meta.url))
  await using daemon = await startDaemon({
    SHARDWIRE_LISTEN: `tcp://127.0.0.1:0?codec=${encodeURIComponent(path)}&route=echo`,
  })
  await using client = await RawClient.connect(daemon.port)
  await client.write(Buffer.from('5:hello,0:,1:'))
  await client.write(Buffer.from('x,'))
  client.halfClose()
  expect((await client.closed()).how).toBe('end')
  expect(Buffer.from(client.bytes).toString()).toBe('5:hello,0:,1:x,')
  expect(await daemon.stop()).toBe(0)
})
