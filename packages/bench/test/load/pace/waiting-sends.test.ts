import { withSeed } from '@shardwire/testkit'
import { expect, test } from 'vitest'

import { WaitingSends } from '../../../src/load/pace/waiting-sends.ts'

interface Entry {
  readonly dueUs: number
  readonly seenUs: number
  readonly shape: number
}

test('each connection has its own queue, first in, first out, within one bound for all', async () => {
  await withSeed('waiting sends', (random) => {
    const most = 50
    const waiting = new WaitingSends(4, most)
    const naive: Entry[][] = [[], [], [], []]
    for (let step = 0; step < 5000; step++) {
      const connection = random.integer(0, 3)
      const queue = naive[connection] ?? []
      if (random.next() < 0.55) {
        const entry = { dueUs: step, seenUs: step + 0.5, shape: random.integer(0, 9) }
        const hasRoom = naive.flat().length < most
        expect(waiting.push(connection, entry.dueUs, entry.seenUs, entry.shape)).toBe(hasRoom)
        if (hasRoom) queue.push(entry)
      } else if (queue.length > 0) {
        expect({
          dueUs: waiting.dueUs(connection),
          seenUs: waiting.seenUs(connection),
          shape: waiting.shape(connection),
        }).toEqual(queue.shift())
        waiting.shift(connection)
      }
      expect(waiting.isEmpty(connection)).toBe(queue.length === 0)
      expect(waiting.size).toBe(naive.flat().length)
    }
  })
})

test('without room nothing waits', () => {
  expect(new WaitingSends(1, 0).push(0, 1, 1, 0)).toBe(false)
})
