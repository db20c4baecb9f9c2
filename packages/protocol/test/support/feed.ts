/**
 * Owns the way of a stream, part by part, through a ring buffer and the decoder: what a connection does, without one.
 * Must not know: which stream it is.
 * Invariant: every frame is copied out while its offsets hold; the ring never grows.
 */
import {
  DECODE_BROKEN,
  DECODE_FRAME,
  type DecodedStream,
  FrameDecoder,
  frameBytes,
  RingBuffer,
} from '@shardwire/protocol'
import { expect } from 'vitest'
import { toHex } from '../../../../scripts/protocol-vectors/vector.ts'
import type { OracleFrame, OracleResult } from './oracle-decoder.ts'

/** Feeds the parts one after the other. @returns what the oracle would say about the same stream */
export function decodeParts(parts: readonly Uint8Array[], frameBytesMax: number): OracleResult {
  const decoder = new FrameDecoder(frameBytesMax)
  const stream: DecodedStream = { brokenCode: 0 }
  const ring = new RingBuffer(new Uint8Array(frameBytes(frameBytesMax)))
  const frames: OracleFrame[] = []
  for (const part of parts) {
    for (let at = 0; at < part.length && stream.brokenCode === 0;) {
      ring.makeRoom(Math.min(decoder.bytesNeeded, ring.memory.length))
      const end = Math.min(part.length, at + ring.writableBytes)
      ring.append(part, at, end)
      at = end
      drain(decoder, stream, ring, frames)
    }
  }
  return { frames, code: stream.brokenCode, rest: ring.readableBytes }
}

/** The whole stream at once, from `at` on in memory that the kernel reaches, as a read of a worker leaves it. */
export function decodeWhole(stream: Uint8Array, memory: Uint8Array, at: number, frameBytesMax: number): OracleResult {
  const decoder = new FrameDecoder(frameBytesMax)
  const state: DecodedStream = { brokenCode: 0 }
  const frames: OracleFrame[] = []
  const end = at + stream.length
  memory.set(stream, at)
  decoder.begin(memory, at, end)
  let start = at
  while (decoder.next(state, memory, start, end) === DECODE_FRAME) {
    expect(decoder.frameStart).toBe(start)
    frames.push(copyOut(decoder, memory))
    start = decoder.frameEnd
  }
  return { frames, code: state.brokenCode, rest: end - start }
}

function drain(decoder: FrameDecoder, stream: DecodedStream, ring: RingBuffer, frames: OracleFrame[]): void {
  for (;;) {
    const status = decoder.next(stream, ring.memory, ring.head, ring.tail)
    if (status !== DECODE_FRAME) return
    frames.push(copyOut(decoder, ring.memory))
    ring.consume(decoder.frameEnd - decoder.frameStart)
  }
}

function copyOut(decoder: FrameDecoder, memory: Uint8Array): OracleFrame {
  const { kind, route, id, metaStart, metaEnd, bodyStart, bodyEnd } = decoder
  const meta = metaStart === metaEnd ? undefined : toHex(memory.subarray(metaStart, metaEnd))
  return { kind, route, id, meta, body: toHex(memory.subarray(bodyStart, bodyEnd)) }
}

/** Decodes `bytes` at once. @returns the decoder, with its fields, and the status of the first frame */
export function decodeFirst(bytes: Uint8Array, frameBytesMax: number): { decoder: FrameDecoder; code: number } {
  const decoder = new FrameDecoder(frameBytesMax)
  const stream: DecodedStream = { brokenCode: 0 }
  const status = decoder.next(stream, bytes, 0, bytes.length)
  return { decoder, code: status === DECODE_BROKEN ? stream.brokenCode : 0 }
}
