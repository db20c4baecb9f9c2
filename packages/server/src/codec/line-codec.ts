/**
 * Owns the codec of line listeners: bytes up to a delimiter.
 * Must not know: routes, connections.
 * Invariant: a byte is looked at once, however the stream is cut: `state` is how many have no delimiter.
 */
import { FRAME_TOO_LARGE } from '@shardwire/protocol'
import type { Codec, CodecOptions } from './codec.ts'
import { findDelimiter } from './delimiter.ts'
import type { Decoded, Reading } from './reading.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
/** A line that is answered in kind, and that no route is told of. */
const HEARTBEAT = Buffer.from('HEARTBEAT')

/** @param delimiter 1 byte or more */
export function createLineCodec({ messageBytesMax }: CodecOptions, delimiter: Uint8Array): Codec {
  const isLineFeed = delimiter.length === 1 && delimiter[0] === LINE_FEED

  /** What is between two delimiters: a message, or a heartbeat. */
  function line(reading: Reading, lineEnd: number, next: number): Decoded {
    const { memory, start } = reading
    const endsInReturn = isLineFeed && lineEnd > start && memory[lineEnd - 1] === CARRIAGE_RETURN
    const bodyEnd = endsInReturn ? lineEnd - 1 : lineEnd
    if (bodyEnd - start > messageBytesMax) return tooLong(reading)
    return isHeartbeat(memory, start, bodyEnd) ? reading.life(next, start, next) : reading.message(start, bodyEnd, next)
  }

  function tooLong(reading: Reading): Decoded {
    return reading.broken(FRAME_TOO_LARGE, `a line of more than ${messageBytesMax} bytes`)
  }

  return {
    decode(reading) {
      const { memory, start, end } = reading
      const searched = typeof reading.state === 'number' ? reading.state : 0
      const found = findDelimiter(memory, start + searched, end, delimiter)
      if (found >= 0) return line(reading, found, found + delimiter.length)
      // The last bytes may be the first of a delimiter, and one more the return before it.
      if (end - start >= messageBytesMax + delimiter.length + 1) return tooLong(reading)
      reading.state = Math.max(0, end - start - delimiter.length + 1)
      return reading.needMore()
    },

    end(reading) {
      return line(reading, reading.end, reading.end)
    },

    encodeAnswer(writer, { memory, start, end }) {
      writer.bytes(memory, start, end)
      writer.bytes(delimiter)
    },
  }
}

function isHeartbeat(memory: Uint8Array, start: number, end: number): boolean {
  if (end - start !== HEARTBEAT.length) return false
  for (let index = 0; index < HEARTBEAT.length; index++) {
    if (memory[start + index] !== HEARTBEAT[index]) return false
  }
  return true
}
