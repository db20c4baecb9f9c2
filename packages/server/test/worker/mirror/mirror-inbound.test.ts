import { encodeFrame, KIND_RESPONSE } from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { MirrorInbound } from '../../../src/worker/mirror/mirror-inbound.ts'

const FRAMES = [0, 1, 5, 600, 3000].map((bytes, index) =>
  encodeFrame({ kind: KIND_RESPONSE, route: 1, id: index + 1, body: new Uint8Array(bytes).fill(index) }),
)
const STREAM = Buffer.concat(FRAMES)

function read(chunks: readonly Uint8Array[]): string[] {
  const seen: string[] = []
  const inbound = new MirrorInbound(65_536, ({ id, bodyStart, bodyEnd }, memory) => {
    const body = memory.subarray(bodyStart, bodyEnd)
    seen.push(`${id} ${body.length} ${body.every((byte) => byte === id - 1)}`)
  })
  const memory = new Uint8Array(STREAM.length)
  for (const chunk of chunks) {
    memory.set(chunk)
    inbound.feed(memory, chunk.length)
    // The next read lands in the same place.
    memory.fill(0xee)
  }
  return seen
}

const EXPECTED = ['1 0 true', '2 1 true', '3 5 true', '4 600 true', '5 3000 true']

describe('what a target sends', () => {
  it('is read whole, cut at every place, and byte by byte', () => {
    expect(read([STREAM])).toEqual(EXPECTED)
    for (let cut = 1; cut < STREAM.length; cut++) {
      expect(read([STREAM.subarray(0, cut), STREAM.subarray(cut)])).toEqual(EXPECTED)
    }
    expect(read(Array.from(STREAM, (_, at) => STREAM.subarray(at, at + 1)))).toEqual(EXPECTED)
  })

  it('is broken when it is no frame, and nothing behind it is looked at', () => {
    const bad = Uint8Array.from(FRAMES[2] ?? [])
    bad[8] = 0xff
    let seen = 0
    const inbound = new MirrorInbound(65_536, () => seen++)
    const bytes = Buffer.concat([FRAMES[0] ?? [], bad, FRAMES[1] ?? []].map((part) => Uint8Array.from(part)))
    inbound.feed(bytes, bytes.length)
    expect([seen, inbound.broken]).toEqual([1, expect.stringContaining('crc is')])
  })
})
