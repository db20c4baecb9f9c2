/** Owns the tests of the helper that holds codecs to their rules: it must find each way of breaking one. */
import { describe, expect, it } from 'vitest'
import { type Codec, checkCodec, type CodecFixture, defineCodec } from '../../src/codec/index.ts'
import { speak } from '../../src/codec/spoken-codec.ts'

/** One byte of length, then so many bytes. */
const good: Codec = {
  decode(reading) {
    const { memory, start, end } = reading
    const bytes = 1 + (memory[start] ?? 0)
    return end - start < bytes ? reading.needMore(bytes) : reading.message(start + 1, start + bytes, start + bytes)
  },
  encodeAnswer: (writer, { memory, start, end }) => writer.bytes(memory, start, end),
}
const FIXTURES: readonly CodecFixture[] = [
  { name: 'two messages', stream: Uint8Array.of(1, 65, 2, 66, 67), finds: [{ body: 'A' }, { body: 'BC' }] },
  { name: 'a cut one', stream: Uint8Array.of(3, 65), finds: [], ends: 'cut' },
]

function decodingAs(decode: Codec['decode']): Codec {
  return { ...good, decode }
}

describe('checkCodec', () => {
  it('has nothing to say of a codec that keeps the rules', () => {
    checkCodec(good, FIXTURES)
  })

  it('says which fixture, how it was cut, what was expected and what was found', () => {
    expect(() => checkCodec(good, [{ name: 'wrong', stream: Uint8Array.of(1, 65), finds: [{ body: 'B' }] }])).toThrow(
      'wrong, whole: expected [{"body":"B"}] and whole, got [{"body":"A"}] and whole',
    )
  })

  it.each<[string, Codec, RegExp]>([
    [
      'takes bytes that have not come',
      decodingAs((reading) => {
        const bytes = 1 + (reading.memory[reading.start] ?? 0)
        return reading.message(reading.start + 1, reading.start + bytes, reading.start + bytes)
      }),
      /the codec took/,
    ],
    [
      'looks behind the end for its length',
      decodingAs((reading) => {
        const { memory, start, end } = reading
        const bytes = 1 + (memory[start] ?? 0)
        if (end - start >= bytes) return reading.message(start + 1, start + bytes, start + bytes)
        // As a search that is not told where to end would.
        return memory.indexOf(66, start) > 0 ? reading.broken(1, 'found') : reading.needMore(bytes)
      }),
      /cut at byte/,
    ],
    [
      'keeps an offset that does not count from start',
      decodingAs((reading) => {
        const { memory, start, end } = reading
        const begin = typeof reading.state === 'number' ? reading.state : start
        const bytes = 1 + (memory[begin] ?? 0)
        if (end - begin >= bytes) return reading.message(begin + 1, begin + bytes, begin + bytes)
        reading.state = start
        return reading.needMore()
      }),
      /cut at byte|the codec took/,
    ],
    ['finds something in no bytes', decodingAs((reading) => reading.gap(reading.start)), /the codec took 0/],
    ['returns nothing', decodingAs(() => undefined as never), /returned undefined/],
    ['needs what it has', decodingAs((reading) => reading.needMore(1)), /needs 1 bytes, and has/],
    [
      'writes into what it reads',
      decodingAs((reading) => {
        reading.memory[reading.start] = 0
        return good.decode(reading)
      }),
      /wrote into the memory/,
    ],
    ['breaks a stream without a code', decodingAs((reading) => reading.broken(0, '')), /without a code/],
  ])('finds one that %s', (_, codec, complaint) => {
    expect(() => checkCodec(codec, FIXTURES)).toThrow(complaint)
  })
})

describe('a codec that is none stops the start', () => {
  const options = { messageBytesMax: 1000, parameters: {} }

  it.each<[unknown, string]>([
    [null, 'create returned null'],
    [{}, 'its decode must be a function'],
    [{ ...good, end: 5 }, 'its end must be a function, or not there'],
    [{ ...good, carries: 'json' }, 'its carries must be bytes or values'],
    [{ ...good, ordered: 'yes' }, 'its ordered must be true or false'],
  ])('%j', (codec, fault) => {
    const definition = defineCodec({ name: 'mine', create: () => codec as Codec })
    expect(() => speak(definition, options, undefined)).toThrow(`codec mine: ${fault}`)
  })

  it('so does a definition', () => {
    expect(() => defineCodec({ name: '', create: () => good })).toThrow('name must be a text')
    expect(() => defineCodec({ name: 'x', create: good as never })).toThrow('create of codec x must be a function')
  })
})
