/** Rules of the way from bytes to JSON objects. */
import { JSON_DEPTH_MAX } from '@shardwire/protocol'
import { everySplit, randomChunks, withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { JsonStream } from '../../src/codec/json-stream.ts'

interface Read {
  readonly stream: JsonStream
  readonly objects: unknown[]
  readonly broken: string[]
}

function open(bytesMax = 1000): Read {
  const objects: unknown[] = []
  const broken: string[] = []
  const stream = new JsonStream(bytesMax, {
    onObject: (object) => objects.push(object),
    onBroken: (error) => broken.push(`${error.name}: ${error.message}`),
  })
  return { stream, objects, broken }
}

function feed({ stream }: Read, parts: Iterable<Uint8Array>): void {
  // What is read stands in memory that is read into again.
  for (const part of parts) {
    const memory = new Uint8Array(part)
    stream.feed(memory, memory.length)
    memory.fill(0x7b)
  }
}

const TEXT = '\ufeff {"uid":"1","val":"a \\"}{ \u00e9\ud83d\ude00"}\n\r\n{"val":[{"x":{}},[]]}{"UID":2}\t{}'
const OBJECTS = [{ uid: '1', val: 'a "}{ \u00e9\ud83d\ude00' }, { val: [{ x: {} }, []] }, { UID: 2 }, {}]

describe('objects', () => {
  it('are the same at every split point and byte by byte', () => {
    for (const parts of everySplit(Buffer.from(TEXT))) {
      const read = open()
      feed(read, parts)
      expect(read.objects).toEqual(OBJECTS)
      expect([read.stream.bytesCut, read.broken]).toEqual([0, []])
    }
  })

  it('of any kind are found in parts of any size', async () => {
    await withSeed('objects in parts', (random) => {
      for (let round = 0; round < 200; round++) {
        const objects = Array.from({ length: 20 }, () => ({
          uid: String(random.integer(0, 1e9)),
          val: random.pick([
            '{',
            '}"',
            '\\',
            '\u00fc',
            '\ud83d\ude00',
            [],
            { a: { b: ['}'] } },
            null,
            1.5,
            'x'.repeat(300),
          ]),
        }))
        const text = objects.map((object) => JSON.stringify(object)).join(random.pick(['', '\n', ' \r\n']))
        const read = open()
        feed(read, randomChunks(Buffer.from(text), random, random.integer(1, 50)))
        expect(read.objects).toEqual(objects)
        expect(read.stream.bytesCut).toBe(0)
      }
    })
  })

  it('that are cut are counted, and dropped when the stream is stopped', () => {
    const read = open()
    feed(read, [Buffer.from('{"a":1}{"b"')])
    expect(read.stream.bytesCut).toBe(4)
    read.stream.stop()
    feed(read, [Buffer.from(':2}')])
    expect([read.objects, read.stream.bytesCut]).toEqual([[{ a: 1 }], 0])
  })

  it('behind the one whose reader stops the stream are not read', () => {
    const objects: unknown[] = []
    const stream = new JsonStream(100, {
      onObject: (object) => {
        objects.push(object)
        stream.stop()
      },
      onBroken: () => undefined,
    })
    const bytes = Buffer.from('{"a":1}{"b":2}')
    stream.feed(bytes, bytes.length)
    expect(objects).toEqual([{ a: 1 }])
  })
})

describe('a stream breaks', () => {
  it.each([
    ['at what is no object', '{"a":1} [1]', 'BAD_FRAME: text that is no JSON object'],
    ['at a mark that does not begin it', '{"a":1}\ufeff{}', 'BAD_FRAME: text that is no JSON object'],
    ['at half a mark', '\u00ef{}', 'BAD_FRAME: text that is no JSON object'],
    ['at what only looks like one', '{"a":1}{"a":}', 'BAD_FRAME: text that is no JSON: '],
    [
      'at one nested too deep',
      `{"a":1}{"a":${'['.repeat(JSON_DEPTH_MAX)}`,
      'BAD_FRAME: an object nested deeper than 64',
    ],
    [
      'at one that is too large before it is nested too deep',
      `{"a":1}{"b":"${'x'.repeat(1000)}","a":${'['.repeat(JSON_DEPTH_MAX)}`,
      'FRAME_TOO_LARGE: an object of more than 1000',
    ],
    ['at one that is too large', `{"a":1}{"a":"${'x'.repeat(1000)}"}`, 'FRAME_TOO_LARGE: an object of more than 1000'],
    ['at one that is too large before it is whole', `{"a":1}{"${'x'.repeat(1000)}`, 'FRAME_TOO_LARGE: an object of'],
  ])('%s, once, and what came before it is read', (_where, text, message) => {
    for (const step of [1, 7, 5000]) {
      const read = open()
      const bytes = Buffer.from(text)
      const parts: Buffer[] = []
      for (let at = 0; at < bytes.length; at += step) parts.push(bytes.subarray(at, at + step))
      feed(read, [...parts, Buffer.from('{"late":1}')])
      expect(read.broken).toEqual([expect.stringContaining(message)])
      expect(read.objects).toEqual(text.startsWith('{"a":1}') ? [{ a: 1 }] : [])
      expect(read.stream.bytesCut).toBe(0)
    }
  })

  it('at what is no UTF-8', () => {
    const read = open()
    feed(read, [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])])
    expect(read.broken).toEqual([expect.stringContaining('BAD_FRAME: text that is no JSON')])
  })
})
