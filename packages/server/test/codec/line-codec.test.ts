/** Owns the tests of the line and raw codecs by themselves. */
import { FRAME_TOO_LARGE } from '@shardwire/protocol'
import { everySplit, randomChunks, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { checkCodec, type CodecFixture, encodeAnswerWith, encodeErrorWith, replayCodec } from '../../src/codec/index.ts'
import { findDelimiter } from '../../src/codec/delimiter.ts'
import { createLineCodec } from '../../src/codec/line-codec.ts'
import { createRawCodec } from '../../src/codec/raw-codec.ts'
import { ShardwireError } from '@shardwire/protocol'

const LIMIT = 40
const OPTIONS = { messageBytesMax: LIMIT, parameters: {} }

function lines(delimiter: string) {
  return createLineCodec(OPTIONS, Buffer.from(delimiter, 'latin1'))
}

const long = 'x'.repeat(LIMIT)

const BY_NEWLINE: readonly CodecFixture[] = [
  { name: 'lines', stream: 'a\nbc\n', finds: [{ body: 'a' }, { body: 'bc' }] },
  { name: 'one CR before the newline goes too', stream: 'a\r\nb\r\r\n', finds: [{ body: 'a' }, { body: 'b\r' }] },
  { name: 'a CR elsewhere stays', stream: 'a\rb\n\rc\n', finds: [{ body: 'a\rb' }, { body: '\rc' }] },
  { name: 'empty lines are messages', stream: '\n\r\n\n', finds: [{ body: '' }, { body: '' }, { body: '' }] },
  { name: 'an unfinished last line is one', stream: 'a\nbc', finds: [{ body: 'a' }, { body: 'bc' }] },
  { name: 'also when its CR came', stream: 'bc\r', finds: [{ body: 'bc' }] },
  { name: 'nothing at all', stream: '', finds: [] },
  {
    name: 'a heartbeat',
    stream: 'HEARTBEAT\nHEARTBEAT\r\n',
    finds: [{ life: 'HEARTBEAT\n' }, { life: 'HEARTBEAT\r\n' }],
  },
  { name: 'an unfinished heartbeat', stream: 'x\nHEARTBEAT', finds: [{ body: 'x' }, { life: 'HEARTBEAT' }] },
  {
    name: 'no heartbeat',
    stream: 'HEARTBEATS\nheartbeat\n HEARTBEAT\n',
    finds: [{ body: 'HEARTBEATS' }, { body: 'heartbeat' }, { body: ' HEARTBEAT' }],
  },
  {
    name: 'as long as may be',
    stream: `${long}\n${long}\r\n${long}`,
    finds: [{ body: long }, { body: long }, { body: long }],
  },
  { name: 'longer', stream: `a\n${long}x\nb\n`, finds: [{ body: 'a' }], ends: FRAME_TOO_LARGE },
  { name: 'longer, and unfinished', stream: `${long}x`, finds: [], ends: FRAME_TOO_LARGE },
  { name: 'longer without end', stream: long + long + long, finds: [], ends: FRAME_TOO_LARGE },
  {
    name: 'bytes that are no text',
    stream: Uint8Array.of(0xff, 0, 10, 0xc3, 10),
    finds: [{ body: Uint8Array.of(0xff, 0) }, { body: Uint8Array.of(0xc3) }],
  },
]

describe('lines', () => {
  it('by newline, cut anywhere', () => checkCodec(lines('\n'), BY_NEWLINE, OPTIONS))

  it('by bytes of which the first also come alone', () => {
    checkCodec(
      lines('\r\n\r\n'),
      [
        { name: 'blocks', stream: 'a\r\nb\r\n\r\nc\r\r\n\r\n', finds: [{ body: 'a\r\nb' }, { body: 'c\r' }] },
        { name: 'a cut delimiter', stream: 'a\r\n\r', finds: [{ body: 'a\r\n\r' }] },
      ],
      OPTIONS,
    )
  })

  it('by NUL, where a CR means nothing', () => {
    const stream = 'a\r\0b\n\0HEARTBEAT\0'
    checkCodec(lines('\0'), [
      { name: 'NUL', stream, finds: [{ body: 'a\r' }, { body: 'b\n' }, { life: 'HEARTBEAT\0' }] },
    ])
  })

  it('by a delimiter that repeats itself', () => {
    checkCodec(lines('aa'), [
      { name: 'aa', stream: 'baaaaaab', finds: [{ body: 'b' }, { body: '' }, { body: '' }, { body: 'b' }] },
    ])
  })

  it('an answer gets the delimiter added, and an error has no form', () => {
    expect(Buffer.from(encodeAnswerWith(lines('\r\n'), { body: 'x' })).toString()).toBe('x\r\n')
    expect(encodeErrorWith(lines('\n'), new ShardwireError(11, 'busy'))).toBeUndefined()
  })

  it('of any stream are what splitting the whole gives', async () => {
    await withSeed('lines', (random) => {
      for (let round = 0; round < 300; round++) {
        const delimiter = random.pick(['\n', '\r\n', 'ab', '\0'])
        const pieces = Array.from({ length: random.integer(0, 8) }, () =>
          'abx\n\r'.repeat(random.integer(0, 90)).slice(random.integer(0, 4)),
        )
        const stream = pieces.join(random.pick([delimiter, '', `x${delimiter}`]))
        const codec = createLineCodec({ messageBytesMax: 100_000, parameters: {} }, Buffer.from(delimiter))
        const parts = randomChunks(Buffer.from(stream), random, random.pick([1, 7, 500]))
        const got = replayCodec(codec, parts).finds.map(({ body = '' }) => Buffer.from(body).toString())
        const split = stream.split(delimiter)
        const wanted = (split.at(-1) === '' ? split.slice(0, -1) : split).map((line) => {
          return delimiter === '\n' ? line.replace(/\r$/, '') : line
        })
        expect(got).toEqual(wanted)
      }
    })
  })
})

describe('a delimiter', () => {
  it('is found wherever it stands, and not where it would go beyond the end', () => {
    for (const delimiter of ['\n', '\r\n', 'abcdefgh']) {
      const bytes = Buffer.from(delimiter)
      for (let at = 0; at <= 300; at += at > 120 && at < 140 ? 1 : 7) {
        const memory = Buffer.concat([Buffer.alloc(at + 3, 'a'), bytes, Buffer.alloc(400, 'a')])
        expect(findDelimiter(memory, 3, memory.length, bytes)).toBe(at + 3)
        expect(findDelimiter(memory, 3, at + 3 + bytes.length, bytes)).toBe(at + 3)
        expect(findDelimiter(memory, 3, at + 2 + bytes.length, bytes)).toBe(-1)
      }
    }
  })
})

describe('raw bytes', () => {
  const codec = createRawCodec(OPTIONS)

  it('go on as they come, in parts that mean nothing, none of them too large', async () => {
    await withSeed('raw', (random) => {
      const stream = random.bytes(500)
      for (const parts of [...everySplit(stream), randomChunks(stream, random, 200)]) {
        const { finds, ends } = replayCodec(codec, parts, OPTIONS)
        expect(ends).toBe('whole')
        expect(Buffer.concat(finds.map(({ body }) => Buffer.from(body ?? '')))).toEqual(Buffer.from(stream))
        expect(Math.max(...finds.map(({ body }) => body?.length ?? 0))).toBeLessThanOrEqual(LIMIT)
      }
    })
  })

  it('and answers are what they are', () => {
    expect(Buffer.from(encodeAnswerWith(codec, { body: 'x\n' })).toString()).toBe('x\n')
  })
})
