/**
 * Owns the codec of raw listeners: bytes as they come.
 * Must not know: routes, connections.
 * Invariant: no byte waits for another; where a read was cut means nothing, and says so nowhere.
 */
import type { Codec, CodecOptions } from './codec.ts'
import { writeBody } from './write-body.ts'

export function createRawCodec({ messageBytesMax }: CodecOptions): Codec {
  return {
    decode(reading) {
      const { start, end } = reading
      const next = Math.min(end, start + messageBytesMax)
      return reading.message(start, next, next)
    },
    encodeAnswer: writeBody,
  }
}
