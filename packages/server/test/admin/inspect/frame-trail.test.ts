/** Owns the tests of what is remembered of the last frames of a connection. */
import { KIND_MESSAGE, KIND_REQUEST } from '@shardwire/protocol'
import { withSeed } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { type FrameHeader, FrameTrail, headersOf, TRAIL_WORDS } from '../../../src/admin/inspect/frame-trail.ts'

function request(number: number): FrameHeader {
  return { kind: KIND_REQUEST, route: number, id: number * 10, bytes: number * 100 }
}

describe('the trail of a connection', () => {
  it('is its last four frames, oldest first', () => {
    const trail = new FrameTrail()
    const place = trail.join()
    for (let count = 1; count <= 7; count++) {
      trail.record(place, count, KIND_REQUEST, count, count * 10, count * 100)
      const known = Array.from({ length: Math.min(4, count) }, (_, age) =>
        request(count - Math.min(4, count) + 1 + age),
      )
      expect(trail.headers(place, count)).toEqual(known)
    }
  })

  it('holds the largest values there are, and ids as far as they fit', () => {
    const trail = new FrameTrail()
    const place = trail.join()
    trail.record(place, 1, KIND_MESSAGE, 4095, 0xffff_ffff, 256 * 1024 * 1024)
    expect(trail.headers(place, 1)).toEqual([{ kind: KIND_MESSAGE, route: 4095, id: 0xf_ffff, bytes: 2 ** 28 - 1 }])
  })

  it('of what is no frame has its first bytes', () => {
    const trail = new FrameTrail()
    const place = trail.join()
    trail.record(place, 1, KIND_REQUEST, 1, 1, 20)
    trail.recordBroken(place, 2, new TextEncoder().encode('xxGET / HTTP/1.1'), 2, 16)
    expect(trail.headers(place, 2)).toEqual([
      { kind: KIND_REQUEST, route: 1, id: 1, bytes: 20 },
      { broken: Buffer.from('GET / ').toString('hex') },
    ])
    trail.recordBroken(place, 3, Uint8Array.of(0xff, 0, 0xfe), 0, 3)
    expect(trail.headers(place, 3).at(-1)).toEqual({ broken: 'ff00fe' })
  })

  it('is told from the words that were copied', () => {
    const trail = new FrameTrail()
    const place = trail.join()
    for (let count = 1; count <= 6; count++) trail.record(place, count, KIND_REQUEST, count, count * 10, count * 100)
    const words = new Int32Array(3 * TRAIL_WORDS)
    trail.copy(place, words, TRAIL_WORDS)
    expect(headersOf(words, TRAIL_WORDS, 6)).toEqual(trail.headers(place, 6))
  })
})

it('no two connections share a place, however they come and go', async () => {
  await withSeed('trail', (random) => {
    const trail = new FrameTrail()
    const held = new Map<number, number>()
    for (let step = 1; step < 5000; step++) {
      if (held.size > 0 && random.integer(0, 2) === 0) {
        const [place = -1, mark = 0] = [...held][random.integer(0, held.size - 1)] ?? []
        expect(trail.headers(place, 1)).toEqual([{ kind: 0, route: 1, id: mark & 0xf_ffff, bytes: mark }])
        trail.leave(place)
        held.delete(place)
      } else {
        const place = trail.join()
        expect(held.has(place)).toBe(false)
        trail.record(place, 1, 0, 1, step, step)
        held.set(place, step)
      }
    }
  })
})
