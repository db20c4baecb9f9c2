/** Rules of the system clock, whose timers the test moves itself. */
import { mustCall } from '@shardwire/testkit'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { systemClock } from '../src/index.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

it('runs a task once when its time has come, unless it is cancelled before', () => {
  using task = mustCall('task')
  using cancelled = mustCall('cancelled task', 0)
  // tidy:allow no-sleep because these timers stand still until the test moves them
  systemClock.after(20, task.call)
  // tidy:allow no-sleep because these timers stand still until the test moves them
  const cancel = systemClock.after(20, cancelled.call)
  vi.advanceTimersByTime(19)
  expect(task.count).toBe(0)
  cancel()
  vi.advanceTimersByTime(100)
})

it('runs a task at every interval until it is cancelled', () => {
  using task = mustCall('task', 3)
  // tidy:allow no-sleep because these timers stand still until the test moves them
  const cancel = systemClock.every(10, task.call)
  vi.advanceTimersByTime(35)
  cancel()
  vi.advanceTimersByTime(100)
})
