/** Rules of latches, counters and queues. */
import { expect, it } from 'vitest'
import { CallCounter, Latch, mustCall } from '../src/latch.ts'
import { WaitQueue } from '../src/queue.ts'
import { withinLimit } from '../src/time-limit.ts'

it('a latch settles once', async () => {
  const latch = new Latch<number>()
  expect(latch.isSettled).toBe(false)
  latch.open(1)
  latch.fail(new Error('too late'))
  expect(await latch.promise).toBe(1)
  expect(latch.isSettled).toBe(true)
})

it('a counter lets a test wait for the nth call, past or future', async () => {
  const counter = new CallCounter<[string]>()
  const second = counter.reached(2)
  counter.call('a')
  counter.call('b')
  expect(await second).toEqual(['b'])
  expect(await counter.reached(1)).toEqual(['a'])
})

it('mustCall complains about a call too many and one too few', () => {
  const once = mustCall('once')
  expect(() => once.verify()).toThrow('once: expected 1 calls, got 0')
  once.call()
  once.verify()
  once.call()
  expect(() => once.verify()).toThrow('got 2')
})

it('a queue serves takers in order and gives what is left after it failed', async () => {
  const queue = new WaitQueue<number>('number')
  const first = queue.take()
  const second = queue.take()
  queue.put(1)
  queue.put(2)
  queue.put(3)
  queue.fail(new Error('no more'))
  expect([await first, await second, await queue.take()]).toEqual([1, 2, 3])
  await expect(queue.take()).rejects.toThrow('no more')
})

it('a limit says what was waited for', async () => {
  const never = new Promise<never>(() => undefined)
  await expect(withinLimit(never, () => 'no bus came', 1)).rejects.toThrow('no bus came (waited 1 ms)')
})
