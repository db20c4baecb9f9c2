/** Rules of what an answer comes to: whatever the bytes, never an exception, never what was not asked. */
import { withSeed } from '@shardwire/testkit'
import { encode, RECURSION_AVAILABLE } from 'dns-packet'
import { isIP } from 'node:net'
import { expect, it } from 'vitest'
import { readReply } from '../../src/resolve/dns-wire.ts'

const QUESTION = { id: 0x1234, name: 'a.test', type: 'A' } as const

function answer(): Buffer {
  return encode({
    type: 'response',
    id: QUESTION.id,
    flags: RECURSION_AVAILABLE,
    questions: [{ type: 'A', name: 'a.test', class: 'IN' }],
    answers: [
      { type: 'CNAME', name: 'a.test', ttl: 5, class: 'IN', data: 'b.test' },
      { type: 'A', name: 'b.test', ttl: 100, class: 'IN', data: '10.0.0.9' },
    ],
    additionals: [{ type: 'TXT', name: 'b.test', ttl: 1, class: 'IN', data: 'x' }],
  })
}

it('reads an answer', () => {
  expect(readReply(answer(), QUESTION)).toEqual({ kind: 'addresses', addresses: ['10.0.0.9'], ttlMs: 5000 })
})

it('cut anywhere is a failure or nobody\u2019s, and never an exception', () => {
  const whole = answer()
  for (let length = 0; length < whole.length; length++) {
    const reply = readReply(whole.subarray(0, length), QUESTION)
    // The library does not miss the end of what we do not look at.
    if (reply?.kind === 'addresses') expect(reply.addresses).toEqual(['10.0.0.9'])
    else expect(['undefined', 'failed', 'none']).toContain(reply?.kind ?? 'undefined')
  }
})

it('spoiled anywhere is never an exception, and no aliases in a circle keep it busy', async () => {
  await withSeed('spoiled answers', (random) => {
    for (let round = 0; round < 20_000; round++) {
      const bytes = answer()
      for (let count = random.integer(1, 6); count > 0; count--) {
        bytes[random.integer(2, bytes.length - 1)] = random.next() < 0.3 ? 0xc0 : random.integer(0, 255)
      }
      const reply = readReply(bytes, QUESTION)
      if (reply?.kind === 'addresses') for (const address of reply.addresses) expect(isIP(address)).toBe(4)
    }
  })
  const circle = encode({
    type: 'response',
    id: QUESTION.id,
    questions: [{ type: 'A', name: 'a.test', class: 'IN' }],
    answers: [
      { type: 'CNAME', name: 'a.test', ttl: 5, class: 'IN', data: 'b.test' },
      { type: 'CNAME', name: 'b.test', ttl: 5, class: 'IN', data: 'a.test' },
    ],
  })
  expect(readReply(circle, QUESTION)).toEqual({ kind: 'none', ttlMs: undefined })
})

it('a time to live beyond what there can be is none', () => {
  const bytes = encode({
    type: 'response',
    id: QUESTION.id,
    questions: [{ type: 'A', name: 'a.test', class: 'IN' }],
    answers: [{ type: 'A', name: 'a.test', ttl: 0xffff_ffff, class: 'IN', data: '10.0.0.9' }],
  })
  expect(readReply(bytes, QUESTION)).toMatchObject({ ttlMs: 0 })
})
