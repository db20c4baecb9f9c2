/** Rules of the way from bytes to frames. */
import { encodeFrame, errorName, KIND_MESSAGE, KIND_RESPONSE } from '@shardwire/protocol'
import type { FrameDecoder } from '@shardwire/protocol'
import { everySplit, joinBytes, randomChunks, withSeed } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { Inbound } from '../../src/codec/inbound.ts'
import type { FrameSink } from '../../src/codec/inbound.ts'

/** Keeps what it is told, bodies as copies. */
class Recorder implements FrameSink {
  readonly frames: [number, number, number, string][] = []
  broken: string | undefined
  onFrame(decoder: FrameDecoder, memory: Uint8Array): void {
    const body = Buffer.from(memory).toString('latin1', decoder.bodyStart, decoder.bodyEnd)
    this.frames.push([decoder.kind, decoder.route, decoder.id, body])
  }
  onBroken(code: number, detail: string): void {
    this.broken = `${errorName(code)}: ${detail}`
  }
}

const THREE = joinBytes([
  encodeFrame({ kind: KIND_RESPONSE, route: 1, id: 7, body: Buffer.from('seven') }),
  encodeFrame({ kind: KIND_MESSAGE, route: 2 }),
  encodeFrame({ kind: KIND_RESPONSE, route: 4095, id: 0xffff_ffff, meta: Uint8Array.of(0x80), body: Buffer.from('x') }),
])
const THREE_FRAMES = [
  [KIND_RESPONSE, 1, 7, 'seven'],
  [KIND_MESSAGE, 2, 0, ''],
  [KIND_RESPONSE, 4095, 0xffff_ffff, 'x'],
]

it('finds the same frames at every split point and byte by byte', () => {
  for (const parts of everySplit(THREE)) {
    const sink = new Recorder()
    const inbound = new Inbound(1000, sink)
    for (const part of parts) inbound.feed(part)
    expect(sink.frames).toEqual(THREE_FRAMES)
    expect(inbound.bytesCut).toBe(0)
  }
})

it('finds frames larger than its first ring in any pieces', async () => {
  await withSeed('large frames in pieces', (random) => {
    const bodies = Array.from({ length: 20 }, () => Buffer.from(random.bytes(random.integer(0, 3000))))
    const bytes = joinBytes(bodies.map((body, id) => encodeFrame({ kind: KIND_RESPONSE, route: 1, id, body })))
    const sink = new Recorder()
    const inbound = new Inbound(4096, sink)
    for (const chunk of randomChunks(bytes, random, 1500)) inbound.feed(chunk)
    expect(sink.frames).toEqual(bodies.map((body, id) => [KIND_RESPONSE, 1, id, body.toString('latin1')]))
  })
})

it('does not look at the memory of a read again', () => {
  const sink = new Recorder()
  const inbound = new Inbound(1000, sink)
  const [head, tail] = [new Uint8Array(THREE.subarray(0, 9)), new Uint8Array(THREE.subarray(9))]
  inbound.feed(head)
  head.fill(0xdb)
  inbound.feed(tail)
  expect(sink.frames).toEqual(THREE_FRAMES)
})

it('breaks on a wrong CRC, wherever it is cut, and finds nothing behind it', () => {
  const bytes = new Uint8Array(THREE)
  bytes[12] = (bytes[12] ?? 0) ^ 1
  for (const parts of everySplit(bytes)) {
    const sink = new Recorder()
    const inbound = new Inbound(1000, sink)
    for (const part of parts) inbound.feed(part)
    expect(sink.frames).toEqual([])
    expect(sink.broken).toMatch(/^BAD_CRC/)
  }
})

it('breaks on a length above the limit before its payload came', () => {
  const sink = new Recorder()
  new Inbound(100, sink).feed(Uint8Array.of(0, 1, 0, 0, 0, 101))
  expect(sink.broken).toBe('FRAME_TOO_LARGE: length 101 is above the limit of 100 bytes')
})

it('stops in the middle of a read when it is told to', () => {
  const sink = new Recorder()
  const inbound = new Inbound(1000, {
    onFrame: (decoder, memory) => {
      sink.onFrame(decoder, memory)
      inbound.stop()
    },
    onBroken: () => undefined,
  })
  inbound.feed(THREE)
  inbound.feed(THREE)
  expect(sink.frames).toHaveLength(1)
})
