/**
 * Owns the cases of JSON streams: objects one after another in a slab, as a read leaves them, found and read.
 * Must not know: sockets.
 */
import { SPLIT_FOUND, Splitter } from '@shardwire/protocol'
import { DECODED_MESSAGE, Reading } from '../../../packages/server/src/codec/reading.ts'
import { createJsonCodec } from '../../../packages/server/src/codec/json/json-codec.ts'
import { SLAB_BYTES } from './bytes.ts'
import type { Variant } from './loop.ts'
import type { MicroCase } from './micro-case.ts'

interface Stream {
  readonly memory: Buffer
  readonly end: number
  readonly texts: readonly string[]
  readonly bytesPerObject: number
}

/** As many objects as fit into a slab, of which no two are the same. */
function streamOf(objectOf: (n: number) => object): Stream {
  const memory = Buffer.alloc(SLAB_BYTES)
  const texts: string[] = []
  let end = 0
  for (let n = 0; ; n++) {
    const text = JSON.stringify(objectOf(n))
    if (end + Buffer.byteLength(text) + 1 > SLAB_BYTES) break
    texts.push(text)
    end += memory.write(`${text}\n`, end)
  }
  return { memory, end, texts, bytesPerObject: Math.round(end / texts.length) }
}

function boundaries({ memory, end, texts, bytesPerObject }: Stream): Variant {
  const splitter = new Splitter()
  return {
    name: 'boundaries alone',
    operations: texts.length,
    bytesPerOperation: bytesPerObject,
    run() {
      let sum = 0
      for (let at = 0; at < end; at = splitter.end + 1) {
        if (splitter.next(memory, at, end, undefined) !== SPLIT_FOUND) throw new Error('an object has no end')
        sum ^= splitter.end
      }
      return sum
    },
  }
}

/** All that the codec does until a message can be dispatched. */
function decoding({ memory, end, texts, bytesPerObject }: Stream): Variant {
  const codec = createJsonCodec({ messageBytesMax: SLAB_BYTES, parameters: {} }, () => 0)
  const reading = new Reading()
  return {
    name: 'codec json',
    operations: texts.length,
    bytesPerOperation: bytesPerObject,
    run() {
      let sum = 0
      for (let at = 0; at < end - 1; at = reading.next) {
        reading.show(memory, at, end, undefined, false)
        if (codec.decode(reading) !== DECODED_MESSAGE) throw new Error(reading.brokenDetail)
        sum ^= reading.next
      }
      return sum
    },
  }
}

/** What nothing that hands out values can be faster than: the objects are cut out already, and are strings. */
function parsing({ texts, bytesPerObject }: Stream): Variant {
  return {
    name: 'JSON.parse alone',
    operations: texts.length,
    bytesPerOperation: bytesPerObject,
    run() {
      let sum = 0
      for (const text of texts) sum += Object.keys(JSON.parse(text) as object).length
      return sum
    },
  }
}

const SHAPES: readonly (readonly [name: string, objectOf: (n: number) => object])[] = [
  ['small', (n) => ({ uid: `device-${n * 7919}`, val: `reading number ${n}` })],
  [
    'nested',
    (n) => ({
      uid: n,
      route: 'note',
      val: {
        sequence: n * 65_537,
        celsius: 20 + n / 7,
        valid: n % 3 === 0,
        tags: ['a', { b: [1, 2, n] }],
        text: 'ü"\\',
      },
    }),
  ],
  ['16KB', (n) => ({ uid: `u-${n}`, val: `${n}`.repeat(16_384) })],
]

export const jsonCases: readonly MicroCase[] = SHAPES.map(([shape, objectOf]) => ({
  name: `json-${shape}`,
  unit: 'M/s',
  ratios: [
    ['boundaries alone', 'JSON.parse alone'],
    ['codec json', 'JSON.parse alone'],
  ],
  notes: ['objects with a newline behind each, from a slab; JSON.parse alone: of strings that were cut out before'],
  build: () => {
    const stream = streamOf(objectOf)
    return [decoding(stream), boundaries(stream), parsing(stream)]
  },
}))
