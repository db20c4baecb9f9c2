/** Rules of the clock that stands still. */
import { expect, it } from 'vitest'
import { FakeClock } from '../src/fake-clock.ts'

it('stands still until it is advanced', () => {
  const clock = new FakeClock({ nowMs: 5 })
  expect(clock.nowMs()).toBe(5)
  clock.advance(2.5)
  expect(clock.nowMs()).toBe(7.5)
})

it('runs what is due in order, each at its own moment', () => {
  const clock = new FakeClock({ nowMs: 0 })
  const ran: [string, number][] = []
  for (const [name, delayMs] of [
    ['c', 30],
    ['a', 10],
    ['b', 20],
    ['never', 31],
    ['b2', 20],
  ] as const) {
    clock.after(delayMs, () => ran.push([name, clock.nowMs()]))
  }
  clock.advance(30)
  expect(ran).toEqual([
    ['a', 10],
    ['b', 20],
    ['b2', 20],
    ['c', 30],
  ])
  expect(clock.pendingTimers).toBe(1)
})

it('runs what a task asks for within the same advance', () => {
  const clock = new FakeClock({ nowMs: 0 })
  const ran: number[] = []
  clock.after(10, () => clock.after(5, () => ran.push(clock.nowMs())))
  clock.advance(15)
  expect(ran).toEqual([15])
})

it('repeats until cancelled, also from within the task', () => {
  const clock = new FakeClock({ nowMs: 0 })
  const ran: number[] = []
  const cancel = clock.every(10, () => {
    if (ran.push(clock.nowMs()) === 3) cancel()
  })
  clock.advance(100)
  expect(ran).toEqual([10, 20, 30])
  expect(clock.pendingTimers).toBe(0)
})

it('does not run what was cancelled, and takes a late cancel', () => {
  const clock = new FakeClock()
  let ran = 0
  const cancel = clock.after(1, () => ran++)
  const late = clock.after(1, () => ran++)
  cancel()
  clock.advance(1)
  late()
  expect(ran).toBe(1)
})

it('steps the wall clock without touching a deadline', () => {
  const clock = new FakeClock({ nowMs: 0, wallMs: 1_000_000 })
  let ran = 0
  clock.after(10, () => ran++)
  clock.stepWall(-5000)
  expect(clock.wallMs()).toBe(995_000)
  clock.advance(9)
  expect(ran).toBe(0)
  clock.advance(1)
  expect(ran).toBe(1)
})

it('refuses intervals of 0, going back, and an advance from within', () => {
  const clock = new FakeClock()
  expect(() => clock.every(0, () => undefined)).toThrow(RangeError)
  expect(() => clock.advance(-1)).toThrow(RangeError)
  clock.after(1, () => clock.advance(1))
  expect(() => clock.advance(1)).toThrow('from within')
  clock.advance(1)
})

it('stalls as a stopped process does: each timer once and late, intervals anew from there', () => {
  const clock = new FakeClock({ nowMs: 0 })
  const ran: [string, number][] = []
  clock.every(10, () => ran.push(['every', clock.nowMs()]))
  clock.after(25, () => ran.push(['after', clock.nowMs()]))
  clock.after(500, () => ran.push(['later', clock.nowMs()]))
  clock.stall(100)
  expect(ran).toEqual([
    ['every', 100],
    ['after', 100],
  ])
  clock.advance(10)
  expect(ran.at(-1)).toEqual(['every', 110])
})
