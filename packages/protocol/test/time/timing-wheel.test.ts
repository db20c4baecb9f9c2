/** The wheel against a sorted list: never early, at most a tick late, whatever happens while it turns. */
import { TimingWheel, WheelEntry } from '@shardwire/protocol'
import { type Random, withSeed } from '@shardwire/testkit'
import { expect, test } from 'vitest'

class Deadline extends WheelEntry {
  dueMs = 0
}

interface Fired {
  readonly entry: Deadline
  readonly atMs: number
}

function wheelOf(tickMs = 10, slots = 8, nowMs = 0): TimingWheel<Deadline> {
  return new TimingWheel<Deadline>({ tickMs, slots, nowMs })
}

function scheduled(wheel: TimingWheel<Deadline>, dueMs: number): Deadline {
  const entry = new Deadline()
  entry.dueMs = dueMs
  wheel.schedule(entry, dueMs)
  return entry
}

function firedBy(wheel: TimingWheel<Deadline>, nowMs: number): Deadline[] {
  const fired: Deadline[] = []
  wheel.advance(nowMs, (entry) => fired.push(entry))
  return fired
}

test('an entry expires in the first tick that begins at or after its deadline', () => {
  const wheel = wheelOf()
  const entry = scheduled(wheel, 31)
  expect(firedBy(wheel, 39.999)).toEqual([])
  expect(firedBy(wheel, 40)).toEqual([entry])
  expect([wheel.size, entry.dueTick]).toEqual([0, -1])
})

test('a deadline that is past already expires with the next tick', () => {
  const wheel = wheelOf(10, 8, 1000)
  const entry = scheduled(wheel, 5)
  expect(firedBy(wheel, 1009)).toEqual([])
  expect(firedBy(wheel, 1010)).toEqual([entry])
})

test('a deadline many laps away waits in its slot for all of them', () => {
  const wheel = wheelOf()
  const entry = scheduled(wheel, 1000)
  for (let nowMs = 10; nowMs < 1000; nowMs += 10) expect(firedBy(wheel, nowMs)).toEqual([])
  expect(firedBy(wheel, 1000)).toEqual([entry])
})

test('laps do not make a deadline late where the tick is a fraction of a millisecond', () => {
  for (const tickMs of [0.1, 0.3, 1.1, 16.7, 33.3]) {
    const wheel = wheelOf(tickMs, 2)
    for (let due = 1; due <= 300; due++) scheduled(wheel, (due - 0.5) * tickMs)
    for (let due = 1; due <= 300; due++) {
      expect(firedBy(wheel, (due + 0.5) * tickMs), `tick ${due} of ${tickMs} ms`).toHaveLength(1)
    }
  }
})

test('within a lap entries expire in the order of their ticks, however far the clock went at once', () => {
  const wheel = wheelOf()
  const dues = [60, 10, 30, 20, 70]
  for (const dueMs of dues) scheduled(wheel, dueMs)
  expect(firedBy(wheel, 75).map(({ dueMs }) => dueMs)).toEqual([10, 20, 30, 60, 70])
})

test('after a jump over many laps all that is due expires, and nothing else', () => {
  const wheel = wheelOf()
  for (const dueMs of [10, 300, 999, 1000, 1001, 5000]) scheduled(wheel, dueMs)
  expect(
    firedBy(wheel, 1000)
      .map(({ dueMs }) => dueMs)
      .sort((a, b) => a - b),
  ).toEqual([10, 300, 999, 1000])
  expect(wheel.size).toBe(2)
})

test('scheduling anew moves an entry, it never stands twice', () => {
  const wheel = wheelOf()
  const entry = scheduled(wheel, 20)
  wheel.schedule(entry, 50)
  expect(wheel.size).toBe(1)
  expect(firedBy(wheel, 40)).toEqual([])
  expect(firedBy(wheel, 50)).toEqual([entry])
})

test('a cancelled entry does not expire, and may be cancelled again or scheduled anew', () => {
  const wheel = wheelOf()
  const entry = scheduled(wheel, 20)
  wheel.cancel(entry)
  wheel.cancel(entry)
  expect([wheel.size, firedBy(wheel, 100)]).toEqual([0, []])
  wheel.schedule(entry, 110)
  expect(firedBy(wheel, 110)).toEqual([entry])
})

test('the clock going back expires nothing', () => {
  const wheel = wheelOf(10, 8, 500)
  scheduled(wheel, 510)
  expect(firedBy(wheel, 100)).toEqual([])
  expect(firedBy(wheel, 510)).toHaveLength(1)
})

test('expire may cancel others of the same slot', () => {
  const wheel = wheelOf()
  const entries = [scheduled(wheel, 20), scheduled(wheel, 20), scheduled(wheel, 100)]
  const fired: Deadline[] = []
  wheel.advance(100, (entry) => {
    fired.push(entry)
    for (const other of entries) wheel.cancel(other)
  })
  expect(fired).toHaveLength(1)
  expect(wheel.size).toBe(0)
})

test('expire may schedule the same entry again: not in the same tick, and not lost', () => {
  const wheel = wheelOf()
  scheduled(wheel, 20)
  const ticks: number[] = []
  const again = (entry: Deadline): void => {
    ticks.push(1)
    wheel.schedule(entry, 0)
  }
  wheel.advance(20, again)
  expect(ticks).toHaveLength(1)
  wheel.advance(30, again)
  expect(ticks).toHaveLength(2)
})

test('what expire throws loses no other entry', () => {
  const wheel = wheelOf()
  const entries = Array.from({ length: 4 }, () => scheduled(wheel, 20))
  expect(() =>
    wheel.advance(20, () => {
      throw new Error('from expire')
    }),
  ).toThrow('from expire')
  expect(wheel.size).toBe(3)
  expect(firedBy(wheel, 30)).toEqual(entries.slice(1))
  expect(wheel.size).toBe(0)
})

test('advancing from within expire expires each entry once', () => {
  const wheel = wheelOf()
  for (const dueMs of [20, 20, 30, 30, 100]) scheduled(wheel, dueMs)
  const fired: number[] = []
  wheel.advance(20, (entry) => {
    fired.push(entry.dueMs)
    wheel.advance(30, (other) => fired.push(other.dueMs))
  })
  expect(fired).toEqual([20, 20, 30, 30])
  expect(wheel.size).toBe(1)
})

test('slots that are no power of two are refused', () => {
  for (const slots of [0, 1, 3, 100]) expect(() => wheelOf(10, slots)).toThrow(RangeError)
})

test('any sequence of steps expires what a sorted list says', async () => {
  await withSeed('wheel against a list', (random) => {
    for (let run = 0; run < 60; run++) runAgainstList(random)
  })
})

function runAgainstList(random: Random): void {
  const tickMs = random.pick([1, 7, 10, 16.7])
  let nowMs = random.integer(0, 1000)
  const wheel = wheelOf(tickMs, random.pick([2, 8, 64]), nowMs)
  const list = new Map<Deadline, number>()
  const farMs = tickMs * random.pick([10, 200, 2000])
  const entries = Array.from({ length: 40 }, () => new Deadline())
  const schedule = (entry: Deadline): void => {
    // A deadline in the past counts from now: the wheel cannot expire it before the next tick.
    const dueMs = nowMs + random.integer(-50, farMs)
    wheel.schedule(entry, dueMs)
    list.set(entry, Math.max(dueMs, nowMs))
  }
  const cancel = (entry: Deadline): void => {
    wheel.cancel(entry)
    list.delete(entry)
  }
  for (let step = 0; step < 200; step++) {
    for (let count = random.integer(0, 3); count > 0; count--) schedule(random.pick(entries))
    if (random.next() < 0.3) cancel(random.pick(entries))
    nowMs += random.next() < 0.1 ? farMs * 3 * random.next() : tickMs * 3 * random.next()
    const fired: Fired[] = []
    wheel.advance(nowMs, (entry) => {
      fired.push({ entry, atMs: list.get(entry) ?? NaN })
      list.delete(entry)
      if (random.next() < 0.2) schedule(random.pick(entries))
      if (random.next() < 0.2) cancel(random.pick(entries))
    })
    for (const { atMs } of fired) expect(atMs).toBeLessThanOrEqual(nowMs)
    // Whatever is a tick overdue now must be gone.
    for (const dueMs of list.values()) expect(dueMs).toBeGreaterThan(nowMs - tickMs - 1e-6)
    expect(wheel.size).toBe(list.size)
  }
}
