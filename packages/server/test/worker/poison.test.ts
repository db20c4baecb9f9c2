/** Owns the tests of what a worker's memory holds between two reads while debugging: poison, and no client's bytes. */
import { encodeFrame, KIND_MESSAGE, KIND_RESPONSE, POISON_BYTE } from '@shardwire/protocol'
import { FrameReader } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { route } from '../../src/service/route.ts'
import { FakeHandle } from '../transport/fake-handle.ts'
import { fakeShard, request } from './fake-shard.ts'

const ROUTE = 1

/** Shows where its reads land. */
class OpenHandle extends FakeHandle {
  landing = new Uint8Array(0)
  override useUserBuffer(memory: Uint8Array<ArrayBuffer>): void {
    this.landing = memory
    super.useUserBuffer(memory)
  }
}

function connect(debugViews: string): OpenHandle {
  const { shard } = fakeShard(
    { SHARDWIRE_DEBUG_VIEWS: debugViews },
    { echo: route(ROUTE, { body: 'bytes' }, (asked) => asked.forward()), value: route(2, {}, ({ body }) => body) },
  )
  const handle = new OpenHandle()
  shard.open(shard.adopt(handle.asRaw, 0))
  return handle
}

const ECHO = encodeFrame({ kind: KIND_MESSAGE, route: ROUTE, body: Buffer.from('somebody') })
const VALUE = encodeFrame(request(2, 1, { name: 'somebody', bytes: new Uint8Array(40).fill(7) }))

describe('the read slab', () => {
  it('is overwritten behind each read once its frames are answered, and the answers are right', () => {
    const handle = connect('true')
    handle.arrive(Buffer.concat([ECHO, VALUE, ECHO]))
    const read = ECHO.length * 2 + VALUE.length
    expect(handle.landing.subarray(0, read).every((byte) => byte === POISON_BYTE)).toBe(true)
    const frames = new FrameReader().feed(handle.sent)
    expect(frames.map(({ kind }) => kind)).toEqual([KIND_MESSAGE, KIND_RESPONSE, KIND_MESSAGE])
    expect(handle.sent.subarray(0, ECHO.length)).toEqual(Buffer.from(ECHO))
  })

  it('however the frames are cut', () => {
    const stream = Buffer.concat([ECHO, ECHO, ECHO])
    for (let cut = 1; cut < stream.length; cut++) {
      const handle = connect('true')
      handle.arrive(stream.subarray(0, cut))
      handle.arrive(stream.subarray(cut))
      expect(handle.sent).toEqual(stream)
      expect(handle.landing.subarray(0, cut).every((byte) => byte === POISON_BYTE)).toBe(true)
    }
  })

  it('is left as it is without debugging', () => {
    const handle = connect('false')
    handle.arrive(ECHO)
    expect(Buffer.from(handle.landing.subarray(0, ECHO.length))).toEqual(Buffer.from(ECHO))
  })
})
