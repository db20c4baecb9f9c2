/** A codec of one's own, as docs/codecs.md explains it: netstrings, `5:hello,`. */
import { BAD_FRAME, defineCodec, FRAME_TOO_LARGE } from '@shardwire/server/codec'

const ZERO = 0x30
const COLON = 0x3a
const COMMA = 0x2c

export default defineCodec({
  name: 'netstring',
  create: ({ messageBytesMax }) => ({
    decode(reading) {
      const { memory, start, end } = reading
      let at = start
      let length = 0
      for (; at < end && memory[at] !== COLON; at++) {
        const digit = (memory[at] ?? 0) - ZERO
        const isFirstOfMore = at > start && length === 0
        if (digit < 0 || digit > 9 || isFirstOfMore) return reading.broken(BAD_FRAME, 'expected digits, then a colon')
        length = length * 10 + digit
        if (length > messageBytesMax) return reading.broken(FRAME_TOO_LARGE, `more than ${messageBytesMax} bytes`)
      }
      if (at === end) return reading.needMore()
      if (at === start) return reading.broken(BAD_FRAME, 'expected a length before the colon')
      const body = at + 1
      const next = body + length + 1
      // From here on it is known how long the message is.
      if (next > end) return reading.needMore(next - start)
      if (memory[next - 1] !== COMMA) return reading.broken(BAD_FRAME, 'expected a comma behind the string')
      return reading.message(body, next - 1, next)
    },

    encodeAnswer(writer, { memory, start, end }) {
      writer.text(`${end - start}:`)
      writer.bytes(memory, start, end)
      writer.byte(COMMA)
    },
  }),
})
