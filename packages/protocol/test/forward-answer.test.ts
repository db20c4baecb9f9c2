import { testSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { encodeFrame, KIND_REQUEST, KIND_RESPONSE, turnIntoResponse } from '../src/index.ts'

const random = testSeed('forward answer')

describe('turnIntoResponse', () => {
  it.each([0, 1, 2, 15, 64, 1000, 8177, 8178, 8179, 20_000, 1_048_572])(
    'a body of %i bytes: what the encoder writes',
    (size) => {
      for (let round = 0; round < 3; round++) {
        const body = random.bytes(size)
        const route = random.integer(1, 4095)
        const id = random.integer(1, 0xffff_ffff)
        const frame = encodeFrame({ kind: KIND_REQUEST, route, id, body })
        const memory = new Uint8Array(frame.length + 7)
        memory.set(frame, 3)
        turnIntoResponse(memory, 3, 3 + frame.length)
        const expected = encodeFrame({ kind: KIND_RESPONSE, route, id, body })
        expect(Buffer.compare(memory.subarray(3, 3 + frame.length), expected)).toBe(0)
        expect([memory.subarray(0, 3), memory.subarray(3 + frame.length)]).toEqual([
          new Uint8Array(3),
          new Uint8Array(4),
        ])
      }
    },
  )
})
