/** The decoder over every vector, cut in every way: what it finds, in which order, and what it leaves alone. */
import {
  BAD_CRC,
  BAD_FRAME,
  DECODE_BROKEN,
  DECODE_FRAME,
  DECODE_NEED_MORE,
  type DecodedStream,
  encodeFrame,
  FRAME_TOO_LARGE,
  frameBytes,
  FrameDecoder,
  KIND_MESSAGE,
  KIND_NAMES,
  KIND_REQUEST,
  META_BYTES_MAX,
  PREFIX_BYTES,
  sealFrame,
  writeU32,
} from '@shardwire/protocol'
import { everySplit, joinBytes, withSeed } from '@shardwire/testkit'
import { describe, expect, test, vi } from 'vitest'
import { fromHex, toHex } from '../../../scripts/protocol-vectors/vector.ts'
import { decodeFirst, decodeParts } from './support/feed.ts'
import { decodeStream } from './support/oracle-decoder.ts'
import { VECTORS } from './support/vectors.ts'

const LIMIT = VECTORS.maxFrameBytes
/** Enough for every vector of a valid frame; rings of the real limit would make each split slow. */
const SMALL_LIMIT = 8192
const BROKEN = VECTORS.invalidFrames.filter(({ layer }) => layer === 'framing')
const WHOLE = VECTORS.invalidFrames.filter(({ layer }) => layer !== 'framing')
const ECHO = fromHex('0001000000017811f5c494')

describe('vectors', () => {
  test.each(VECTORS.validFrames)('every split of: $name', ({ hex, kind, route, id = 0 }) => {
    const bytes = fromHex(hex)
    const whole = decodeStream(bytes, LIMIT)
    expect(whole).toMatchObject({
      code: 0,
      rest: 0,
      frames: [{ kind: KIND_NAMES.indexOf(kind as 'ERROR'), route, id }],
    })
    for (const parts of everySplit(bytes)) expect(decodeParts(parts, SMALL_LIMIT)).toEqual(whole)
  })

  test.each(WHOLE)('framing lets pass what only its reader refuses: $name', ({ hex }) => {
    for (const parts of everySplit(fromHex(hex))) {
      expect(decodeParts(parts, SMALL_LIMIT)).toMatchObject({ code: 0, rest: 0, frames: [{}] })
    }
  })

  test.each(BROKEN)('every split of: $name', ({ hex, code }) => {
    for (const parts of everySplit(fromHex(hex))) {
      expect(decodeParts(parts, LIMIT)).toMatchObject({ code, frames: [] })
    }
  })

  test.each(BROKEN)('frames before it are whole, bytes after it are not looked at: $name', ({ hex, code }) => {
    const stream = joinBytes([ECHO, fromHex(hex), ECHO])
    for (const parts of everySplit(stream)) expect(decodeParts(parts, LIMIT)).toMatchObject({ code, frames: [{}] })
  })

  test('every cut of every valid frame asks for more, and for the right number of bytes', () => {
    for (const { hex } of VECTORS.validFrames) {
      const bytes = fromHex(hex)
      for (let length = 0; length < bytes.length; length++) {
        const decoder = new FrameDecoder(LIMIT)
        expect(decoder.next({ brokenCode: 0 }, bytes, 0, length)).toBe(DECODE_NEED_MORE)
        expect(decoder.bytesNeeded).toBe(length < PREFIX_BYTES ? PREFIX_BYTES : bytes.length)
      }
    }
  })
})

describe('order of checks', () => {
  /** Each fault alone, in the order in which they are looked for; what it does to a healthy REQUEST with META. */
  const FAULTS: readonly { name: string; code: number; apply: (frame: Uint8Array) => void }[] = [
    { name: 'reserved kind', code: BAD_FRAME, apply: (frame) => void (frame[0] = (frame[0] ?? 0) | 0x50) },
    { name: 'length', code: FRAME_TOO_LARGE, apply: (frame) => writeU32(frame, 2, SMALL_LIMIT + 1) },
    { name: 'CRC', code: BAD_CRC, apply: (frame) => void (frame[frame.length - 1] = (frame.at(-1) ?? 0) ^ 1) },
    { name: 'id 0', code: BAD_FRAME, apply: (frame) => resealed(frame, () => writeU32(frame, 6, 0)) },
    { name: 'metadata', code: BAD_FRAME, apply: (frame) => resealed(frame, () => void (frame[12] = 0x90)) },
  ]

  function resealed(frame: Uint8Array, change: () => void): void {
    change()
    sealFrame(frame, 0, frame.length - 4)
  }

  function faulty(names: readonly string[]): { decoder: FrameDecoder; code: number } {
    const frame = encodeFrame({ kind: KIND_REQUEST, route: 1, id: 1, meta: Uint8Array.of(0x80) })
    // Faults further back first: they seal the frame anew, which must not heal the ones before.
    for (const { name, apply } of FAULTS.toReversed()) if (names.includes(name)) apply(frame)
    return decodeFirst(frame, SMALL_LIMIT)
  }

  /** The values of a CRC differ with the bytes under it; what is said about them must not. */
  function detailOf(decoder: FrameDecoder): string {
    return decoder.brokenDetail.replaceAll(/0x[0-9a-f]{8}/g, 'value')
  }

  const pairs = FAULTS.flatMap((first, at) => FAULTS.slice(at).map((second) => ({ first, second })))
  test.each(pairs)('$first.name before $second.name', ({ first, second }) => {
    const both = faulty([first.name, second.name])
    expect(both.code).toBe(first.code)
    expect(detailOf(both.decoder)).toBe(detailOf(faulty([first.name]).decoder))
  })

  test('six bytes are enough to refuse a length or a kind, five are not', () => {
    for (const [hex, code] of [
      ['0001ffffffff', FRAME_TOO_LARGE],
      ['500100000000', BAD_FRAME],
    ] as const) {
      expect(decodeParts([fromHex(hex)], SMALL_LIMIT).code).toBe(code)
      expect(decodeParts([fromHex(hex.slice(0, 10))], SMALL_LIMIT).code).toBe(0)
    }
  })

  test('the limit is exact', () => {
    const frame = encodeFrame({ kind: KIND_MESSAGE, route: 1, body: new Uint8Array(100) })
    expect(decodeFirst(frame, 100)).toMatchObject({ code: 0, decoder: { frameEnd: 110 } })
    expect(decodeFirst(frame, 99)).toMatchObject({ code: FRAME_TOO_LARGE })
  })

  test('the message of a bad CRC names both values', () => {
    const { decoder } = decodeFirst(fromHex('0001000000017811f5c495'), LIMIT)
    expect(decoder.brokenDetail).toBe('crc is 0x11f5c495, the bytes give 0x11f5c494')
  })
})

describe('fields', () => {
  test('offsets are into the memory given, wherever the frame stands in it', () => {
    const meta = fromHex('81a16101')
    const frame = encodeFrame({ kind: KIND_REQUEST, route: 4095, id: 0xffff_ffff, meta, body: fromHex('0102') })
    const memory = joinBytes([fromHex('dddd'), frame, fromHex('dddd')])
    const decoder = new FrameDecoder(LIMIT)
    expect(decoder.next({ brokenCode: 0 }, memory, 2, memory.length)).toBe(DECODE_FRAME)
    expect(decoder).toMatchObject({ kind: KIND_REQUEST, route: 4095, id: 0xffff_ffff, frameStart: 2 })
    expect(decoder.frameEnd).toBe(2 + frame.length)
    expect(toHex(memory.subarray(decoder.metaStart, decoder.metaEnd))).toBe(toHex(meta))
    expect(toHex(memory.subarray(decoder.bodyStart, decoder.bodyEnd))).toBe('0102')
  })

  test('nothing of a frame shows in the next one', () => {
    const decoder = new FrameDecoder(LIMIT)
    const first = encodeFrame({ kind: KIND_REQUEST, route: 3, id: 9, meta: Uint8Array.of(0x80), body: fromHex('01') })
    decoder.next({ brokenCode: 0 }, first, 0, first.length)
    decoder.next({ brokenCode: 0 }, ECHO, 0, ECHO.length)
    expect(decoder).toMatchObject({
      kind: KIND_MESSAGE,
      route: 1,
      id: 0,
      metaStart: 6,
      metaEnd: 6,
      bodyStart: 6,
      bodyEnd: 7,
    })
  })

  test('a metadata block of exactly the largest size passes', () => {
    const bytes = META_BYTES_MAX - 6
    const meta = joinBytes([fromHex('81a161da'), Uint8Array.of(bytes >> 8, bytes), new Uint8Array(bytes).fill(0x61)])
    const frame = encodeFrame({ kind: KIND_MESSAGE, route: 1, meta })
    expect(decodeFirst(frame, SMALL_LIMIT)).toMatchObject({ code: 0, decoder: { metaStart: 8, metaEnd: 8 + 4096 } })
  })
})

describe('state', () => {
  test('a stream that broke stays broken, also for bytes that are right', () => {
    const decoder = new FrameDecoder(LIMIT)
    const stream: DecodedStream = { brokenCode: 0 }
    expect(decoder.next(stream, fromHex('500100000000'), 0, 6)).toBe(DECODE_BROKEN)
    expect(decoder.next(stream, ECHO, 0, ECHO.length)).toBe(DECODE_BROKEN)
    expect(stream.brokenCode).toBe(BAD_FRAME)
  })

  test('one decoder serves many streams: one that broke does not touch the others', () => {
    const decoder = new FrameDecoder(LIMIT)
    decoder.next({ brokenCode: 0 }, fromHex('500100000000'), 0, 6)
    expect(decoder.next({ brokenCode: 0 }, ECHO, 0, ECHO.length)).toBe(DECODE_FRAME)
  })

  test('a frame makes no view and no copy, and no field of the decoder ever changes its type', () => {
    const decoder = new FrameDecoder(LIMIT)
    const stream: DecodedStream = { brokenCode: 0 }
    const small = VECTORS.validFrames.map(({ hex }) => fromHex(hex)).filter(({ length }) => length < 350)
    const shape = (): string =>
      Object.entries(decoder)
        .map(([name, value]) => `${name}:${typeof value}`)
        .join()
    const before = shape()
    const spies = (['subarray', 'slice'] as const).flatMap((name) => {
      return [vi.spyOn(Uint8Array.prototype, name), vi.spyOn(Buffer.prototype, name)]
    })
    const statuses = small.map((bytes) => decoder.next(stream, bytes, 0, bytes.length))
    const calls = spies.map(({ mock }) => mock.calls.length)
    vi.restoreAllMocks()
    expect(new Set(statuses)).toEqual(new Set([DECODE_FRAME]))
    expect(calls).toEqual([0, 0, 0, 0])
    expect(shape()).toBe(before)
  })

  test('the memory is only read', () => {
    for (const { hex } of [...VECTORS.validFrames, ...VECTORS.invalidFrames]) {
      const bytes = fromHex(hex)
      decodeFirst(bytes, LIMIT)
      expect(toHex(bytes)).toBe(hex)
    }
  })

  test('no frame ever asks for more memory than the largest frame takes', async () => {
    await withSeed('bytes needed', (random) => {
      const decoder = new FrameDecoder(SMALL_LIMIT)
      for (let run = 0; run < 20_000; run++) {
        const bytes = random.bytes(random.integer(0, 8))
        if (bytes.length > 3 && random.next() < 0.8) bytes[2] = bytes[3] = 0
        decoder.next({ brokenCode: 0 }, bytes, 0, bytes.length)
        expect(decoder.bytesNeeded).toBeLessThanOrEqual(frameBytes(SMALL_LIMIT))
      }
    })
  })
})
