import { KIND_RESPONSE } from '@shardwire/protocol'
import { expect, test } from 'vitest'

import { AnswerCheck } from '../../../src/load/message/answer-check.ts'
import { FrameTemplate } from '../../../src/load/message/frame-template.ts'
import { letters, viewOf } from '../../../src/load/message/template.ts'

const AT = 5

function setUp(payloadBytes: number): { check: AnswerCheck; memory: Uint8Array; frameBytes: number } {
  const body = letters(payloadBytes)
  const template = new FrameTemplate({ kind: KIND_RESPONSE, route: 1, body, isStamped: true })
  const memory = new Uint8Array(template.bytes + 2 * AT)
  const check = new AnswerCheck(template, memory)
  memory.set(template.blank, AT)
  template.stamp(viewOf(memory), AT, 3, 99)
  check.expect(3, 99)
  return { check, memory, frameBytes: template.bytes }
}

test.each([0, 1, 2, 3, 8, 64, 241, 242, 243, 1000])(
  'with %i bytes of payload, one wrong bit anywhere is seen, and where',
  (payloadBytes) => {
    const { check, memory, frameBytes } = setUp(payloadBytes)
    expect(check.matches(AT)).toBe(true)
    expect(check.firstDifference(memory, AT, AT + frameBytes)).toBe(-1)
    for (let offset = 0; offset < frameBytes; offset++) {
      const right = memory[AT + offset] ?? 0
      memory[AT + offset] = right ^ (1 << (offset & 7))
      expect(check.matches(AT)).toBe(false)
      expect(check.firstDifference(memory, AT, AT + frameBytes)).toBe(offset)
      memory[AT + offset] = right
    }
    expect(check.matches(AT)).toBe(true)
  },
)

test('a frame that is too short or too long differs where one of the two ends', () => {
  const { check, memory, frameBytes } = setUp(8)
  expect(check.firstDifference(memory, AT, AT + frameBytes - 1)).toBe(frameBytes - 1)
  expect(check.firstDifference(memory, AT, AT + frameBytes + 1)).toBe(frameBytes)
})
