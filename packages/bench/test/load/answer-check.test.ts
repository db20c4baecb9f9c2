import { expect, test } from 'vitest'

import { AnswerCheck } from '../../src/load/answer-check.ts'
import { FrameTemplate, viewOf } from '../../src/load/frame-template.ts'

const AT = 5

function setUp(payloadBytes: number): { check: AnswerCheck; memory: Uint8Array; frameBytes: number } {
  const template = new FrameTemplate({ mode: 'request', route: 1, payloadBytes })
  const memory = new Uint8Array(template.frameBytes + 2 * AT)
  const check = new AnswerCheck(template, memory)
  const crc = template.crcFor(template.connectionCrc(3), 99)
  memory.set(template.answer, AT)
  template.stamp(viewOf(memory), AT, 3, 99, crc ^ template.answerCrcFlip)
  check.expect(3, 99, crc)
  return { check, memory, frameBytes: template.frameBytes }
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
